#include "heap/block_log.h"

#include "base/list.h"

#include <stdlib.h>

#define NUMBER_MOST 10 /* bytes of a varint */
#define NUMBERS 7
#define GROWTH ((size_t)1 << 16)

static void put(struct block_log *log, uint64_t number)
{
	for (; number > 127; number >>= 7)
		log->bytes[log->size++] = (unsigned char)(number | 128);
	log->bytes[log->size++] = (unsigned char)number;
}

static uint64_t get(struct block_log_reader *reader)
{
	uint64_t number = 0;
	unsigned shift = 0;
	unsigned char byte;

	do {
		byte = reader->log->bytes[reader->at++];
		number |= (uint64_t)(byte & 127) << shift;
		shift += 7;
	} while (byte & 128);
	return number;
}

/* Small numbers for small distances in both directions. */
static uint64_t fold(uint64_t difference)
{
	return difference << 1 ^ -(difference >> 63);
}

static uint64_t unfold(uint64_t number)
{
	return number >> 1 ^ -(number & 1);
}

int block_log_add(struct block_log *log, const struct block *block)
{
	int r = 0;

	if (log->room - log->size < NUMBERS * NUMBER_MOST)
		r = list_reserve(&log->bytes, &log->room, log->size, GROWTH);
	if (r < 0)
		return r;
	put(log, fold(block->address - log->last));
	put(log, block->before);
	put(log, block->size);
	put(log, fold(block->extent - block->size));
	put(log, (uint32_t)(block->class + 1));
	put(log, (uint32_t)(block->arena + 1));
	put(log, (uint64_t)block->state << 1 | block->is_requested);
	log->last = block->address;
	return 0;
}

void block_log_fini(struct block_log *log)
{
	free(log->bytes);
	*log = (struct block_log){0};
}

bool block_log_next(struct block_log_reader *reader, struct block *ret)
{
	uint64_t state;

	if (reader->at == reader->log->size)
		return false;
	ret->address = reader->last += unfold(get(reader));
	ret->before = (uint32_t)get(reader);
	ret->size = get(reader);
	ret->extent = ret->size + unfold(get(reader));
	ret->class = (uint32_t)get(reader) - 1;
	ret->arena = (uint32_t)get(reader) - 1;
	state = get(reader);
	ret->state = (enum block_state)(state >> 1);
	ret->is_requested = state & 1;
	return true;
}
