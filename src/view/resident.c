/*
 * A row of the table:
 *
 *     START         SIZE   RSS  ANON  FILE STRIP            KIND   NAME
 *     7f91f6600000    4M    4M    4M     0 ■■■■■■■■■■■■■■■■ anon   [anon]  huge 4M
 *
 * Rare figures have columns of their own where the terminal is wide enough, else words in the row.
 * Columns that would be 0 in each row are left out, and named below the table.
 */
#include "view/resident.h"

#include "base/list.h"
#include "space/kinds.h"
#include "view/document.h"
#include "view/json.h"
#include "view/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA 1
#define NAME_SIZE 4400 /* a path of 4096 bytes, escaped in part */

static const struct {
	const char *name; /* as --sort and JSON have it */
	const char *heading;
	bool always;	     /* its column is there even if all of it is 0 */
	const char *nowhere; /* what is said instead of such a column */
} figures[NRESIDENCES] = {
	[RESIDENCE_RSS] = {"rss", "RSS", true, ""},
	[RESIDENCE_ANON] = {"anon", "ANON", true, ""},
	[RESIDENCE_FILE] = {"file", "FILE", true, ""},
	[RESIDENCE_EXCLUSIVE] = {"exclusive", "EXCL", false, ""},
	[RESIDENCE_SWAP] = {"swap", "SWAP", false, "swapped"},
	[RESIDENCE_HUGE] = {"huge", "HUGE", false, "huge"},
	[RESIDENCE_ZERO] = {"zero", "ZERO", false, "the page of zeros"},
	[RESIDENCE_GUARD] = {"guard", "GUARD", false, "a guard page"},
	[RESIDENCE_CACHED] = {"cached", "CACHED", false, ""},
};

const char *residence_name(enum residence figure)
{
	return figures[figure].name;
}

/*
 * The walk.
 */

static int select_region(struct resident *resident, size_t i, plat_addr start, plat_addr end)
{
	const struct region *region = &resident->space->regions[i];
	int r = list_reserve(&resident->rows, &resident->rows_room, resident->nrows, 1);
	struct resident_row *row;

	if (r < 0)
		return r;
	row = &resident->rows[resident->nrows++];
	*row = (struct resident_row){
		.region = i,
		.start = max_u64(region->start, start),
		.end = min_u64(region->end, end),
	};
	row->bytes[RESIDENCE_CACHED] = UNKNOWN;
	return 0;
}

int resident_select(const struct space *space, uint32_t kinds, plat_addr start, plat_addr end,
		    struct resident *ret)
{
	struct resident resident = {.space = space};
	bool all = start == 0 && end == 0;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < space->nregions; i++) {
		const struct region *region = &space->regions[i];

		if (kinds && !(kinds & UINT32_C(1) << region->kind))
			continue;
		/* The kernel's own page: neither a mapping nor in VmSize. */
		if (all && region->kind != KIND_VSYSCALL)
			r = select_region(&resident, i, region->start, region->end);
		else if (!all && region->start < end && start < region->end)
			r = select_region(&resident, i, start, end);
	}
	resident.whole = all && !kinds;
	if (r < 0)
		resident_fini(&resident);
	else
		*ret = resident;
	return r;
}

void resident_fini(struct resident *resident)
{
	free(resident->rows);
	free(resident->scratch);
	free(resident->looks);
	*resident = RESIDENT_EMPTY;
}

uint64_t resident_cell_size(uint64_t size, uint64_t page, size_t most)
{
	uint64_t cell = page;

	while (cell <= UINT64_MAX / 4 && (size - 1) / cell >= most)
		cell *= 2;
	return cell;
}

static void forget_row(struct resident *resident, struct resident_row *row, const char *why)
{
	unsigned i;

	row->why = why;
	for (i = 0; i < RESIDENCE_CACHED; i++)
		row->bytes[i] = UNKNOWN;
	memset(row->looks, LOOK_UNKNOWN, resident->cells);
}

int resident_begin(struct resident *resident, size_t cells, uint64_t cell_size, unsigned told)
{
	static const struct {
		enum residence figure;
		unsigned state;
		const char *why;
	} needs[] = {
		{RESIDENCE_EXCLUSIVE, PAGE_EXCLUSIVE, "not asked for"},
		{RESIDENCE_HUGE, PAGE_HUGE, "the kernel does not tell (Linux 6.7)"},
		{RESIDENCE_ZERO, PAGE_ZERO, "the kernel does not tell (Linux 6.7)"},
		{RESIDENCE_GUARD, PAGE_GUARD, "the kernel does not tell (Linux 6.15)"},
	};
	size_t i, j;

	resident->cell_size = cell_size;
	if (cell_size && resident->nrows)
		cells = (size_t)((resident->rows[0].end - resident->rows[0].start - 1) /
				 cell_size) +
			1;
	resident->cells = cells;
	resident->scratch = calloc(cells + 1, sizeof(*resident->scratch));
	resident->looks = calloc(resident->nrows + 1, cells + 1);
	if (!resident->scratch || !resident->looks)
		return -ENOMEM;
	for (i = 0; i < resident->nrows; i++)
		resident->rows[i].looks = resident->looks + i * cells;
	resident->why[RESIDENCE_CACHED] = "not asked for";
	for (j = 0; j < ARRAY_SIZE(needs); j++)
		if (!(told & needs[j].state))
			resident->why[needs[j].figure] = needs[j].why;
	return 0;
}

void resident_cell(const struct resident *resident, const struct resident_row *row, size_t cell,
		   plat_addr *start, plat_addr *end)
{
	uint64_t size = row->end - row->start;

	if (resident->cell_size) {
		*start = row->start + min_u64(size, cell * resident->cell_size);
		*end = row->start + min_u64(size, (cell + 1) * resident->cell_size);
		return;
	}
	*start = row->start + (plat_addr)((unsigned __int128)size * cell / resident->cells);
	*end = row->start + (plat_addr)((unsigned __int128)size * (cell + 1) / resident->cells);
	if (*start == *end) /* less than a byte: the one it lies in */
		++*end;
}

/* What takes most of a cell decides; a single page in it is to be seen. */
static enum look look_of(const struct cell *cell, uint64_t size)
{
	uint64_t most =
		max_u64(max_u64(cell->resident, cell->swapped), max_u64(cell->zero, cell->guard));

	most = max_u64(most, cell->huge);
	if (most == 0)
		return LOOK_ABSENT;
	if (cell->huge == most || (cell->resident == most && cell->huge > most / 2))
		return LOOK_HUGE;
	if (cell->resident == most) {
		if (most >= size)
			return LOOK_FULL;
		return most <= size / 4 ? LOOK_QUARTER : most <= size / 2 ? LOOK_HALF : LOOK_MOST;
	}
	if (cell->swapped == most)
		return LOOK_SWAPPED;
	return cell->zero == most ? LOOK_ZERO : LOOK_GUARD;
}

static void finish_cells(struct resident *resident)
{
	struct resident_row *row;
	size_t i;

	if (resident->cells_of >= resident->nrows)
		return;
	row = &resident->rows[resident->cells_of];
	for (i = 0; i < resident->cells; i++) {
		plat_addr start, end;

		resident_cell(resident, row, i, &start, &end);
		row->looks[i] = (uint8_t)look_of(&resident->scratch[i], end - start);
	}
	memset(resident->scratch, 0, resident->cells * sizeof(*resident->scratch));
}

static void add_to_cells(struct resident *resident, const struct region *region,
			 const struct resident_row *row, plat_addr start, plat_addr end,
			 unsigned state)
{
	uint64_t size = row->end - row->start;
	size_t i;

	if (resident->cell_size)
		i = (size_t)((start - row->start) / resident->cell_size);
	else
		i = (size_t)((unsigned __int128)(start - row->start) * resident->cells / size);
	for (; i < resident->cells; i++) {
		struct cell *cell = &resident->scratch[i];
		plat_addr from, to;
		uint64_t bytes;

		resident_cell(resident, row, i, &from, &to);
		if (from >= end)
			break;
		bytes = sub_floored(min_u64(to, end), max_u64(from, start));
		if (state & PAGE_GUARD)
			cell->guard += bytes;
		else if (state & PAGE_ZERO)
			cell->zero += bytes;
		else if (state & PAGE_SWAPPED)
			cell->swapped += bytes;
		else if (figures_resident(region, state))
			cell->resident += bytes;
		if ((state & PAGE_HUGE) && !(state & PAGE_ZERO))
			cell->huge += bytes;
	}
}

static void add_to_bytes(uint64_t bytes[NRESIDENCES], const struct region *region, uint64_t size,
			 unsigned state)
{
	if (state & PAGE_GUARD) {
		bytes[RESIDENCE_GUARD] += size;
		return;
	}
	if (figures_resident(region, state)) {
		bytes[RESIDENCE_RSS] += size;
		bytes[state & PAGE_FILE ? RESIDENCE_FILE : RESIDENCE_ANON] += size;
		if (state & PAGE_EXCLUSIVE)
			bytes[RESIDENCE_EXCLUSIVE] += size;
	}
	if (state & PAGE_SWAPPED)
		bytes[RESIDENCE_SWAP] += size;
	if (state & PAGE_HUGE)
		bytes[RESIDENCE_HUGE] += size;
	if (state & PAGE_ZERO)
		bytes[RESIDENCE_ZERO] += size;
}

void resident_add(struct resident *resident, const struct page_run *run)
{
	plat_addr first = max_u64(run->start, resident->seen);
	size_t i = resident->at;

	while (i < resident->nrows && resident->rows[i].end <= first)
		i++;
	resident->at = i;
	resident->seen = max_u64(resident->seen, run->end);
	for (; i < resident->nrows && resident->rows[i].start < run->end; i++) {
		struct resident_row *row = &resident->rows[i];
		const struct region *region = &resident->space->regions[row->region];
		plat_addr start = max_u64(row->start, first), end = min_u64(row->end, run->end);

		if (start >= end)
			continue;
		if (resident->cells_of != i) {
			finish_cells(resident);
			resident->cells_of = i;
		}
		add_to_bytes(row->bytes, region, end - start, run->state);
		add_to_cells(resident, region, row, start, end, run->state);
	}
}

void resident_finish(struct resident *resident)
{
	size_t i;
	unsigned figure;

	finish_cells(resident);
	for (i = 0; i < resident->nrows; i++) {
		struct resident_row *row = &resident->rows[i];

		if (resident->space->regions[row->region].no_pages)
			forget_row(resident, row, "too large to be read page by page");
		for (figure = 0; figure < NRESIDENCES; figure++)
			if (resident->why[figure] && figure != RESIDENCE_CACHED)
				row->bytes[figure] = UNKNOWN;
	}
}

void resident_forget(struct resident *resident, const char *why)
{
	unsigned figure;
	size_t i;

	for (i = 0; i < resident->nrows; i++)
		forget_row(resident, &resident->rows[i], NULL);
	for (figure = 0; figure < RESIDENCE_CACHED; figure++)
		resident->why[figure] = why;
}

void resident_totals(const struct resident *resident, uint64_t ret[NRESIDENCES])
{
	unsigned figure;
	size_t i;

	for (figure = 0; figure < NRESIDENCES; figure++) {
		size_t known = 0;

		ret[figure] = 0;
		for (i = 0; i < resident->nrows; i++) {
			uint64_t bytes = resident->rows[i].bytes[figure];

			known += bytes != UNKNOWN;
			ret[figure] = add_capped(ret[figure], bytes != UNKNOWN ? bytes : 0);
		}
		if (resident->why[figure] || (resident->nrows && !known))
			ret[figure] = UNKNOWN;
	}
}

/* What qsort_r's comparison needs. */
struct order {
	unsigned figure; /* NRESIDENCES: the size */
	bool ascending;
};

static int compare(const void *a, const void *b, void *context)
{
	const struct resident_row *left = a, *right = b;
	const struct order *order = context;
	uint64_t x = left->end - left->start, y = right->end - right->start;
	int result;

	if (order->figure < NRESIDENCES) {
		x = left->bytes[order->figure];
		y = right->bytes[order->figure];
	}
	result = (x < y) - (x > y);
	if (result && x != UNKNOWN && y != UNKNOWN)
		return order->ascending ? -result : result;
	if (result)
		return x == UNKNOWN ? 1 : -1;
	return (left->start > right->start) - (left->start < right->start);
}

int resident_sort(struct resident *resident, const char *name)
{
	struct order order = {.ascending = *name == '-'};

	name += order.ascending;
	for (order.figure = 0; order.figure < NRESIDENCES; order.figure++)
		if (strcasecmp(name, figures[order.figure].name) == 0)
			break;
	if (order.figure == NRESIDENCES && strcasecmp(name, "size") != 0)
		return -EINVAL;
	if (resident->nrows)
		qsort_r(resident->rows, resident->nrows, sizeof(*resident->rows), compare, &order);
	return 0;
}

/*
 * The table.
 */

static const char *const looks_unicode[NLOOKS] = {
	[LOOK_ABSENT] = "·", [LOOK_QUARTER] = "░", [LOOK_HALF] = "▒",	 [LOOK_MOST] = "▓",
	[LOOK_FULL] = "█",   [LOOK_SWAPPED] = "s", [LOOK_HUGE] = "■",	 [LOOK_ZERO] = "0",
	[LOOK_GUARD] = "G",  [LOOK_CACHED] = "c",  [LOOK_UNKNOWN] = "-",
};

static const char *const looks_ascii[NLOOKS] = {
	[LOOK_ABSENT] = ".", [LOOK_QUARTER] = ":", [LOOK_HALF] = "+",	 [LOOK_MOST] = "*",
	[LOOK_FULL] = "#",   [LOOK_SWAPPED] = "s", [LOOK_HUGE] = "h",	 [LOOK_ZERO] = "0",
	[LOOK_GUARD] = "G",  [LOOK_CACHED] = "c",  [LOOK_UNKNOWN] = "-",
};

static unsigned style_of_look(enum look look, unsigned kind)
{
	if (look == LOOK_ABSENT || look == LOOK_UNKNOWN || look == LOOK_CACHED)
		return STYLE_FAINT;
	return look == LOOK_SWAPPED || look == LOOK_GUARD ? STYLE_WARN : STYLE_KIND + kind;
}

static void put_looks(struct line *line, const uint8_t *looks, size_t n, unsigned kind)
{
	const char *const *signs = line->paint->unicode ? looks_unicode : looks_ascii;
	struct text cells = TEXT_EMPTY;
	size_t i, j;

	for (i = 0; i < n; i = j) {
		for (j = i + 1; j < n && looks[j] == looks[i];)
			j++;
		cells.size = 0;
		text_repeat(&cells, signs[looks[i]], j - i);
		line_put(line, style_of_look(looks[i], kind), text_string(&cells));
	}
	text_fini(&cells);
}

/* Where the table's columns end, or begin. */
struct layout {
	const struct resident *resident;
	const struct resident_style *style;
	struct paint paint;
	struct text *text;
	unsigned digits;
	uint64_t size, totals[NRESIDENCES];
	bool shown[NRESIDENCES]; /* as a column */
	bool noted[NRESIDENCES]; /* as words behind the name, where it is not 0 */
	size_t size_end, ends[NRESIDENCES];
	size_t strip, kind, name;
};

#define KIND_COLUMNS 7 /* the kinds that are longer move the name */
#define NAME_LEAST 14  /* of a name, before rare figures become words behind it */

static bool is_shown(const struct layout *layout, unsigned figure)
{
	const struct resident *resident = layout->resident;
	size_t i;

	if (figure == RESIDENCE_EXCLUSIVE)
		return layout->style->exclusive;
	if (figure == RESIDENCE_CACHED)
		return layout->style->cached;
	if (figures[figure].always)
		return true;
	for (i = 0; i < resident->nrows; i++)
		if (resident->rows[i].bytes[figure] && resident->rows[i].bytes[figure] != UNKNOWN)
			return true;
	return false;
}

static size_t size_width(const struct layout *layout, uint64_t size)
{
	char number[UNITS_SIZE];

	return strlen(units_size(size, layout->paint.bytes, number));
}

/* A column is as wide as its heading and its widest number. */
static size_t column_width(const struct layout *layout, unsigned figure)
{
	size_t width = max_u64(strlen(figures[figure].heading),
			       size_width(layout, layout->totals[figure]));
	size_t i;

	for (i = 0; i < layout->resident->nrows; i++)
		width = max_u64(width, size_width(layout, layout->resident->rows[i].bytes[figure]));
	return width;
}

static void place_columns(struct layout *layout)
{
	size_t column = layout->size_end;
	unsigned figure;

	/* CACHED stands behind the strip: it is not about pages of the process. */
	for (figure = 0; figure < RESIDENCE_CACHED; figure++)
		if (layout->shown[figure])
			layout->ends[figure] = column += 1 + column_width(layout, figure);
	layout->strip = column + 1;
	column = layout->strip + layout->resident->cells;
	if (layout->shown[RESIDENCE_CACHED])
		layout->ends[RESIDENCE_CACHED] = column +=
			1 + column_width(layout, RESIDENCE_CACHED);
	layout->kind = column + 1;
	layout->name = layout->kind + KIND_COLUMNS;
}

/* Digits of the highest address. */
static unsigned digits_of(const struct resident *resident)
{
	unsigned digits = 8;
	size_t i;

	for (i = 0; i < resident->nrows; i++)
		while (digits < 16 && resident->rows[i].end >> (digits * 4))
			digits += 4;
	return digits;
}

static struct layout lay_out(const struct resident *resident, const struct resident_style *style,
			     struct text *text)
{
	struct layout layout = {.resident = resident,
				.style = style,
				.paint = style->paint,
				.text = text,
				.digits = digits_of(resident)};
	size_t width = strlen("SIZE"), i;
	unsigned figure;

	if (style->unlimited)
		layout.paint.columns = UINT32_MAX;
	resident_totals(resident, layout.totals);
	for (i = 0; i < resident->nrows; i++) {
		const struct resident_row *row = &resident->rows[i];

		layout.size = add_capped(layout.size, row->end - row->start);
		width = max_u64(width, size_width(&layout, row->end - row->start));
	}
	layout.size_end = layout.digits + 1 + max_u64(width, size_width(&layout, layout.size));
	for (figure = 0; figure < NRESIDENCES; figure++)
		layout.shown[figure] = is_shown(&layout, figure);
	place_columns(&layout);
	if (layout.name + NAME_LEAST <= paint_columns(&layout.paint))
		return layout;
	for (figure = RESIDENCE_SWAP; figure < RESIDENCE_CACHED; figure++) {
		layout.noted[figure] = layout.shown[figure];
		layout.shown[figure] = false;
	}
	place_columns(&layout);
	return layout;
}

static void draw_headings(const struct layout *layout)
{
	struct line line = line_begin(layout->text, &layout->paint);
	unsigned figure;

	line_put(&line, STYLE_FAINT, "START");
	line_put_right(&line, STYLE_FAINT, "SIZE", layout->size_end);
	for (figure = 0; figure < NRESIDENCES; figure++) {
		if (figure == RESIDENCE_CACHED) {
			line_to(&line, layout->strip);
			line_put(&line, STYLE_FAINT, "STRIP");
		}
		if (layout->shown[figure])
			line_put_right(&line, STYLE_FAINT, figures[figure].heading,
				       layout->ends[figure]);
	}
	line_to(&line, layout->kind);
	line_put(&line, STYLE_FAINT, "KIND");
	line_to(&line, layout->name);
	line_put(&line, STYLE_FAINT, "NAME");
	line_end(&line);
}

static void put_size(struct line *line, const struct layout *layout, unsigned style, uint64_t size,
		     size_t end)
{
	char number[UNITS_SIZE];

	line_put_right(line, size ? style : STYLE_FAINT,
		       units_size(size, layout->paint.bytes, number), end);
}

/* The columns before the strip. */
static void put_sizes(struct line *line, const struct layout *layout, unsigned style, uint64_t size,
		      const uint64_t bytes[NRESIDENCES])
{
	unsigned figure;

	put_size(line, layout, style, size, layout->size_end);
	for (figure = 0; figure < RESIDENCE_CACHED; figure++)
		if (layout->shown[figure])
			put_size(line, layout, style, bytes[figure], layout->ends[figure]);
}

static void put_cached(struct line *line, const struct layout *layout, unsigned style,
		       uint64_t bytes)
{
	if (layout->shown[RESIDENCE_CACHED])
		put_size(line, layout, style, bytes, layout->ends[RESIDENCE_CACHED]);
}

/* "  huge 4M guard 8K" */
static const char *notes_of(const struct layout *layout, const uint64_t bytes[NRESIDENCES],
			    struct text *notes)
{
	char size[UNITS_SIZE];
	unsigned figure;

	for (figure = 0; figure < NRESIDENCES; figure++)
		if (layout->noted[figure] && bytes[figure] && bytes[figure] != UNKNOWN)
			text_format(notes, "%s%s %s", notes->size ? " " : "  ",
				    figures[figure].name,
				    units_size(bytes[figure], layout->paint.bytes, size));
	return text_string(notes);
}

/* On a terminal the last part of a path, unless whole ones are asked for. */
static const char *short_name(const struct layout *layout, const char *name)
{
	const char *slash = strrchr(name, '/');

	if (layout->style->unlimited || layout->paint.verbose || name[0] != '/' || !slash ||
	    !slash[1])
		return name;
	return slash + 1;
}

static void draw_row(const struct layout *layout, const struct resident_row *row, char *name)
{
	const struct space *space = layout->resident->space;
	const struct region *region = &space->regions[row->region];
	struct line line = line_begin(layout->text, &layout->paint);
	struct text words = TEXT_EMPTY;
	const char *notes = notes_of(layout, row->bytes, &words);

	line_format(&line, STYLE_PLAIN, "%0*llx", (int)layout->digits,
		    (unsigned long long)row->start);
	put_sizes(&line, layout, STYLE_PLAIN, row->end - row->start, row->bytes);
	line_to(&line, layout->strip);
	put_looks(&line, row->looks, layout->resident->cells, region->kind);
	if (row->bytes[RESIDENCE_CACHED] != UNKNOWN || row->cached_why)
		put_cached(&line, layout, STYLE_PLAIN, row->bytes[RESIDENCE_CACHED]);
	line_to(&line, layout->kind);
	line_put(&line, STYLE_KIND + region->kind, kind_name(region->kind));
	line_to(&line, line.column < layout->name ? layout->name : line.column + 1);
	region_name(space, region, name, NAME_SIZE);
	line_put_within(&line, STYLE_PLAIN, short_name(layout, name),
			sub_floored(line.last, line.column + strlen(notes)));
	line_put(&line, STYLE_FAINT, notes);
	line_end(&line);
	text_fini(&words);
}

/* "VmRSS 20.7M in status, residual 0": what the kernel's counter says of the same. */
static void draw_check(const struct layout *layout)
{
	uint64_t counter = layout->resident->space->figures[VM_RSS];
	uint64_t rss = layout->totals[RESIDENCE_RSS];
	struct line line = line_begin(layout->text, &layout->paint);
	bool bytes = layout->paint.bytes;
	char size[UNITS_SIZE];

	if (!layout->resident->whole || counter == UNKNOWN || rss == UNKNOWN)
		return;
	line_put(&line, STYLE_PLAIN, "VmRSS");
	line_put_right(&line, STYLE_PLAIN, units_size(counter, bytes, size),
		       layout->ends[RESIDENCE_RSS]);
	line_to(&line, layout->strip);
	units_size(counter > rss ? counter - rss : rss - counter, bytes, size);
	line_format(&line, STYLE_PLAIN, "counter in status, residual %s%s",
		    counter < rss ? "-" : "", size);
	line_end(&line);
}

static void draw_totals(const struct layout *layout)
{
	const struct resident *resident = layout->resident;
	struct line line = line_begin(layout->text, &layout->paint);
	struct text notes = TEXT_EMPTY;

	line_put(&line, STYLE_BOLD, "total");
	put_sizes(&line, layout, STYLE_BOLD, layout->size, layout->totals);
	line_to(&line, layout->strip);
	line_format(&line, STYLE_PLAIN, "%zu region%s", resident->nrows,
		    resident->nrows == 1 ? "" : "s");
	put_cached(&line, layout, STYLE_BOLD, layout->totals[RESIDENCE_CACHED]);
	line_put(&line, STYLE_PLAIN, notes_of(layout, layout->totals, &notes));
	line_end(&line);
	text_fini(&notes);
	draw_check(layout);
}

/* Names the columns that are not there: all 0, or not known at all. */
static void draw_rest(const struct layout *layout)
{
	struct line line = line_begin(layout->text, &layout->paint);
	struct text zero = TEXT_EMPTY, unknown = TEXT_EMPTY;
	unsigned figure;

	for (figure = RESIDENCE_SWAP; figure < RESIDENCE_CACHED; figure++) {
		const char *why = layout->resident->why[figure];

		if (layout->shown[figure] || layout->noted[figure])
			continue;
		if (why)
			text_format(&unknown, "%s%s: - (%s)", unknown.size ? ", " : "",
				    figures[figure].name, why);
		else
			text_format(&zero, "%s%s", zero.size ? ", " : "No page is ",
				    figures[figure].nowhere);
	}
	if (zero.size) {
		text_put(&zero, ".");
		line_wrap(&line, STYLE_FAINT, text_string(&zero), 0);
	}
	if (unknown.size)
		line_wrap(&line, STYLE_FAINT, text_string(&unknown), 0);
	text_fini(&zero);
	text_fini(&unknown);
}

/* Explains the signs that can be met. */
static void draw_legend(const struct layout *layout)
{
	struct line line = line_begin(layout->text, &layout->paint);
	bool unicode = layout->paint.unicode;
	char sentence[256];

	snprintf(sentence, sizeof(sentence),
		 "%s resident  %s huge  s swapped  0 zeros  G guard  %s absent%s",
		 unicode ? "░▒▓█" : ":+*#", unicode ? "■" : "h", unicode ? "·" : ".",
		 layout->style->cached ? "  c page cache" : "");
	line_wrap(&line, STYLE_FAINT, sentence, 0);
}

static void draw_title(const struct layout *layout)
{
	const struct process *process = &layout->resident->space->process;
	struct line line = line_begin(layout->text, &layout->paint);
	char name[THREAD_NAME_SIZE * 4 + 1], size[UNITS_SIZE];
	const uint64_t *counters = layout->resident->space->figures;
	bool bytes = layout->paint.bytes;

	text_escape(process->command, name, sizeof(name), !layout->paint.unicode);
	line_put(&line, STYLE_BOLD, name);
	line_format(&line, STYLE_BOLD, " %d", process->pid);
	line_format(&line, STYLE_PLAIN, "  VmSize %s", units_size(counters[VM_SIZE], bytes, size));
	line_format(&line, STYLE_PLAIN, ", VmRSS %s", units_size(counters[VM_RSS], bytes, size));
	line_format(&line, STYLE_PLAIN, ", VmSwap %s", units_size(counters[VM_SWAP], bytes, size));
	line_end(&line);
}

int resident_draw(const struct resident *resident, const struct resident_style *style,
		  struct text *text)
{
	struct layout layout = lay_out(resident, style, text);
	char *name = malloc(NAME_SIZE);
	size_t i;

	if (!name)
		return -ENOMEM;
	if (!style->no_headings) {
		draw_title(&layout);
		text_char(text, '\n');
		draw_headings(&layout);
	}
	for (i = 0; i < resident->nrows && !text->error; i++)
		draw_row(&layout, &resident->rows[i], name);
	if (!style->no_headings) {
		draw_totals(&layout);
		text_char(text, '\n');
		draw_rest(&layout);
		draw_legend(&layout);
	}
	free(name);
	return text->error;
}

/*
 * The map of one region.
 */

static void put_rights(struct line *line, const struct region *region)
{
	line_format(line, STYLE_PLAIN, "  %c%c%c%c", region->rights & RIGHT_READ ? 'r' : '-',
		    region->rights & RIGHT_WRITE ? 'w' : '-',
		    region->rights & RIGHT_EXEC ? 'x' : '-',
		    region->rights & RIGHT_SHARED ? 's' : 'p');
}

/* "RSS 4M  = anon 4M + file 0, of it exclusive 4M", and so on. */
static void draw_figures(const struct layout *layout, const struct resident_row *row)
{
	const struct resident *resident = layout->resident;
	struct line line = line_begin(layout->text, &layout->paint);
	struct text words = TEXT_EMPTY;
	char size[UNITS_SIZE];
	unsigned figure;

	for (figure = 0; figure < RESIDENCE_CACHED; figure++) {
		text_format(&words, "%s%s %s", figure ? ", " : "",
			    figure ? figures[figure].name : "RSS",
			    units_size(row->bytes[figure], layout->paint.bytes, size));
		if (row->bytes[figure] == UNKNOWN)
			text_format(&words, " (%s)",
				    resident->why[figure] ? resident->why[figure] : row->why);
	}
	line_wrap(&line, STYLE_PLAIN, text_string(&words), 0);
	words.size = 0;
	if (layout->style->cached) {
		text_format(&words, "of the file in the page cache: %s",
			    units_size(row->bytes[RESIDENCE_CACHED], layout->paint.bytes, size));
		if (row->bytes[RESIDENCE_CACHED] == UNKNOWN)
			text_format(&words, " (%s)", row->cached_why ? row->cached_why : "no file");
		line_wrap(&line, STYLE_PLAIN, text_string(&words), 0);
	}
	text_fini(&words);
}

size_t resident_map_columns(const struct resident *resident, const struct paint *paint)
{
	size_t room = paint_columns(paint) - digits_of(resident) - 2, across = 16;

	while (across * 2 <= room && across < 256)
		across *= 2;
	return across;
}

void resident_draw_map(const struct resident *resident, const struct resident_style *style,
		       struct text *text)
{
	const struct resident_row *row = &resident->rows[0];
	const struct region *region = &resident->space->regions[row->region];
	struct layout layout = lay_out(resident, style, text);
	size_t across = resident_map_columns(resident, &style->paint), i;
	struct line line = line_begin(text, &layout.paint);
	char size[UNITS_SIZE], *name = malloc(NAME_SIZE);
	uint64_t page = resident->space->machine.page_size;

	draw_title(&layout);
	line_format(&line, STYLE_BOLD, "%llx-%llx", (unsigned long long)row->start,
		    (unsigned long long)row->end);
	line_format(&line, STYLE_BOLD, "  %s",
		    units_size(row->end - row->start, layout.paint.bytes, size));
	put_rights(&line, region);
	line_put(&line, STYLE_PLAIN, "  ");
	line_put(&line, STYLE_KIND + region->kind, kind_name(region->kind));
	line_put(&line, STYLE_PLAIN, "  ");
	if (name)
		line_put(&line, STYLE_PLAIN, region_name(resident->space, region, name, NAME_SIZE));
	line_end(&line);
	free(name);
	draw_figures(&layout, row);
	text_char(text, '\n');
	for (i = 0; i < resident->cells; i += across) {
		line_format(&line, STYLE_FAINT, "%0*llx", (int)layout.digits,
			    (unsigned long long)(row->start + i * resident->cell_size));
		line_put(&line, STYLE_PLAIN, "  ");
		put_looks(&line, row->looks + i, min_u64(across, resident->cells - i),
			  region->kind);
		line_end(&line);
	}
	text_char(text, '\n');
	line_format(&line, STYLE_FAINT, "one cell is %s, %llu page%s",
		    units_size(resident->cell_size, layout.paint.bytes, size),
		    (unsigned long long)(resident->cell_size / page),
		    resident->cell_size == page ? "" : "s");
	line_end(&line);
	draw_legend(&layout);
}

/*
 * Documents.
 */

static void put_head(const struct resident *resident, struct text *text)
{
	const struct process *process = &resident->space->process;
	char command[THREAD_NAME_SIZE * 4];

	text_format(text, "{\"schema\": %d", SCHEMA);
	document_put_member(text, "pid", json_integer(process->pid));
	document_put_member(
		text, "command",
		json_string(text_escape(process->command, command, sizeof(command), 0)));
	document_put_member(text, "page_size",
			    json_integer((json_int_t)resident->space->machine.page_size));
}

static void set_figures(json_t *object, const struct resident *resident,
			const uint64_t bytes[NRESIDENCES], const struct resident_row *row)
{
	unsigned figure;

	for (figure = 0; figure < NRESIDENCES; figure++) {
		const char *why = resident->why[figure];

		if (!why && row)
			why = figure == RESIDENCE_CACHED ? row->cached_why : row->why;
		document_size(object, figures[figure].name, bytes[figure], why);
	}
}

static json_t *totals_object(const struct resident *resident)
{
	json_t *object = json_object();
	uint64_t totals[NRESIDENCES], size = 0, counter = resident->space->figures[VM_RSS];
	size_t i;

	for (i = 0; i < resident->nrows; i++)
		size = add_capped(size, resident->rows[i].end - resident->rows[i].start);
	resident_totals(resident, totals);
	json_object_set_new(object, "regions", json_integer((json_int_t)resident->nrows));
	document_size(object, "size", size, NULL);
	set_figures(object, resident, totals, NULL);
	document_size(object, "vm_rss", counter, "status does not say");
	if (resident->whole && counter != UNKNOWN && totals[RESIDENCE_RSS] != UNKNOWN)
		json_object_set_new(object, "rss_residual",
				    json_integer((json_int_t)(counter - totals[RESIDENCE_RSS])));
	return object;
}

static json_t *row_object(const struct resident *resident, const struct resident_row *row,
			  char *name)
{
	const struct region *region = &resident->space->regions[row->region];
	json_t *object = json_object();
	char rights[5] = {region->rights & RIGHT_READ ? 'r' : '-',
			  region->rights & RIGHT_WRITE ? 'w' : '-',
			  region->rights & RIGHT_EXEC ? 'x' : '-',
			  region->rights & RIGHT_SHARED ? 's' : 'p', '\0'};
	struct text strip = TEXT_EMPTY;
	size_t i;

	document_address(object, "start", row->start, NULL);
	document_address(object, "end", row->end, NULL);
	document_size(object, "size", row->end - row->start, NULL);
	json_object_set_new(object, "perms", json_string(rights));
	json_object_set_new(object, "kind", json_string(kind_name(region->kind)));
	json_object_set_new(object, "name",
			    json_string(region_name(resident->space, region, name, NAME_SIZE)));
	set_figures(object, resident, row->bytes, row);
	for (i = 0; i < resident->cells; i++)
		text_put(&strip, looks_ascii[row->looks[i]]);
	json_object_set_new(object, "strip", json_string(text_string(&strip)));
	if (resident->cell_size)
		document_size(object, "cell_size", resident->cell_size, NULL);
	text_fini(&strip);
	return object;
}

int resident_json(const struct resident *resident, struct text *text)
{
	char *name = malloc(NAME_SIZE);
	size_t i;

	if (!name)
		return -ENOMEM;
	put_head(resident, text);
	document_put_member(text, "totals", totals_object(resident));
	text_put(text, ",\n\"regions\": [");
	for (i = 0; i < resident->nrows && !text->error; i++) {
		text_put(text, i ? ",\n" : "\n");
		document_put(text, row_object(resident, &resident->rows[i], name));
	}
	text_put(text, "]}\n");
	free(name);
	return text->error;
}

/*
 * Page runs.
 */

void resident_pages_begin(struct resident_pages *pages, bool no_headings)
{
	if (pages->json) {
		put_head(pages->resident, pages->text);
		text_put(pages->text, ",\n\"pages\": [");
	} else if (!no_headings) {
		text_format(pages->text, "%-16s %-16s %*s STATE\n", "START", "END",
			    pages->bytes ? 13 : 7, "SIZE");
	}
}

/* The words for a state, with `between` between them. */
static void put_words(const struct resident_pages *pages, const char *between)
{
	struct text *text = pages->text;
	unsigned state = pages->run.state;
	bool counted = figures_resident(pages->region, state);

	if (state & PAGE_GUARD) {
		text_put(text, "guard");
		return;
	}
	if (state & PAGE_SWAPPED)
		text_put(text, "swapped");
	else if (state & PAGE_ZERO)
		text_put(text, "zero");
	else
		text_put(text, counted ? "resident" : "present");
	if (counted || (state & (PAGE_SWAPPED | PAGE_FILE)) == (PAGE_SWAPPED | PAGE_FILE)) {
		text_put(text, between);
		text_put(text, state & PAGE_FILE ? "file" : "anon");
	}
	if (counted && pages->exclusive) {
		text_put(text, between);
		text_put(text, state & PAGE_EXCLUSIVE ? "exclusive" : "shared");
	}
	if (state & PAGE_HUGE) {
		text_put(text, between);
		text_put(text, "huge");
	}
}

static void put_run(struct resident_pages *pages)
{
	const struct page_run *run = &pages->run;
	struct text *text = pages->text;
	char size[UNITS_SIZE];

	if (run->start >= run->end)
		return;
	if (pages->json) {
		text_put(text, pages->n ? ",\n{\"start\":\"0x" : "\n{\"start\":\"0x");
		text_hex(text, run->start, 1);
		text_put(text, "\",\"end\":\"0x");
		text_hex(text, run->end, 1);
		text_put(text, "\",\"size\":");
		text_number(text, run->end - run->start);
		text_put(text, ",\"state\":[\"");
		put_words(pages, "\",\"");
		text_put(text, "\"]}");
	} else {
		size_t width = pages->bytes ? 13 : 7, length;

		units_size(run->end - run->start, pages->bytes, size);
		length = strlen(size);
		text_hex(text, run->start, 16);
		text_char(text, ' ');
		text_hex(text, run->end, 16);
		text_repeat(text, " ", length < width ? width - length + 1 : 1);
		text_put(text, size);
		text_char(text, ' ');
		put_words(pages, " ");
		text_char(text, '\n');
	}
	pages->n++;
}

void resident_pages_add(struct resident_pages *pages, const struct page_run *run)
{
	const struct resident *resident = pages->resident;
	plat_addr first = max_u64(run->start, pages->seen);
	size_t i = pages->at;

	while (i < resident->nrows && resident->rows[i].end <= first)
		i++;
	pages->at = i;
	pages->seen = max_u64(pages->seen, run->end);
	for (; i < resident->nrows && resident->rows[i].start < run->end; i++) {
		const struct resident_row *row = &resident->rows[i];
		const struct region *region = &resident->space->regions[row->region];
		plat_addr start = max_u64(row->start, first), end = min_u64(row->end, run->end);

		if (start >= end)
			continue;
		if (start == pages->run.end && region == pages->region &&
		    run->state == pages->run.state) {
			pages->run.end = end;
			continue;
		}
		put_run(pages);
		pages->run = (struct page_run){.start = start, .end = end, .state = run->state};
		pages->region = region;
	}
}

void resident_pages_finish(struct resident_pages *pages)
{
	put_run(pages);
	pages->run = (struct page_run){0};
	if (pages->json)
		text_put(pages->text, "]}\n");
}
