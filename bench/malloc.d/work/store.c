/*
 * A database that runs for long: buffers of 1 MiB that are filled and turned into sorted tables,
 * a cache of blocks of 4 to 64 KiB that lives on, and an index of small entries per table. When
 * there are too many tables the older half is merged into one.
 */
#include "work.h"

#include <stdlib.h>
#include <string.h>

enum { TABLES = 16, BUFFER = 1 << 20, BLOCKS = 256, ENTRY_LOW = 24, ENTRY_HIGH = 128 };

struct table {
	void **entries;
	size_t nentries;
};

struct database {
	struct table tables[TABLES];
	unsigned char *blocks[BLOCKS];
	size_t sizes[BLOCKS], ntables;
	struct dice dice;
	uint64_t check;
};

static void read_block(struct database *db)
{
	size_t at = below(&db->dice, BLOCKS), k;

	free(db->blocks[at]);
	db->sizes[at] = mostly_small(&db->dice, 4096, 65536);
	db->blocks[at] = need(malloc(db->sizes[at]));
	for (k = 0; k < db->sizes[at]; k += 512)
		db->blocks[at][k] = (unsigned char)k;
	db->check += db->sizes[at];
}

static struct table table_new(struct database *db, size_t n)
{
	struct table table = {need(malloc(n * sizeof(void *))), n};
	size_t i, size;

	for (i = 0; i < n; i++) {
		size = between(&db->dice, ENTRY_LOW, ENTRY_HIGH);
		table.entries[i] = need(malloc(size));
		mark(table.entries[i], size, 1);
		db->check += size;
	}
	return table;
}

static void table_free(struct table *table)
{
	size_t i;

	for (i = 0; i < table->nentries; i++)
		free(table->entries[i]);
	free(table->entries);
}

static void merge(struct database *db)
{
	size_t half = TABLES / 2, n = 0, i;
	struct table merged;

	for (i = 0; i < half; i++)
		n += db->tables[i].nentries;
	merged = table_new(db, n / 4);
	for (i = 0; i < half; i++)
		table_free(&db->tables[i]);
	memmove(&db->tables[1], &db->tables[half], (TABLES - half) * sizeof(merged));
	db->tables[0] = merged;
	db->ntables = TABLES - half + 1;
}

uint64_t store(const struct job *job)
{
	struct database *db = reserve(sizeof(*db));
	unsigned char *buffer;
	uint64_t i;
	size_t k;

	db->dice = dice_new(12);
	for (i = 0; i < job->n; i++) {
		buffer = need(malloc(BUFFER));
		for (k = 0; k < BUFFER; k += 256)
			buffer[k] = 1;
		for (k = 0; k < 60; k++)
			read_block(db);
		if (db->ntables == TABLES)
			merge(db);
		db->tables[db->ntables++] = table_new(db, between(&db->dice, 500, 3000));
		free(buffer);
	}
	peak();
	for (k = 0; k < db->ntables; k++)
		table_free(&db->tables[k]);
	for (k = 0; k < BLOCKS; k++)
		free(db->blocks[k]);
	return db->check;
}
