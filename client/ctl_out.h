/*
 * A reply on its way to the user, row by row, in one of three forms:
 * a table for people, plain lines of words for scripts, JSON for programs.
 */
#ifndef CLIENT_CTL_OUT_H
#define CLIENT_CTL_OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "buf.h"
#include "ctl_args.h"
#include "ctl_table.h"
#include "ctl_view.h"
#include "tick.h"

struct out {
	FILE *to;
	enum ctl_form form; /* not FORM_AUTO */
	bool quiet;	    /* no bare OK */
	struct view view;
	bool utf8; /* bars may have block characters */
	size_t n_rows;
	struct table table;
	bool in_list;	 /* the table's last row was no pair */
	struct buf line; /* scratch */
	json_t *object;	 /* of VIEW_PAIRS */
};

/* FORM_AUTO is a table on a terminal, else plain. */
void out_init(struct out *o, FILE *to, enum ctl_form form, bool quiet,
    const struct view *view);

/* 0, or -1 when out of memory or `to` takes no more. */
int out_row(struct out *o, const struct tick_row *row);

/* Print what is held back, to go on with more. */
int out_flush(struct out *o);

/* The words after OK, and what is still held back. */
int out_end(struct out *o, const struct tick_row *ok);

void out_fini(struct out *o);

#endif
