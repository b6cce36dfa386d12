/* What rule_spec.c needs of rule_option.c; for everybody else the options
 * are in rule_spec.h. */
#ifndef PROTOCOL_RULE_OPTION_H
#define PROTOCOL_RULE_OPTION_H

#include "rule_spec.h"

/* Give every option of a zeroed spec its default. */
void rule_option_defaults(struct rule_spec *spec);

#endif
