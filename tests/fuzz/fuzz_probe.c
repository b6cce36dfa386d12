/*
 * The bytes as the stored probe of an integration. What was accepted is
 * written as it is kept and read again as the same probe, and no secret of a
 * URL is ever shown.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "integrations.h"
#include "url.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct buf kept, again_kept, shown;

static void
check_shown(const struct rule_spec *probe, size_t arg)
{
	struct url u;
	struct err e;

	buf_clear(&shown);
	rule_spec_put_arg(&shown, probe, arg);
	if (url_split(buf_slice(&shown), &u, &e) == 0)
		assert(u.user_info.len == 0 ||
		    slice_eq(u.user_info, slice_str("***")));
	/* Nothing is left to be masked. */
	buf_clear(&again_kept);
	url_put_masked(&again_kept, buf_slice(&shown));
	assert(slice_eq(buf_slice(&again_kept), buf_slice(&shown)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct rule_spec *probe, *again;
	struct err e;

	probe = probe_decode(slice_of((const char *)bytes, n), &e);
	if (probe == NULL)
		return 0;
	assert(rule_spec_is_probe(probe));
	buf_clear(&kept);
	probe_encode(&kept, probe);
	again = probe_decode(buf_slice(&kept), &e);
	assert(again != NULL && again->runner == probe->runner);
	buf_clear(&again_kept);
	probe_encode(&again_kept, again);
	assert(slice_eq(buf_slice(&kept), buf_slice(&again_kept)));
	if (probe->runner == PROBE_HTTP)
		check_shown(probe, 1);
	else if (probe->runner == PROBE_REDIS || probe->runner == PROBE_AMQP)
		check_shown(probe, 0);
	rule_spec_unref(again);
	rule_spec_unref(probe);
	return 0;
}
