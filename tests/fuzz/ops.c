/*
 * The operations on memory, each variant beside a byte loop: which one, a number for it and how
 * much of the input is its second operand, then the bytes. Operands are blocks of just their size,
 * at any alignment. Searches are for needles of few letters, as the input says.
 */
#include "fuzz.h"

#include "base/assert.h"
#include "mem/ops/needle.h"
#include "mem/ops/ops.h"

#include <plat/ops.h>

#include <stdlib.h>
#include <string.h>

/* n bytes that end with their block, and begin where alignment says. */
struct operand {
	uint8_t *block, *bytes;
	size_t n;
};

static struct operand operand_of(const uint8_t *data, size_t n, size_t alignment)
{
	struct operand operand = {malloc(n + alignment ? n + alignment : 1), NULL, n};

	must(operand.block);
	operand.bytes = operand.block + alignment;
	if (n > 0)
		memcpy(operand.bytes, data, n);
	return operand;
}

/* What was there moves by `distance` to one side or the other, within the operand. */
static void moves(const struct plat__ops *ops, struct operand all, size_t number)
{
	size_t distance = all.n ? number % (all.n + 1) : 0, n = all.n - distance, i;
	struct operand wanted = operand_of(all.bytes, all.n, 0);
	bool up = number & 1;

	for (i = 0; i < n; i++)
		wanted.bytes[up ? distance + i : i] = all.bytes[up ? i : distance + i];
	ops->move(all.bytes + (up ? distance : 0), all.bytes + (up ? 0 : distance), n);
	for (i = 0; i < all.n; i++)
		must(all.bytes[i] == wanted.bytes[i]);
	free(wanted.block);
}

static void sets(const struct plat__ops *ops, struct operand all, size_t number)
{
	size_t i;

	must(ops->set(all.bytes, (int)number, all.n) == all.bytes);
	for (i = 0; i < all.n; i++)
		must(all.bytes[i] == (uint8_t)number);
}

static void compares(const struct plat__ops *ops, struct operand a, struct operand b)
{
	size_t n = a.n < b.n ? a.n : b.n, i;
	int answer = ops->compare(a.bytes, b.bytes + (b.n - n), n), wanted = 0;

	for (i = 0; i < n && wanted == 0; i++)
		wanted = a.bytes[i] - b.bytes[b.n - n + i];
	must((answer < 0) == (wanted < 0) && (answer > 0) == (wanted > 0));
	must(plat_memequal_ct(a.bytes, b.bytes + (b.n - n), n) == (wanted == 0));
}

static void finds_byte(const struct plat__ops *ops, struct operand in, size_t number)
{
	const uint8_t *first = NULL, *last = NULL;
	size_t i;

	for (i = 0; i < in.n; i++) {
		if (in.bytes[i] != (uint8_t)number)
			continue;
		first = first ? first : in.bytes + i;
		last = in.bytes + i;
	}
	must(ops->find_byte(in.bytes, (int)number, in.n) == first);
	must(ops->find_last_byte(in.bytes, (int)number, in.n) == last);
}

static const uint8_t *found_by_bytes(struct operand in, struct operand needle)
{
	size_t i, j;

	for (i = 0; needle.n <= in.n && i <= in.n - needle.n; i++) {
		for (j = 0; j < needle.n && in.bytes[i + j] == needle.bytes[j]; j++)
			;
		if (j == needle.n)
			return in.bytes + i;
	}
	return NULL;
}

static void finds(const struct plat__ops *ops, struct operand in, struct operand needle)
{
	const uint8_t *wanted = found_by_bytes(in, needle);

	must(ops->find(in.bytes, in.n, needle.bytes, needle.n) == wanted);
	if (needle.n > 0)
		must(plat__find_slowly(in.bytes, in.n, needle.bytes, needle.n) == wanted);
}

/* What the input leaves of each byte: few letters make needles that are almost everywhere. */
static void keep_letters(struct operand operand, uint8_t letters)
{
	static const uint8_t masks[] = {0xff, 0x01, 0x03, 0x0f};
	size_t i;

	for (i = 0; i < operand.n; i++)
		operand.bytes[i] &= masks[letters % sizeof(masks)];
}

static void try_one(const struct plat__ops *ops, unsigned kind, struct operand a, struct operand b,
		    size_t number)
{
	switch (kind) {
	case 0:
		moves(ops, a, number);
		break;
	case 1:
		sets(ops, a, number);
		break;
	case 2:
		compares(ops, a, b);
		break;
	case 3:
		finds_byte(ops, a, number);
		break;
	default:
		finds(ops, a, b);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	unsigned kind = (unsigned)input_number(&input, 1) % 8;
	uint8_t letters = (uint8_t)input_number(&input, 1);
	size_t number = input_number(&input, 2), n = input_number(&input, 2), i;

	n = n < input.size ? n : input.size;
	for (i = 0; plat__ops_variant(i); i++) {
		struct operand a, b;

		if (!plat__ops_can_run(i))
			continue;
		a = operand_of(input.data + n, input.size - n, number % 64);
		b = operand_of(input.data, n, letters % 64);
		keep_letters(a, letters);
		keep_letters(b, letters);
		try_one(plat__ops_variant(i), kind, a, b, number);
		free(a.block);
		free(b.block);
	}
	return 0;
}
