/*
 * Which limit is met first: those in force that are in the way of the heap, one mapping or the
 * stack, by how far it can go until then.
 */
#include "model/limits_table.h"

#include "model/limits_rows.h"

#include <stdlib.h>
#include <string.h>

static bool is_met(const struct limit_row *row, enum growth growth)
{
	return row->in_force && row->until[growth].state == AMOUNT_KNOWN;
}

/* Of two that are equally far away the first in the table counts as met first. */
static void rank(struct limits_table *table, enum growth growth)
{
	size_t i, j;

	for (i = 0; i < table->nrows; i++) {
		struct limit_row *row = &table->rows[i];

		row->rank[growth] = is_met(row, growth);
		for (j = 0; row->rank[growth] && j < table->nrows; j++) {
			const struct limit_row *other = &table->rows[j];

			if (is_met(other, growth) &&
			    (other->until[growth].n < row->until[growth].n ||
			     (other->until[growth].n == row->until[growth].n && j < i)))
				row->rank[growth]++;
		}
	}
}

int limits_table_build(const struct space *space, const struct cgroups *cgroups,
		       struct limits_table *ret)
{
	struct limits_table table = LIMITS_TABLE_EMPTY;
	unsigned growth;
	int r = limits_rows_add(space, cgroups, &table);

	if (r < 0) {
		limits_table_fini(&table);
		return r;
	}
	for (growth = 0; growth < NGROWTHS; growth++)
		rank(&table, growth);
	*ret = table;
	return 0;
}

void limits_table_fini(struct limits_table *table)
{
	free(table->rows);
	*table = LIMITS_TABLE_EMPTY;
}

static unsigned sort_key(const struct limit_row *row, enum growth by)
{
	return row->rank[by] ? row->rank[by] : UINT32_MAX;
}

/* Rows are few, and those that are not met keep their order. */
void limits_table_sort(struct limits_table *table, enum growth by)
{
	size_t i, j;

	for (i = 1; i < table->nrows; i++) {
		struct limit_row row = table->rows[i];

		for (j = i; j > 0 && sort_key(&table->rows[j - 1], by) > sort_key(&row, by); j--)
			table->rows[j] = table->rows[j - 1];
		table->rows[j] = row;
	}
}

const struct limit_row *limits_table_at(const struct limits_table *table, enum growth by,
					unsigned rank)
{
	size_t i;

	for (i = 0; i < table->nrows; i++)
		if (table->rows[i].rank[by] == rank)
			return &table->rows[i];
	return NULL;
}

bool limit_percent(const struct limit_row *row, uint64_t *ret)
{
	unsigned __int128 hundred = 100;

	if (row->soft.state != AMOUNT_KNOWN || row->used.state != AMOUNT_KNOWN || row->soft.n == 0)
		return false;
	hundred = hundred * row->used.n / row->soft.n;
	*ret = hundred > UINT64_MAX ? UINT64_MAX : (uint64_t)hundred;
	return true;
}

const char *limit_why(const struct limit_row *row)
{
	const struct amount *amounts[] = {&row->soft, &row->hard, &row->used, &row->left};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(amounts); i++)
		if (amounts[i]->state == AMOUNT_UNKNOWN)
			return amounts[i]->why;
	return NULL;
}

size_t limits_table_whys(const struct limits_table *table, const char **ret)
{
	size_t i, j, n = 0;

	for (i = 0; i < table->nrows && n < LIMITS_WHYS_MOST; i++) {
		const char *why = limit_why(&table->rows[i]);

		for (j = 0; why && j < n && strcmp(ret[j], why) != 0;)
			j++;
		if (why && j == n)
			ret[n++] = why;
	}
	return n;
}

const char *growth_name(enum growth growth)
{
	static const char *const names[NGROWTHS] = {
		[GROWTH_HEAP] = "heap",
		[GROWTH_MMAP] = "mmap",
		[GROWTH_STACK] = "stack",
	};

	return names[growth];
}
