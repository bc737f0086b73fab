/*
 * Numbers that are drawn, exactly: how many of all draws give how much. Counted, never tried.
 *
 *	base + u + v + w + stride * s		u, v, w, s uniform, each from 0
 *
 * or one of several such sums, each so often. Enough for what exec draws, and its sums.
 */
#ifndef MODEL_CHANCE_H
#define MODEL_CHANCE_H

#include <stdint.h>

#define CHANCE_SUMS 9
#define CHANCE_SINGLES 3

typedef unsigned __int128 chance_count;

struct chance_sum {
	int64_t base;
	uint64_t weight; /* how often each of its draws counts */
	unsigned nsingles;
	uint64_t singles[CHANCE_SINGLES]; /* how many values each has, from 0 on */
	uint64_t stride, nstrides;	  /* 0, stride, ... nstrides of them; 1: there is none */
};

struct chance {
	unsigned nsums;
	struct chance_sum sums[CHANCE_SUMS];
};

struct chance chance_constant(int64_t value);
/* 0 to count - 1, each as likely. */
struct chance chance_uniform(uint64_t count);
/* `value`, as one of several: weights are what is alike in all. To an empty struct chance first. */
void chance_or(struct chance *chance, int64_t value, uint64_t weight);
/* Also so often each of value, value + stride, ... */
void chance_or_each(struct chance *chance, int64_t value, uint64_t stride, uint64_t count,
		    uint64_t weight);

/* Two that are drawn apart. At most three singles and one stride may come together. */
struct chance chance_add(const struct chance *a, const struct chance *b);
struct chance chance_negate(const struct chance *chance);

int64_t chance_least(const struct chance *chance);
int64_t chance_most(const struct chance *chance);
/* How many draws there are, and how many of them give `most` or less. */
chance_count chance_total(const struct chance *chance);
chance_count chance_up_to(const struct chance *chance, int64_t most);
/* The least value that at least part/whole of all draws do not exceed. */
int64_t chance_quantile(const struct chance *chance, unsigned part, unsigned whole);

#endif
