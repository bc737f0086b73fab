/* A set of addresses, as ranges in order that neither touch nor overlap. */
#ifndef BASE_RANGES_H
#define BASE_RANGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/compiler.h"
#include "base/reader.h"

struct range {
	plat_addr start, end;
};

struct ranges {
	struct range *items;
	size_t n, room;
	size_t sorted; /* how many had their order when it was last made */
	bool is_short; /* memory ran out: something is missing */
};

#define RANGES_EMPTY ((struct ranges){0})

void ranges_fini(struct ranges *ranges);

/* Adds one; in any order, and as often as one likes. */
void ranges_add(struct ranges *ranges, plat_addr start, plat_addr end);

/* Makes the order, before ranges are asked. 0; -ENOMEM where one could not be added. */
int ranges_sort(struct ranges *ranges) MUST_CHECK;

/* The first one that ends behind `at`, or NULL. Their order was made. */
const struct range *ranges_from(const struct ranges *ranges, plat_addr at);

/* A reader that notes what is read through it. */
struct ranges_reader {
	struct reader reader; /* hand this to who wants to read */
	struct reader *from;
	struct ranges *read;
};

struct ranges_reader ranges_reader_of(struct reader *from, struct ranges *read);

#endif
