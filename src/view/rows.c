/*
 * Rows are made in three steps, each of them one pass:
 *
 *   spans   regions that touch and belong to one thing; gaps as they are
 *   folds   a long run of spans alike becomes one span, with the small gaps inside it
 *   rows    a span with its sums, its strip and its growth
 *
 * Spans are small, so that the 70,000 mappings of a big process cost little before they are folded.
 */
#include "view/rows.h"

#include "base/list.h"
#include "base/text.h"
#include "space/kinds.h"
#include "space/stacks.h"
#include "view/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLD_MORE_THAN 16	  /* rows alike beside each other are shown one by one up to here */
#define FOLD_THREADS_MORE_THAN 16 /* people look for their threads by name */
#define FOLD_APART 5		  /* at most so many spans lie between two that are folded */
#define FOLD_GAP (UINT64_C(128) << 20) /* a free gap up to this size does not end a fold */

struct span {
	size_t first, n; /* regions, or the number of a gap */
	uint8_t type;	 /* enum row_type */
	uint8_t folded;	 /* enum row_type, in a fold */
	size_t nfolded;
};

struct spans {
	struct span *spans;
	size_t nspans, spans_room;
};

static uint32_t bit(enum kind kind)
{
	return UINT32_C(1) << kind;
}

static enum row_type module_type(const struct space *space, uint32_t module)
{
	switch (space->modules[module].role) {
	case MODULE_PROGRAM:
		return ROW_PROGRAM;
	case MODULE_INTERPRETER:
		return ROW_LOADER;
	case MODULE_VDSO:
		return ROW_VDSO;
	default:
		return ROW_LIBRARY;
	}
}

static enum row_type type_of(const struct space *space, const struct region *region)
{
	switch (region->kind) {
	case KIND_VDSO:
	case KIND_VVAR:
		return ROW_VDSO;
	case KIND_HEAP:
		return ROW_HEAP;
	case KIND_STACK:
	case KIND_ARGS:
	case KIND_ENV:
	case KIND_AUXV:
		return ROW_STACK;
	case KIND_THREAD_STACK:
		return ROW_THREAD;
	default:
		break;
	}
	if (region->module != NO_MODULE)
		return module_type(space, region->module);
	if (region->thread != NO_THREAD)
		return ROW_THREAD;
	switch (region->kind) {
	case KIND_FILE:
		return ROW_FILE;
	case KIND_SHM:
		return ROW_SHM;
	case KIND_ANON:
	case KIND_RESERVED:
	case KIND_GUARD:
		return ROW_ANON;
	default:
		return ROW_OTHER;
	}
}

/* Whether `region` goes on with what `before`, the region below it, belongs to. */
static bool joins(const struct space *space, enum row_type type, const struct region *before,
		  const struct region *region)
{
	if (before->end != region->start || type_of(space, region) != type)
		return false;
	switch (type) {
	case ROW_PROGRAM:
	case ROW_LOADER:
	case ROW_LIBRARY:
		return before->module == region->module;
	case ROW_THREAD:
		return before->thread == region->thread;
	case ROW_FILE:
	case ROW_SHM:
		return before->file == region->file;
	case ROW_VDSO:
	case ROW_HEAP:
	case ROW_STACK:
		return true;
	default:
		return before->kind == region->kind && before->rights == region->rights &&
		       before->file == region->file;
	}
}

static int make_spans(const struct space *space, struct spans *spans)
{
	size_t region = 0, gap = 0;

	while (region < space->nregions || gap < space->ngaps) {
		const struct region *here = &space->regions[region];
		struct span *last;
		int r = list_reserve(&spans->spans, &spans->spans_room, spans->nspans, 1);

		if (r < 0)
			return r;
		last = spans->nspans ? &spans->spans[spans->nspans - 1] : NULL;
		if (region == space->nregions ||
		    (gap < space->ngaps && space->gaps[gap].start < here->start)) {
			spans->spans[spans->nspans++] =
				(struct span){.type = ROW_GAP, .first = gap++, .n = 1};
			continue;
		}
		if (last && last->type != ROW_GAP && joins(space, last->type, here - 1, here)) {
			last->n++;
			region++;
			continue;
		}
		spans->spans[spans->nspans++] = (struct span){
			.type = (uint8_t)type_of(space, here), .first = region++, .n = 1};
	}
	return 0;
}

/* What a span is to a run that is to be folded. */
enum part { PART_MEMBER, PART_BETWEEN, PART_END };

static enum part part_of(const struct space *space, const struct span *span, bool nameless)
{
	const struct gap *gap = &space->gaps[span->first];

	switch (span->type) {
	case ROW_GAP:
		return gap->kind == GAP_FREE && gap_size(gap) <= FOLD_GAP ? PART_BETWEEN : PART_END;
	case ROW_ANON:
		return nameless ? PART_MEMBER : PART_BETWEEN;
	case ROW_THREAD:
	case ROW_FILE:
	case ROW_SHM:
	case ROW_OTHER:
		return nameless ? PART_END : PART_MEMBER;
	default:
		return PART_END;
	}
}

/* A run of spans of one type: spans[first..last], of which `count` are of that type. */
struct run {
	size_t first, last, count;
};

/* Folds a run into the place `to` if it is long enough. Returns how many spans it left there. */
static size_t fold_run(const struct spans *spans, const struct run *run, struct span *to)
{
	const struct span *first = &spans->spans[run->first], *last = &spans->spans[run->last];
	struct span fold = {.type = ROW_FOLD, .folded = first->type, .first = first->first};
	size_t n = run->last - run->first + 1;

	if (run->count <= (first->type == ROW_THREAD ? FOLD_THREADS_MORE_THAN : FOLD_MORE_THAN)) {
		memmove(to, first, n * sizeof(*to));
		return n;
	}
	fold.n = last->first + last->n - first->first;
	fold.nfolded = run->count;
	*to = fold;
	return 1;
}

/*
 * Folds in place. First what has names, over nameless memory in between: stacks alternate with
 * arenas, files with their private copies. Then what is left of nameless memory.
 */
static void fold_spans(const struct space *space, struct spans *spans, bool nameless)
{
	struct span *list = spans->spans;
	size_t i, n = 0;

	for (i = 0; i < spans->nspans;) {
		struct run run = {.first = i, .last = i, .count = 1};
		size_t j;

		if (part_of(space, &list[i], nameless) != PART_MEMBER) {
			list[n++] = list[i++];
			continue;
		}
		for (j = i + 1; j < spans->nspans && j - run.last <= FOLD_APART; j++) {
			enum part part = part_of(space, &list[j], nameless);

			if (part == PART_END ||
			    (part == PART_MEMBER && list[j].type != list[i].type))
				break;
			if (part == PART_MEMBER) {
				run.last = j;
				run.count++;
			}
		}
		n += fold_run(spans, &run, &list[n]);
		i = run.last + 1;
	}
	spans->nspans = n;
}

/* Sums of the bytes in each cell of a row's strip. */
struct cells {
	double mapped[STRIP_CELLS], resident[STRIP_CELLS], swapped[STRIP_CELLS], huge[STRIP_CELLS];
	double most[STRIP_CELLS]; /* the largest part that one region takes */
};

/* The border before cell k of [start, start + size). */
static plat_addr cell_border(plat_addr start, uint64_t size, unsigned k)
{
	return start + (plat_addr)((unsigned __int128)size * k / STRIP_CELLS);
}

static unsigned cell_at(const struct row *row, plat_addr at)
{
	unsigned __int128 part = (unsigned __int128)(at - row->start) * STRIP_CELLS;

	return (unsigned)(part / row_extent(row));
}

/* Gives [start, end) of a region, a part whose pages are alike, to the cells it lies in. */
static void add_to_cells(const struct row *row, struct cells *cells, plat_addr start, plat_addr end,
			 double resident, double swapped, double huge)
{
	unsigned k;

	if (start == end)
		return;
	for (k = cell_at(row, start); k < STRIP_CELLS; k++) {
		plat_addr low = cell_border(row->start, row_extent(row), k);
		plat_addr high = cell_border(row->start, row_extent(row), k + 1);
		double bytes = (double)overlap(start, end, low, high);

		if (low >= end)
			break;
		cells->mapped[k] += bytes;
		cells->resident[k] += bytes * resident;
		cells->swapped[k] += bytes * swapped;
		cells->huge[k] += bytes * huge;
	}
}

static void add_strip(struct row *row, struct cells *cells, const struct region *region,
		      const struct strip *strip)
{
	/* A strip is rounded down, and its last cell may be shorter than the others. */
	bool whole = region->pages.rss == region_size(region);
	unsigned k;

	for (k = 0; k < STRIP_CELLS; k++)
		add_to_cells(row, cells, cell_border(region->start, region_size(region), k),
			     cell_border(region->start, region_size(region), k + 1),
			     whole ? 255 : strip->resident[k], strip->swapped[k], strip->huge[k]);
}

static void add_kind(struct row *row, struct cells *cells, const struct region *region)
{
	unsigned k;

	for (k = cell_at(row, region->start); k < STRIP_CELLS; k++) {
		plat_addr low = cell_border(row->start, row_extent(row), k);
		plat_addr high = cell_border(row->start, row_extent(row), k + 1);
		double bytes = (double)overlap(region->start, region->end, low, high);

		if (low >= region->end)
			break;
		if (bytes > cells->most[k]) {
			cells->most[k] = bytes;
			row->cell_kind[k] = region->kind;
		}
	}
}

/* 255 only where all of the cell is, and 0 only where nothing is. */
static uint8_t share(double sum, double mapped)
{
	double part = mapped > 0 ? sum / mapped : 0;

	if (part <= 0)
		return 0;
	if (part < 1)
		return 1;
	return part > 254.999 ? 255 : (uint8_t)part;
}

static void add_figure(uint64_t *sum, uint64_t figure)
{
	*sum = *sum == UNKNOWN || figure == UNKNOWN ? UNKNOWN : add_capped(*sum, figure);
}

static void add_pages(struct row *row, const struct pages *pages)
{
	add_figure(&row->pages.rss, pages->rss);
	add_figure(&row->pages.swap, pages->swap);
	add_figure(&row->pages.file, pages->file);
	add_figure(&row->pages.huge, pages->huge);
	add_figure(&row->pages.zero, pages->zero);
}

static const struct pages pages_unknown = {UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN};

static void add_region(const struct space *space, size_t i, struct row *row, struct cells *cells,
		       uint64_t *kind_sizes)
{
	const struct region *region = &space->regions[i];
	bool known = region_pages_known(space, region);

	if (i == row->first || region[-1].mapping != region->mapping)
		row->nmappings++;
	row->size += region_size(region);
	row->kinds |= bit(region->kind);
	row->mixed_rights |= i != row->first && row->rights != region->rights;
	row->rights |= region->rights;
	if (row->module == NO_MODULE)
		row->module = region->module;
	if (row->thread == NO_THREAD)
		row->thread = region->thread;
	if (row->file == NO_FILE)
		row->file = region->file;
	add_pages(row, known ? &region->pages : &pages_unknown);
	kind_sizes[region->kind] += region_size(region);
	add_kind(row, cells, region);
	if (known && space->strips)
		add_strip(row, cells, region, &space->strips[i]);
	else
		row->strip_known = false;
}

static void sum_up(const struct space *space, struct row *row)
{
	uint64_t kind_sizes[NKINDS] = {0};
	struct cells cells = {0};
	size_t i;

	row->module = NO_MODULE;
	row->thread = NO_THREAD;
	row->file = NO_FILE;
	row->strip_known = true;
	for (i = row->first; i < row->first + row->n; i++)
		add_region(space, i, row, &cells, kind_sizes);
	for (i = 0; i < STRIP_CELLS; i++) {
		row->strip.resident[i] = share(cells.resident[i], cells.mapped[i]);
		row->strip.swapped[i] = share(cells.swapped[i], cells.mapped[i]);
		row->strip.huge[i] = share(cells.huge[i], cells.mapped[i]);
	}
	for (i = 0; i < NKINDS; i++)
		if (kind_sizes[i] > kind_sizes[row->kind])
			row->kind = (uint8_t)i;
	row->gap = row_extent(row) - row->size;
}

static struct row row_of_span(const struct space *space, const struct span *span)
{
	struct row row = {.type = span->type,
			  .folded = span->folded,
			  .first = span->first,
			  .n = span->n,
			  .nfolded = span->nfolded};

	if (span->type == ROW_GAP) {
		const struct gap *gap = &space->gaps[span->first];

		row.start = gap->start;
		row.end = gap->end;
		row.gap = gap_size(gap);
		row.gap_kind = (uint8_t)gap->kind;
		row.module = NO_MODULE;
		row.thread = NO_THREAD;
		row.file = NO_FILE;
		return row;
	}
	row.start = space->regions[span->first].start;
	row.end = space->regions[span->first + span->n - 1].end;
	sum_up(space, &row);
	return row;
}

void row_of_region(const struct space *space, size_t i, struct row *ret)
{
	struct span span = {.type = ROW_REGION, .first = i, .n = 1};

	*ret = row_of_span(space, &span);
}

/* A row in the zone that the kernel maps into: the loader, a library, or what lies there. */
static size_t find_mmap_zone(const struct space *space, const struct rows *rows)
{
	size_t i;

	for (i = rows->nrows; i-- > 0;)
		if (rows->rows[i].type == ROW_LOADER || rows->rows[i].type == ROW_LIBRARY)
			return i;
	for (i = rows->nrows; space->mmap_base != UNKNOWN && i-- > 0;)
		if (rows->rows[i].start < space->mmap_base)
			return i;
	return rows->nrows;
}

/* The free gap that the zone grows into: the largest one up to what the zone cannot pass. */
static struct row *find_growing_gap(const struct space *space, const struct rows *rows)
{
	size_t i = find_mmap_zone(space, rows), step = 1;
	struct row *found = NULL;

	if (space->direction == DIRECTION_UNKNOWN)
		return NULL;
	if (space->direction == DIRECTION_TOP_DOWN)
		step = SIZE_MAX; /* below 0 wraps, and ends the loop as well */
	for (; i < rows->nrows; i += step) {
		struct row *row = &rows->rows[i];

		if (row->type == ROW_PROGRAM || row->type == ROW_HEAP || row->type == ROW_STACK)
			break;
		if (row->type == ROW_GAP && row->gap_kind == GAP_FREE &&
		    (!found || row->gap > found->gap))
			found = row;
	}
	return found;
}

static int find_headroom(const struct space *space, struct rows *rows)
{
	struct headrooms headrooms;
	int r = headrooms_of_space(space, &headrooms);

	if (r < 0)
		return r;
	rows->heap = headrooms.heap;
	rows->stack = headroom_of_main_stack(&headrooms);
	rows->mmap = headrooms.mmap;
	headrooms_fini(&headrooms);
	return 0;
}

static void mark_growing(const struct space *space, struct rows *rows)
{
	struct row *gap = find_growing_gap(space, rows), *heap = NULL, *stack = NULL;
	size_t i;

	for (i = rows->nrows; i-- > 0;) {
		struct row *row = &rows->rows[i];

		if (row->type == ROW_HEAP && !heap)
			heap = row;
		if (row->type == ROW_STACK && row->kinds & bit(KIND_STACK))
			stack = row;
	}
	if (heap)
		heap->grows = GROWS_UP;
	if (stack)
		stack->grows = GROWS_DOWN;
	if (gap)
		gap->grows = space->direction == DIRECTION_TOP_DOWN ? GROWS_DOWN : GROWS_UP;
}

int rows_make(const struct space *space, bool fold, struct rows *ret)
{
	struct spans spans = {0};
	struct rows rows = ROWS_EMPTY;
	size_t i;
	int r = make_spans(space, &spans);

	if (r < 0)
		goto out;
	if (fold) {
		fold_spans(space, &spans, false);
		fold_spans(space, &spans, true);
	}
	r = list_reserve(&rows.rows, &rows.rows_room, 0, spans.nspans);
	if (r < 0)
		goto out;
	r = find_headroom(space, &rows);
	if (r < 0)
		goto out;
	for (i = 0; i < spans.nspans; i++)
		rows.rows[rows.nrows++] = row_of_span(space, &spans.spans[i]);
	mark_growing(space, &rows);
	*ret = rows;
	rows = ROWS_EMPTY;
out:
	rows_fini(&rows);
	free(spans.spans);
	return r;
}

void rows_fini(struct rows *rows)
{
	free(rows->rows);
	*rows = ROWS_EMPTY;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return path[0] == '/' && slash[1] ? slash + 1 : path;
}

/* Joins the words of the kinds in a set. */
static void put_kinds(uint32_t kinds, char *to)
{
	size_t used = 0, i;

	*to = '\0';
	for (i = 0; i < NKINDS; i++)
		if (kinds & bit((enum kind)i))
			used += (size_t)snprintf(to + used, ROW_TEXT_SIZE - used, "%s%s",
						 used ? ", " : "", kind_name((enum kind)i));
}

static void put_file_name(const struct space *space, const struct row *row, bool paths, char *to)
{
	const struct file *file = &space->files[row->file];
	char name[ROW_TEXT_SIZE - 16];

	/* Of a path too long for us, its last part is worth more than its first. */
	if (strlen(file->name) >= sizeof(name) / 2)
		paths = false;
	text_escape(paths ? file->name : base_name(file->name), name, sizeof(name), 0);
	snprintf(to, ROW_TEXT_SIZE, "%s%s", name, file->deleted ? " (deleted)" : "");
}

static void put_region_name(const struct space *space, const struct row *row, bool paths, char *to)
{
	const struct region *region = &space->regions[row->first];
	char name[ROW_TEXT_SIZE];
	const char *shown;

	if (region->file == NO_FILE) {
		put_kinds(bit(region->kind), to);
		return;
	}
	if (region->kind == KIND_FILE) {
		put_file_name(space, row, paths, to);
		return;
	}
	region_name(space, region, name, sizeof(name));
	shown = paths ? name : base_name(name);
	snprintf(to, ROW_TEXT_SIZE, "%s", shown);
}

static void put_thread_name(const struct space *space, const struct row *row, char *to)
{
	const struct thread *thread = &space->threads[row->thread];
	const char *part = row->kinds & bit(KIND_THREAD_STACK) ? ""
			   : row->kinds & bit(KIND_TLS)	       ? "TLS of "
			   : row->kinds & bit(KIND_GUARD)      ? "guard of "
							       : "memory of ";
	char name[THREAD_NAME_SIZE * 4 + 1];

	text_escape(thread->name, name, sizeof(name), 0);
	if (thread->is_main)
		snprintf(to, ROW_TEXT_SIZE, "%sthe main thread", part);
	else if (thread->tid == 0)
		snprintf(to, ROW_TEXT_SIZE, "%sstack kept for a later thread", part);
	else
		snprintf(to, ROW_TEXT_SIZE, "%sthread %d%s%s", part, thread->tid, *name ? " " : "",
			 name);
}

static void put_fold_name(const struct row *row, char *to)
{
	const char *what = "mappings";
	char kinds[ROW_TEXT_SIZE / 2] = "";

	switch (row->folded) {
	case ROW_THREAD:
		snprintf(to, ROW_TEXT_SIZE, "%zu thread stacks", row->nfolded);
		return;
	case ROW_FILE:
		snprintf(to, ROW_TEXT_SIZE, "%zu mapped files", row->nfolded);
		return;
	case ROW_SHM:
		snprintf(to, ROW_TEXT_SIZE, "%zu shared memory objects", row->nfolded);
		return;
	default:
		if ((row->kinds & (row->kinds - 1)) == 0)
			snprintf(kinds, sizeof(kinds), "%s ", kind_name((enum kind)row->kind));
		snprintf(to, ROW_TEXT_SIZE, "%zu %s%s", row->nmappings, kinds, what);
	}
}

char *row_name(const struct space *space, const struct row *row, bool paths, char *to)
{
	*to = '\0';
	switch (row->type) {
	case ROW_GAP:
		snprintf(to, ROW_TEXT_SIZE, "%s", gap_kind_name((enum gap_kind)row->gap_kind));
		break;
	case ROW_PROGRAM:
	case ROW_LOADER:
	case ROW_LIBRARY:
		if (space->modules[row->module].file != NO_FILE) {
			struct row named = *row;

			named.file = space->modules[row->module].file;
			put_file_name(space, &named, paths, to);
		} else {
			put_region_name(space, row, paths, to);
		}
		break;
	case ROW_HEAP:
		snprintf(to, ROW_TEXT_SIZE, "heap (brk)");
		break;
	case ROW_STACK:
		snprintf(to, ROW_TEXT_SIZE, "main stack");
		break;
	case ROW_THREAD:
		if (row->thread != NO_THREAD)
			put_thread_name(space, row, to);
		else
			snprintf(to, ROW_TEXT_SIZE, "stack of an unknown thread");
		break;
	case ROW_VDSO:
		put_kinds(row->kinds, to);
		break;
	case ROW_FOLD:
		put_fold_name(row, to);
		break;
	case ROW_REGION:
		put_kinds(row->kinds, to);
		break;
	default:
		put_region_name(space, row, paths, to);
	}
	return to;
}

/* Adds "word size" to a list of such. */
static void add_note(char *to, size_t *used, const char *before, uint64_t size, bool bytes,
		     const char *behind)
{
	char number[UNITS_SIZE];
	int n = snprintf(to + *used, ROW_TEXT_SIZE - *used, "%s%s %s%s", *used ? ", " : "", before,
			 units_size(size, bytes, number), behind);

	*used += (size_t)n;
	if (*used >= ROW_TEXT_SIZE)
		*used = ROW_TEXT_SIZE - 1;
}

/* How far down the stack pointer is, and how far it ever was. */
static void note_stack(const struct space *space, const struct thread *thread, char *to,
		       size_t *used, bool bytes)
{
	uint64_t now = stack_used(space, thread);
	char why[ROW_TEXT_SIZE / 2] = "";

	if (thread->stack_start == thread->stack_end)
		return;
	if (now == UNKNOWN && thread->sp_why)
		snprintf(why, sizeof(why), " (%s)", thread->sp_why);
	add_note(to, used, "uses", now, bytes, why);
	add_note(to, used, "deepest", stack_high_water(space, thread), bytes, "");
}

static void note_kinds(const struct space *space, const struct row *row, const enum kind *kinds,
		       size_t nkinds, bool bytes, char *to, size_t *used)
{
	size_t i, k;

	for (k = 0; k < nkinds; k++) {
		uint64_t size = 0;

		for (i = row->first; i < row->first + row->n; i++)
			if (space->regions[i].kind == kinds[k])
				size += region_size(&space->regions[i]);
		if (size)
			add_note(to, used, kind_name(kinds[k]), size, bytes, "");
	}
}

static const struct thread *main_thread(const struct space *space)
{
	size_t i;

	for (i = 0; i < space->nthreads; i++)
		if (space->threads[i].is_main)
			return &space->threads[i];
	return NULL;
}

char *row_note(const struct space *space, const struct row *row, bool bytes, char *to)
{
	static const enum kind of_stack[] = {KIND_ARGS, KIND_ENV, KIND_AUXV};
	static const enum kind of_thread[] = {KIND_TLS, KIND_GUARD};
	const struct thread *thread = main_thread(space);
	size_t used = 0;

	*to = '\0';
	if (row->type == ROW_STACK && row->kinds & bit(KIND_STACK)) {
		if (thread)
			note_stack(space, thread, to, &used, bytes);
		note_kinds(space, row, of_stack, ARRAY_SIZE(of_stack), bytes, to, &used);
	} else if (row->type == ROW_THREAD && row->kinds & bit(KIND_THREAD_STACK) &&
		   row->thread != NO_THREAD) {
		note_stack(space, &space->threads[row->thread], to, &used, bytes);
		note_kinds(space, row, of_thread, ARRAY_SIZE(of_thread), bytes, to, &used);
	} else if (row->type == ROW_REGION && row->kind == KIND_STACK && thread &&
		   row->start == thread->stack_start) {
		note_stack(space, thread, to, &used, bytes);
	} else if (row->type == ROW_FOLD && row->gap) {
		add_note(to, &used, "with", row->gap, bytes, " free between them");
	}
	return to;
}
