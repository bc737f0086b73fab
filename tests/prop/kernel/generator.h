/*
 * Random requests. Each is a row of numbers with addresses as they are, never "the n-th mapping",
 * so that a run with some requests left out still means something.
 */
#ifndef KERNEL_GENERATOR_H
#define KERNEL_GENERATOR_H

#include "profile.h"
#include "random.h"
#include "seen.h"

struct generator {
	struct random random;
	const struct profile *profile;
	const struct model *model;     /* what is mapped; only looked at */
	const struct seen *seen;       /* the VMAs after the last request, or some of them */
	uint64_t keep_start, keep_end; /* the program itself: no request goes there */
	bool set_mm;		       /* PR_SET_MM_MAP is there */
	bool random_32bit;	       /* MAP_32BIT is placed by chance */
};

/* Where most of the requests go. */
#define ARENA UINT64_C(0x10000000)
#define ARENA_PAGES 48

/* Where the crowd is: every other page of it has other rights than its neighbours. */
#define CROWD UINT64_C(0x20000000)

void generator_next(struct generator *generator, struct model_request *ret);

/*
 * Request i of those that a crowd of `count` VMAs in all is made by, from a process that has
 * `at_start`. False: there are no more.
 */
bool generator_crowd(size_t i, size_t at_start, size_t count, struct model_request *ret);

/* Whether the request could harm the program that carries it out. */
bool generator_forbids(const struct generator *generator, const struct model_request *request);

#endif
