/* A set of pages, as ranges in the order of their addresses. */
#ifndef MODEL_PAGES_H
#define MODEL_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct pages_range {
	uint64_t start, end;
};

struct pages_present {
	struct pages_range *ranges; /* never touching each other */
	size_t nranges, ranges_room;
};

void pages_fini(struct pages_present *pages);
int pages_copy(const struct pages_present *pages, struct pages_present *ret) MUST_CHECK;

/* 0, or -ENOMEM and nothing has changed. */
int pages_add(struct pages_present *pages, uint64_t start, uint64_t end) MUST_CHECK;
int pages_take(struct pages_present *pages, uint64_t start, uint64_t end) MUST_CHECK;
/* What lies in [from, from + size) goes to [to, to + size), where nothing may be. 0 or -ENOMEM. */
int pages_move(struct pages_present *pages, uint64_t from, uint64_t to, uint64_t size) MUST_CHECK;
/* How many bytes of [start, end) are in the set. */
uint64_t pages_in(const struct pages_present *pages, uint64_t start, uint64_t end);
/* The end of the longest part of [start, end) that begins at start and is in the set; or start. */
uint64_t pages_reach(const struct pages_present *pages, uint64_t start, uint64_t end);

/* Whether the ranges are in order, none empty, none touching the next. Looks at each. */
bool pages_valid(const struct pages_present *pages);

#endif
