/*
 * What is percent-encoded in the URL of a rule: user, password and the name
 * behind the slash. Wiped before it is freed.
 */
#ifndef EXEC_LOGIN_H
#define EXEC_LOGIN_H

#include "slice.h"
#include "url.h"

struct login {
	char *user;	/* owned; NULL: none given */
	char *password; /* the same */
};

/* 0, or -1 with a reason in *why: an encoding that is none, an encoded NUL,
 * out of memory. It never quotes. */
int login_parse(struct login *l, struct slice user_info, const char **why);
void login_free(struct login *l);

/* The decoded text, terminated, the caller's to free; NULL as above. */
char *percent_decode(struct slice s, const char **why);

#endif
