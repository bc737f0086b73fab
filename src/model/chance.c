/*
 * Of n numbers, each 0 or more, that sum up to t or less there are (t + n over n). Those where one
 * is too large are taken off, those where two are were then taken off twice, and so on. A stride
 * sums this over an arithmetic progression, which has a formula for each n.
 */
#include "model/chance.h"

#include "base/addr.h"
#include "base/assert.h"

struct chance chance_constant(int64_t value)
{
	struct chance chance = {0};

	chance_or(&chance, value, 1);
	return chance;
}

struct chance chance_uniform(uint64_t count)
{
	struct chance chance = chance_constant(0);

	if (count > 1) {
		chance.sums[0].singles[0] = count;
		chance.sums[0].nsingles = 1;
	}
	return chance;
}

void chance_or(struct chance *chance, int64_t value, uint64_t weight)
{
	chance_or_each(chance, value, 1, 1, weight);
}

void chance_or_each(struct chance *chance, int64_t value, uint64_t stride, uint64_t count,
		    uint64_t weight)
{
	if (count == 0 || weight == 0)
		return;
	must(chance->nsums < CHANCE_SUMS);
	chance->sums[chance->nsums++] = (struct chance_sum){
		.base = value, .weight = weight, .stride = stride, .nstrides = count};
}

static struct chance_sum add_sums(const struct chance_sum *a, const struct chance_sum *b)
{
	struct chance_sum sum = *a;
	unsigned i;

	must(a->nsingles + b->nsingles <= CHANCE_SINGLES);
	must(a->nstrides == 1 || b->nstrides == 1);
	sum.base += b->base;
	sum.weight *= b->weight;
	for (i = 0; i < b->nsingles; i++)
		sum.singles[sum.nsingles++] = b->singles[i];
	if (b->nstrides > 1) {
		sum.stride = b->stride;
		sum.nstrides = b->nstrides;
	}
	return sum;
}

struct chance chance_add(const struct chance *a, const struct chance *b)
{
	struct chance chance = {0};
	unsigned i, j;

	must(a->nsums * b->nsums <= CHANCE_SUMS);
	for (i = 0; i < a->nsums; i++)
		for (j = 0; j < b->nsums; j++)
			chance.sums[chance.nsums++] = add_sums(&a->sums[i], &b->sums[j]);
	return chance;
}

/* From the least to the most of its values. */
static uint64_t extent(const struct chance_sum *sum)
{
	uint64_t extent = sum->stride * (sum->nstrides - 1);
	unsigned i;

	for (i = 0; i < sum->nsingles; i++)
		extent += sum->singles[i] - 1;
	return extent;
}

/* A uniform number taken from its most is uniform. */
struct chance chance_negate(const struct chance *chance)
{
	struct chance negative = *chance;
	unsigned i;

	for (i = 0; i < chance->nsums; i++)
		negative.sums[i].base = -chance->sums[i].base - (int64_t)extent(&chance->sums[i]);
	return negative;
}

int64_t chance_least(const struct chance *chance)
{
	int64_t least = INT64_MAX;
	unsigned i;

	for (i = 0; i < chance->nsums; i++)
		if (chance->sums[i].base < least)
			least = chance->sums[i].base;
	return least;
}

int64_t chance_most(const struct chance *chance)
{
	int64_t most = INT64_MIN;
	unsigned i;

	for (i = 0; i < chance->nsums; i++) {
		int64_t here = chance->sums[i].base + (int64_t)extent(&chance->sums[i]);

		if (here > most)
			most = here;
	}
	return most;
}

static chance_count draws(const struct chance_sum *sum)
{
	chance_count count = (chance_count)sum->weight * sum->nstrides;
	unsigned i;

	for (i = 0; i < sum->nsingles; i++)
		count *= sum->singles[i];
	return count;
}

chance_count chance_total(const struct chance *chance)
{
	chance_count total = 0;
	unsigned i;

	for (i = 0; i < chance->nsums; i++)
		total += draws(&chance->sums[i]);
	return total;
}

/*
 * Over x = t, t - stride, ... that are not negative, `most` of them at most: the sum of (x + n over
 * n). With m of them: sum of x = m t - stride m (m - 1) / 2, and the like for squares.
 */
static chance_count sum_of_progression(uint64_t t, unsigned n, uint64_t stride, uint64_t most)
{
	chance_count m = min_u64(most - 1, t / stride) + 1;
	chance_count steps = m * (m - 1) / 2 * stride;
	chance_count squares = (m - 1) * m * (2 * m - 1) / 6 * stride * stride;
	chance_count xs = m * t - steps;

	if (n == 0)
		return m;
	if (n == 1)
		return xs + m;
	if (n == 2)
		return (m * t * t - 2 * t * steps + squares + 3 * xs + 2 * m) / 2;
	/* n is 3, and then there is one x only. */
	must(n == 3 && m == 1);
	return (chance_count)(t + 1) * (t + 2) * (t + 3) / 6;
}

static chance_count sum_up_to(const struct chance_sum *sum, int64_t most)
{
	chance_count added = 0, taken = 0;
	unsigned subset, i;

	for (subset = 0; subset < 1U << sum->nsingles; subset++) {
		int64_t t = most - sum->base;
		chance_count *to = &added;

		for (i = 0; i < sum->nsingles; i++) {
			if (!(subset >> i & 1))
				continue;
			t -= (int64_t)sum->singles[i];
			to = to == &added ? &taken : &added;
		}
		if (t >= 0)
			*to += sum_of_progression((uint64_t)t, sum->nsingles, sum->stride,
						  sum->nstrides);
	}
	return (added - taken) * sum->weight;
}

chance_count chance_up_to(const struct chance *chance, int64_t most)
{
	chance_count count = 0;
	unsigned i;

	for (i = 0; i < chance->nsums; i++)
		count += sum_up_to(&chance->sums[i], most);
	return count;
}

int64_t chance_quantile(const struct chance *chance, unsigned part, unsigned whole)
{
	chance_count wanted = chance_total(chance) * part;
	int64_t low = chance_least(chance), high = chance_most(chance);

	while (low < high) {
		int64_t middle = low + (high - low) / 2;

		if (chance_up_to(chance, middle) * whole >= wanted)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}
