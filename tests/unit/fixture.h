/* The fixture of tests about one space: it is empty when a test begins, and freed when it ends. */
#ifndef UNIT_FIXTURE_H
#define UNIT_FIXTURE_H

#include "space/space.h"

static struct space space;

static inline int begin_space(void **state)
{
	(void)state;
	space_init(&space);
	return 0;
}

static inline int end_space(void **state)
{
	(void)state;
	space_fini(&space);
	return 0;
}

#endif
