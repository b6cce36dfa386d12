/*
 * A name server that does not answer, for one name. A test program that uses
 * this has a getaddrinfo of its own, which libraries call as well.
 */
#ifndef SUPPORT_HUNG_NAME_H
#define SUPPORT_HUNG_NAME_H

#define HUNG_NAME "hung.test"

/* Wait until one more lookup of it has begun. */
void hung_name_await(void);

/* Let n lookups end: there is no such name. */
void hung_name_release(int n);

#endif
