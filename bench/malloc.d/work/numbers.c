/*
 * Big numbers, each result in a new block of 16 to 80 bytes that lives for one step: the latency of
 * a pair with hardly anything else alive. Digits are 16 bits. We iterate x = x * x + c modulo the
 * Mersenne number 2^MERSENNE - 1, whose remainder is a fold.
 */
#include "work.h"

#include <stdlib.h>
#include <string.h>

enum { MERSENNE = 160, DIGITS = MERSENNE / 16, KEPT = 64 };

struct number {
	uint32_t nrefs;
	uint32_t ndigits;
	uint16_t digits[];
};

static struct number *number_new(uint32_t ndigits)
{
	struct number *x = need(malloc(sizeof(*x) + ndigits * sizeof(x->digits[0])));

	x->nrefs = 1;
	x->ndigits = ndigits;
	memset(x->digits, 0, ndigits * sizeof(x->digits[0]));
	return x;
}

static void number_drop(struct number *x)
{
	if (--x->nrefs == 0)
		free(x);
}

static struct number *trimmed(struct number *x)
{
	while (x->ndigits > 1 && x->digits[x->ndigits - 1] == 0)
		x->ndigits--;
	return x;
}

static struct number *from_word(uint16_t word)
{
	struct number *x = number_new(1);

	x->digits[0] = word;
	return x;
}

static struct number *add(const struct number *a, const struct number *b)
{
	uint32_t i, n = a->ndigits > b->ndigits ? a->ndigits : b->ndigits, carry = 0;
	struct number *x = number_new(n + 1);

	for (i = 0; i <= n; i++) {
		carry +=
			(i < a->ndigits ? a->digits[i] : 0u) + (i < b->ndigits ? b->digits[i] : 0u);
		x->digits[i] = (uint16_t)carry;
		carry >>= 16;
	}
	return trimmed(x);
}

static struct number *multiply(const struct number *a, const struct number *b)
{
	struct number *x = number_new(a->ndigits + b->ndigits);
	uint32_t i, j, carry;

	for (i = 0; i < a->ndigits; i++) {
		for (carry = 0, j = 0; j < b->ndigits; j++) {
			carry += (uint32_t)a->digits[i] * b->digits[j] + x->digits[i + j];
			x->digits[i + j] = (uint16_t)carry;
			carry >>= 16;
		}
		x->digits[i + j] = (uint16_t)carry;
	}
	return trimmed(x);
}

static struct number *part(const struct number *a, uint32_t from, uint32_t n)
{
	struct number *x = number_new(n ? n : 1);

	memcpy(x->digits, a->digits + from, n * sizeof(a->digits[0]));
	return trimmed(x);
}

/* Takes x. 2^MERSENNE is 1 here: what is above is added to what is below. */
static struct number *fold(struct number *x)
{
	struct number *low, *high;

	while (x->ndigits > DIGITS) {
		low = part(x, 0, DIGITS);
		high = part(x, DIGITS, x->ndigits - DIGITS);
		number_drop(x);
		x = add(low, high);
		number_drop(low);
		number_drop(high);
	}
	return x;
}

uint64_t numbers(const struct job *job)
{
	struct number *kept[KEPT] = {NULL}, *x = from_word(3), *square, *c, *sum;
	struct dice dice = dice_new(1);
	uint64_t i, check = 0;
	size_t slot;

	for (i = 0; i < job->n; i++) {
		square = multiply(x, x);
		c = from_word((uint16_t)(i | 1));
		sum = add(square, c);
		number_drop(square);
		number_drop(c);
		number_drop(x);
		x = fold(sum);
		if (i % 16 == 0) { /* a few live on, as the factor base does */
			slot = below(&dice, KEPT);
			if (kept[slot])
				number_drop(kept[slot]);
			kept[slot] = x;
			x->nrefs++;
		}
		check += x->digits[0];
	}
	peak();
	number_drop(x);
	for (slot = 0; slot < KEPT; slot++)
		if (kept[slot])
			number_drop(kept[slot]);
	return check;
}
