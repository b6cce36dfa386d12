/*
 * Bytes as a configuration file, and as an auth file. What is accepted must
 * list itself as text that is accepted again and lists the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "auth.h"
#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void
require(int ok)
{
	if (!ok)
		abort();
}

static void
list_again(struct config *c, enum config_id id)
{
	struct buf first = { 0 };
	struct buf again = { 0 };
	struct err e;

	config_put_value(c, id, &first);
	require(!first.failed);
	require(config_set(c, slice_str(config_name(id)), buf_slice(&first),
		    CONFIG_FROM_COMMAND, &e) == 0);
	config_put_value(c, id, &again);
	require(slice_eq(buf_slice(&first), buf_slice(&again)));
	buf_free(&first);
	buf_free(&again);
}

static void
read_config(struct slice text)
{
	struct config c;
	struct err e;
	int id;

	require(config_init(&c, &e) == 0);
	if (config_read_text(&c, "fuzz", text, &e) == 0) {
		(void)config_check(&c, &e); /* either answer is fine */
		for (id = 0; id < CONFIG_COUNT; id++)
			list_again(&c, (enum config_id)id);
	}
	config_fini(&c);
}

static void
read_auth(struct slice text)
{
	struct auth *auth;
	struct err e;
	size_t i;

	auth = auth_parse("fuzz", text, &e);
	if (auth == NULL)
		return;
	for (i = 0; i < auth->n; i++) {
		require(auth->tokens[i].role != ROLE_NONE);
		require(auth->tokens[i].has_secret ||
		    auth->tokens[i].certificate != NULL);
		require(auth_find_name(auth, slice_str(auth->tokens[i].name)) ==
		    &auth->tokens[i]);
	}
	auth_free(auth);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = { (const char *)bytes, n };

	read_config(text);
	read_auth(text);
	return 0;
}
