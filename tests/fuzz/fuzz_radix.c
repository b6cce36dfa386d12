/*
 * Bytes as a program on a radix tree and its model. An instruction is one byte
 * that names the operation, one that says how much of the last key to keep,
 * one that says how many bytes to append to it, and those bytes; so a short
 * input reaches long keys that share long stretches.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "radix.h"
#include "radix_model.h"

#define APPEND_MAX 16u

struct program {
	const uint8_t *at, *end;
	char key[RADIX_KEY_MAX];
	size_t key_len;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct radix_model model;

static uint8_t
next_byte(struct program *p)
{
	return p->at < p->end ? *p->at++ : 0;
}

static struct slice
next_key(struct program *p)
{
	size_t keep = next_byte(p);
	size_t append = next_byte(p) % (APPEND_MAX + 1);

	if (p->key_len > keep)
		p->key_len = keep;
	while (append-- > 0 && p->key_len < RADIX_KEY_MAX)
		p->key[p->key_len++] = (char)next_byte(p);
	return slice_of(p->key, p->key_len);
}

static void
run(struct program *p)
{
	uint8_t operation = next_byte(p);
	struct slice key = next_key(p);

	switch (operation % 8) {
	case 0:
	case 1:
		model_insert(&model, key);
		break;
	case 2:
		model_remove(&model, key);
		break;
	case 3:
		model_replace(&model, key);
		break;
	case 4:
		model_find(&model, key);
		break;
	case 5:
		model_longest_prefix(&model, key);
		break;
	case 6:
		model_walk(&model, key, operation & 8, operation >> 4);
		break;
	default:
		model_starve(&model, operation & 8);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct program p = { .at = bytes, .end = bytes + n };

	model_init(&model);
	while (p.at < p.end)
		run(&p);
	model_check(&model);
	model_fini(&model);
	return 0;
}
