/* What unit tests and fuzz targets share: memory made of an array, and what holds of any space. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "base/reader.h"
#include "space/space.h"

/* Memory that is an array at `base`; all else is not mapped. */
struct array {
	struct reader reader;
	plat_addr base;
	const unsigned char *data;
	size_t size;
};

struct array array_at(plat_addr base, const void *data, size_t size);

/*
 * What must hold of any space, whatever it was made from: space_valid(), gaps and regions fill all
 * of memory, names hold no control characters, no region has more pages than bytes.
 */
void check_space(struct space *space);

#endif
