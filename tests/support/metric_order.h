/*
 * The metrics of every section in their order, written out from PROTOCOL.md
 * by hand: neither metrics.def nor the server may depart from it.
 */
#ifndef TESTS_METRIC_ORDER_H
#define TESTS_METRIC_ORDER_H

#include "metric.h"

/* Names with a space between. */
extern const char *const metric_order[METRIC_SECTION_COUNT];

#endif
