/*
 * Aligned columns of text. The widths are those of the first rows, up to
 * TABLE_SAMPLE of them: a list of any length is printed as it comes.
 */
#ifndef CLIENT_CTL_TABLE_H
#define CLIENT_CTL_TABLE_H

#include <stdio.h>

#include "buf.h"
#include "slice.h"

#define TABLE_SAMPLE 500
#define TABLE_COLUMNS_MAX 64

/* Zeroed: empty. */
struct table {
	struct buf cells; /* bytes of the rows not printed yet: each cell ended
			   * by '\0', each row by '\n' */
	size_t column;	  /* of the next cell */
	size_t n_rows;	  /* in cells */
	size_t width[TABLE_COLUMNS_MAX];
};

/* A cell, shown so that it can do no harm on a terminal. */
void table_cell(struct table *t, struct slice text);
/* 0, or -1 when out of memory or `to` takes no more. */
int table_end_row(struct table *t, FILE *to);
/* Print what is left. */
int table_flush(struct table *t, FILE *to);
void table_fini(struct table *t);

#endif
