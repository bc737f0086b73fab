/*
 * The rows of the picture as a drawing, as textbooks have it:
 *
 *     7ffd1c2f4000 .--------------------.
 *                  | main stack         |  cells   RSS  size
 *     7ffd1c2d3000 |--------------------|
 *                  |      | grows       |
 *                  |      v   85T free  |
 *     7f3c1a4a8000 ~~~~~~~~~~~~~~~~~~~~~~
 *                  |--------------------|
 *                  | libc.so.6          |
 *     7f3c1a2b4000 '--------------------'
 *
 * Heights grow with the logarithm of the size, so that a page can be seen beside 128 TiB. Program
 * and main stack are opened into their parts. The document needs nothing from outside: names that
 * others chose are escaped, and there are no scripts.
 */
#include "view/svg.h"

#include "space/kinds.h"
#include "view/paint.h"
#include "view/rows.h"
#include "view/units.h"

#include <stdio.h>
#include <string.h>

/* Where things stand from left to right. */
enum {
	MARGIN = 20,
	ADDRESS_END = 146,
	TOWER = 156,
	OBJECT = 150, /* of the tower, for the name of an opened row */
	TOWER_END = 536,
	STRIP = 552,
	CELL = 8,
	RSS_END = STRIP + STRIP_CELLS * CELL + 56,
	SIZE_END = RSS_END + 56,
	ZONE = SIZE_END + 18, /* braces */
	SPACE = ZONE + 36,
	WIDTH = SPACE + 40,
};

#define HEADER 112   /* height above the tower */
#define ROW_LEAST 18 /* the lowest row a line of text fits in */
#define NOTE_HEIGHT 13
#define LEGEND_LINE 18
#define LEGEND_ACROSS 3
#define BREAK_FROM (UINT64_C(1) << 30)
#define MANY_ROWS 80 /* from here on, all rows are low */

struct drawing {
	const struct space *space;
	struct text *text;
	struct rows rows;
	unsigned y;
};

static const struct paint paper = {.unicode = true};

static void put_escaped(struct text *text, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '&':
			text_put(text, "&amp;");
			break;
		case '<':
			text_put(text, "&lt;");
			break;
		case '>':
			text_put(text, "&gt;");
			break;
		case '"':
			text_put(text, "&quot;");
			break;
		default:
			/* XML has no place for U+FFFE and U+FFFF. */
			if ((unsigned char)s[0] == 0xef && (unsigned char)s[1] == 0xbf &&
			    (unsigned char)s[2] >= 0xbe) {
				text_char(text, '?');
				s += 2;
			} else {
				text_char(text, *s);
			}
		}
	}
}

/* A line of text of the given class, elided to `columns` characters. */
static void put_words(struct text *text, unsigned x, unsigned y, const char *class,
		      const char *words, size_t columns)
{
	char cut[ROW_TEXT_SIZE * 4];

	text_format(text, "<text class=\"%s\" x=\"%u\" y=\"%u\">", class, x, y);
	put_escaped(text, paint_elide(&paper, words, columns, cut, sizeof(cut)));
	text_put(text, "</text>\n");
}

static void put_box(struct text *text, unsigned x, unsigned y, unsigned width, unsigned height,
		    const char *fill)
{
	text_format(text,
		    "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" fill=\"%s\" "
		    "stroke=\"#444\" stroke-width=\".8\"/>\n",
		    x, y, width, height, fill);
}

static const char *fill_of(unsigned kind)
{
	if (kind == KIND_GUARD)
		return "url(#guard)";
	return kind == KIND_RESERVED ? "url(#reserved)" : paint_fill((enum kind)kind);
}

/*
 * Heights.
 */

static bool is_opened(const struct row *row)
{
	return row->n > 1 && row->n <= 12 && (row->type == ROW_PROGRAM || row->type == ROW_STACK);
}

/* How often a page has to be doubled to reach the size. */
static unsigned doublings(uint64_t size)
{
	unsigned n = 0;

	for (size >>= 12; size > 1; size >>= 1)
		n++;
	return n;
}

static unsigned gap_height(const struct row *row, bool many)
{
	if (row->grows)
		return 96;
	if (row->gap_kind == GAP_STACK_GUARD)
		return 30;
	if (row->gap >= BREAK_FROM)
		return many ? 40 : 52;
	return ROW_LEAST;
}

static unsigned mapped_height(const struct drawing *drawing, const struct row *row)
{
	char note[ROW_TEXT_SIZE];
	unsigned height = ROW_LEAST;

	if (drawing->rows.nrows < MANY_ROWS)
		height += doublings(row->size) * 3 / 2;
	row_note(drawing->space, row, false, note);
	if (row->type == ROW_THREAD)
		height += 8; /* for the bands of guard and TLS */
	return *note ? height + NOTE_HEIGHT : height;
}

static unsigned region_height(const struct drawing *drawing, size_t i)
{
	struct row region;

	row_of_region(drawing->space, i, &region);
	return mapped_height(drawing, &region);
}

static unsigned row_height(const struct drawing *drawing, const struct row *row)
{
	unsigned height = 0;
	size_t i;

	if (row->type == ROW_GAP)
		return gap_height(row, drawing->rows.nrows >= MANY_ROWS);
	if (!is_opened(row))
		return mapped_height(drawing, row);
	for (i = row->first; i < row->first + row->n; i++)
		height += region_height(drawing, i);
	return height;
}

/*
 * Rows.
 */

static void put_address(struct drawing *drawing, plat_addr address, unsigned y)
{
	text_format(drawing->text, "<text class=\"a\" x=\"%d\" y=\"%u\">%llx</text>\n", ADDRESS_END,
		    y + 3, (unsigned long long)address);
	text_format(drawing->text, "<path class=\"l\" d=\"M%d %uH%d\"/>\n", ADDRESS_END + 3, y,
		    TOWER);
}

/* What a pointer that rests on the row shows. */
static void put_tooltip(struct drawing *drawing, const struct row *row)
{
	char name[ROW_TEXT_SIZE], size[UNITS_SIZE], rss[UNITS_SIZE];

	row_name(drawing->space, row, true, name);
	text_put(drawing->text, "<title>");
	put_escaped(drawing->text, name);
	text_format(drawing->text, "\n%llx-%llx", (unsigned long long)row->start,
		    (unsigned long long)row->end);
	if (row->type == ROW_GAP)
		text_format(drawing->text, "\n%s, not mapped", units_words(row->gap, size));
	else
		text_format(drawing->text, "\n%s, %s of it resident; mappings: %zu",
			    units_words(row->size, size), units_words(row->pages.rss, rss),
			    row->nmappings);
	text_put(drawing->text, "</title>\n");
}

/* Sixteen cells: a frame each, filled in from below as far as its pages are resident. */
static void put_strip(struct drawing *drawing, const struct row *row, unsigned y)
{
	char ink[8];
	unsigned i;

	if (!row->strip_known)
		return;
	for (i = 0; i < STRIP_CELLS; i++) {
		unsigned share = row->strip.resident[i], full = share ? 2 + share * 8 / 255 : 0;
		bool swapped = row->strip.swapped[i] > row->strip.resident[i];

		if (swapped)
			text_format(drawing->text,
				    "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"10\" "
				    "fill=\"url(#swapped)\"/>\n",
				    STRIP + i * CELL, y, CELL);
		else if (full)
			text_format(drawing->text,
				    "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" "
				    "fill=\"%s\"/>\n",
				    STRIP + i * CELL, y + 10 - full, CELL, full,
				    paint_ink((enum kind)row->cell_kind[i], ink));
	}
	text_format(drawing->text, "<path class=\"l\" d=\"M%d %uh%dv10h%dz", STRIP, y,
		    STRIP_CELLS * CELL, -STRIP_CELLS * CELL);
	for (i = 1; i < STRIP_CELLS; i++)
		text_format(drawing->text, "M%u %uv%d", STRIP + i * CELL, y + 10, i % 4 ? -2 : -4);
	text_put(drawing->text, "\"/>\n");
}

static void put_figures(struct drawing *drawing, const struct row *row, unsigned y, unsigned height)
{
	unsigned middle = y + height / 2;
	char size[UNITS_SIZE];

	put_strip(drawing, row, middle - 5);
	put_words(drawing->text, RSS_END, middle + 4, "n", units_size(row->pages.rss, false, size),
		  20);
	put_words(drawing->text, SIZE_END, middle + 4, "n", units_size(row->size, false, size), 20);
}

static void put_band(struct drawing *drawing, unsigned y, enum kind kind)
{
	put_box(drawing->text, TOWER, y, TOWER_END - TOWER, 7, fill_of(kind));
}

/* The box is cut as the row is: by the kinds of its cells. */
static void put_box_of_kinds(struct drawing *drawing, const struct row *row, unsigned y,
			     unsigned height)
{
	unsigned width = TOWER_END - TOWER, i, j;

	put_box(drawing->text, TOWER, y, width, height, fill_of(row->kind));
	if (row->type == ROW_THREAD && row->kind == KIND_THREAD_STACK) {
		if (row->kinds & (UINT32_C(1) << KIND_GUARD))
			put_band(drawing, y + height - 7, KIND_GUARD);
		if (row->kinds & (UINT32_C(1) << KIND_TLS))
			put_band(drawing, y, KIND_TLS);
		return;
	}
	if (row->type == ROW_FOLD || !(row->kinds & (row->kinds - 1)))
		return;
	for (i = 0; i < STRIP_CELLS; i = j) {
		for (j = i + 1; j < STRIP_CELLS && row->cell_kind[j] == row->cell_kind[i]; j++)
			;
		text_format(drawing->text,
			    "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"5\" fill=\"%s\"/>\n",
			    TOWER + i * width / STRIP_CELLS, y + height - 5,
			    (j - i) * width / STRIP_CELLS, fill_of(row->cell_kind[i]));
	}
	text_format(drawing->text, "<path class=\"l\" d=\"M%d %uH%d\"/>\n", TOWER, y + height - 5,
		    TOWER_END);
	put_box(drawing->text, TOWER, y, width, height, "none");
}

/* The name of a row and, below it, what else is to be said, around the height `middle`. */
static void put_name(struct drawing *drawing, const struct row *row, unsigned x, unsigned middle,
		     size_t columns)
{
	char name[ROW_TEXT_SIZE], note[ROW_TEXT_SIZE];

	row_name(drawing->space, row, false, name);
	row_note(drawing->space, row, false, note);
	put_words(drawing->text, x, *note ? middle - 3 : middle + 4, "w", name, columns);
	if (*note)
		put_words(drawing->text, x, middle + 10, "s", note, columns + columns / 4);
}

static void draw_mapped(struct drawing *drawing, const struct row *row, unsigned height)
{
	put_box_of_kinds(drawing, row, drawing->y, height);
	put_name(drawing, row, TOWER + 10, drawing->y + height / 2, 54);
	put_figures(drawing, row, drawing->y, height);
	put_address(drawing, row->start, drawing->y + height);
}

static void draw_part(struct drawing *drawing, size_t i, unsigned y, unsigned height)
{
	struct row region;

	row_of_region(drawing->space, i, &region);
	put_box(drawing->text, TOWER + OBJECT, y, TOWER_END - TOWER - OBJECT, height,
		fill_of(region.kind));
	put_name(drawing, &region, TOWER + OBJECT + 10, y + height / 2, 32);
	put_figures(drawing, &region, y, height);
	put_address(drawing, region.start, y + height);
}

static void draw_opened(struct drawing *drawing, const struct row *row, unsigned height)
{
	unsigned middle = drawing->y + height / 2, y = drawing->y;
	char name[ROW_TEXT_SIZE];
	size_t i;

	row_name(drawing->space, row, false, name);
	put_box(drawing->text, TOWER, y, OBJECT, height, "#ffffff");
	put_words(drawing->text, TOWER + 10, middle, "b", name, 19);
	put_words(drawing->text, TOWER + 10, middle + 14, "s",
		  row->type == ROW_PROGRAM ? "the program" : "of the main thread", 24);
	for (i = row->first + row->n; i-- > row->first;) {
		unsigned part = region_height(drawing, i);

		draw_part(drawing, i, y, part);
		y += part;
	}
}

/* Two waves across the tower: here much is left out. */
static void put_break(struct drawing *drawing, unsigned y)
{
	unsigned i;

	text_format(drawing->text, "<path class=\"k\" d=\"M%d %u", TOWER - 8, y);
	for (i = 0; i < 11; i++)
		text_format(drawing->text, "q9 %d 18 0t18 0", -7);
	text_put(drawing->text, "v7");
	for (i = 0; i < 11; i++)
		text_format(drawing->text, "q-9 %d -18 0t-18 0", 7);
	text_put(drawing->text, "z\"/>\n");
}

static void put_arrow(struct drawing *drawing, unsigned x, unsigned from, unsigned to)
{
	int head = to > from ? -8 : 8;

	text_format(
		drawing->text,
		"<path class=\"r\" d=\"M%u %uV%u\"/><path d=\"M%u %ul-6 %dh12z\" fill=\"#333\"/>\n",
		x, from, (unsigned)((int)to + head), x, to, head);
}

static const char *gap_words(enum gap_kind kind)
{
	switch (kind) {
	case GAP_KERNEL:
		return "kernel";
	case GAP_NONCANONICAL:
		return "no addresses (non-canonical)";
	case GAP_LOW:
		return "never mapped (vm.mmap_min_addr)";
	case GAP_STACK_GUARD:
		return "kept free below the stack";
	default:
		return "free";
	}
}

static const char *gap_fill(enum gap_kind kind)
{
	switch (kind) {
	case GAP_KERNEL:
		return "#dddddd";
	case GAP_FREE:
		return "#ffffff";
	default:
		return "url(#never)";
	}
}

static void put_growth(struct drawing *drawing, const struct row *row, unsigned y, unsigned height)
{
	const struct rows *rows = &drawing->rows;
	const struct row *below = row > rows->rows ? row - 1 : NULL;
	const struct row *above = row + 1 < rows->rows + rows->nrows ? row + 1 : NULL;
	char words[128], size[UNITS_SIZE];

	if (below && below->grows == GROWS_UP && below->type != ROW_GAP) {
		put_arrow(drawing, TOWER + 40, y + height, y + height - (height > 40 ? 30 : 14));
		snprintf(words, sizeof(words), "grows by up to %s",
			 units_size(rows->heap.bytes, false, size));
		put_words(drawing->text, TOWER + 54, y + height - 6, "s", words, 40);
	}
	if (above && above->grows == GROWS_DOWN && above->type != ROW_GAP) {
		put_arrow(drawing, TOWER + 40, y, y + (height > 40 ? 30 : 24));
		snprintf(words, sizeof(words), "grows by up to %s",
			 units_size(rows->stack.bytes, false, size));
		put_words(drawing->text, TOWER + 54, y + 13, "s", words, 40);
	}
	if (!row->grows)
		return;
	if (row->grows == GROWS_DOWN)
		put_arrow(drawing, TOWER + 40, y, y + 30);
	else
		put_arrow(drawing, TOWER + 40, y + height, y + height - 30);
	put_words(drawing->text, TOWER + 54, row->grows == GROWS_DOWN ? y + 15 : y + height - 6,
		  "s", "the mmap zone grows", 44);
}

static void draw_gap(struct drawing *drawing, const struct row *row, unsigned height)
{
	unsigned y = drawing->y, middle = y + height / 2;
	bool is_break = row->gap >= BREAK_FROM;
	char words[128], size[UNITS_SIZE];

	text_format(drawing->text,
		    "<rect x=\"%d\" y=\"%u\" width=\"%d\" height=\"%u\" fill=\"%s\" "
		    "stroke=\"#999\" stroke-width=\".8\"/>\n",
		    TOWER, y, TOWER_END - TOWER, height, gap_fill((enum gap_kind)row->gap_kind));
	if (is_break)
		put_break(drawing, middle - 3);
	snprintf(words, sizeof(words), "%s %s", units_size(row->gap, false, size),
		 gap_words((enum gap_kind)row->gap_kind));
	put_words(drawing->text, TOWER_END - 10, is_break ? middle - 10 : middle + 4, "g", words,
		  40);
	put_growth(drawing, row, y, height);
	put_address(drawing, row->start, y + height);
}

static void draw_row(struct drawing *drawing, const struct row *row)
{
	unsigned height = row_height(drawing, row);

	text_put(drawing->text, "<g>");
	put_tooltip(drawing, row);
	if (row->type == ROW_GAP)
		draw_gap(drawing, row, height);
	else if (is_opened(row))
		draw_opened(drawing, row, height);
	else
		draw_mapped(drawing, row, height);
	text_put(drawing->text, "</g>\n");
	drawing->y += height;
}

/*
 * Braces to the right: which rows are the zone that mmap fills, and which a program can reach.
 */

static void put_brace(struct drawing *drawing, unsigned x, unsigned from, unsigned to,
		      const char *words)
{
	if (to < from + 40)
		return;
	text_format(drawing->text, "<path class=\"l\" d=\"M%u %uh6V%uh-6\"/>\n", x, from + 1,
		    to - 1);
	text_format(drawing->text,
		    "<text class=\"z\" transform=\"translate(%u %u) rotate(90)\">%s</text>\n",
		    x + 11, (from + to) / 2, words);
}

/* The height above the lower border of row i, from the top of the tower. */
static unsigned depth(const struct drawing *drawing, size_t i)
{
	unsigned y = HEADER;
	size_t j;

	for (j = drawing->rows.nrows; j-- > i;)
		y += row_height(drawing, &drawing->rows.rows[j]);
	return y;
}

static bool ends_zone(const struct row *row)
{
	return row->type == ROW_STACK || row->type == ROW_HEAP || row->type == ROW_PROGRAM ||
	       (row->type == ROW_GAP && (row->gap >= BREAK_FROM || row->gap_kind != GAP_FREE));
}

static void draw_zone(struct drawing *drawing)
{
	const struct row *rows = drawing->rows.rows;
	size_t n = drawing->rows.nrows, i, low, high;

	for (i = 0; i < n && !(rows[i].type == ROW_GAP && rows[i].grows); i++)
		;
	if (i == n)
		return;
	if (rows[i].grows == GROWS_DOWN) {
		for (low = high = i + 1; high < n && !ends_zone(&rows[high]); high++)
			;
	} else {
		for (low = high = i; low > 0 && !ends_zone(&rows[low - 1]); low--)
			;
	}
	if (low < high)
		put_brace(drawing, ZONE, depth(drawing, high), depth(drawing, low), "mmap zone");
}

static void draw_user_space(struct drawing *drawing)
{
	const struct row *rows = drawing->rows.rows;
	size_t n = drawing->rows.nrows, i;
	char words[64], size[UNITS_SIZE];

	for (i = n;
	     i > 0 && (rows[i - 1].start >= drawing->space->user_end ||
		       (rows[i - 1].type == ROW_GAP && rows[i - 1].gap_kind >= GAP_NONCANONICAL));
	     i--)
		;
	if (i == 0)
		return;
	snprintf(words, sizeof(words), "user space, %s", units_size(rows[i - 1].end, false, size));
	put_brace(drawing, SPACE, depth(drawing, i), depth(drawing, 0), words);
}

/*
 * Header and legend.
 */

static const char *direction_words(enum direction direction)
{
	switch (direction) {
	case DIRECTION_TOP_DOWN:
		return "The mmap zone grows down";
	case DIRECTION_BOTTOM_UP:
		return "The mmap zone grows up (legacy layout)";
	default:
		return "Which way the mmap zone grows is not known";
	}
}

static void put_title(struct drawing *drawing, struct text *text)
{
	const struct process *process = &drawing->space->process;
	char name[THREAD_NAME_SIZE * 4 + 1];

	text_put(text, "Address space of ");
	put_escaped(text, text_escape(process->command, name, sizeof(name), 0));
	if (process->pid) /* a model has none */
		text_format(text, ", PID %d", process->pid);
}

static const char style[] =
	"<style>\n"
	"text{font:12px Helvetica,Arial,'DejaVu Sans',sans-serif;fill:#1a1a1a}\n"
	".a{font:11px 'DejaVu Sans Mono',Menlo,Consolas,monospace;text-anchor:end;fill:#444}\n"
	".n{text-anchor:end}.g{text-anchor:end;fill:#555;font-style:italic}\n"
	".s{font-size:10.5px;fill:#444}.b{font-weight:bold}\n"
	".h{font-size:10px;fill:#666;letter-spacing:.5px}.z{text-anchor:middle;fill:#444}\n"
	".t{font-size:19px;font-weight:bold}\n"
	".l{fill:none;stroke:#777;stroke-width:.7}.r{stroke:#333;stroke-width:2}\n"
	".k{fill:#fff;stroke:#777;stroke-width:1}\n"
	"</style>\n";

static void put_pattern(struct text *text, const char *id, const char *ground, const char *line)
{
	text_format(text,
		    "<pattern id=\"%s\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" "
		    "patternTransform=\"rotate(45)\"><rect width=\"7\" height=\"7\" fill=\"%s\"/>"
		    "<path d=\"M0 0V7\" stroke=\"%s\" stroke-width=\"2\"/></pattern>\n",
		    id, ground, line);
}

static void put_heading(struct drawing *drawing)
{
	struct text *text = drawing->text;

	put_words(text, TOWER, HEADER - 10, "h", "HIGH ADDRESSES", 40);
	put_words(text, STRIP, HEADER - 10, "h", "RESIDENT", 40);
	text_format(text, "<text class=\"h\" x=\"%d\" y=\"%d\" text-anchor=\"end\">RSS</text>\n",
		    RSS_END, HEADER - 10);
	text_format(text, "<text class=\"h\" x=\"%d\" y=\"%d\" text-anchor=\"end\">SIZE</text>\n",
		    SIZE_END, HEADER - 10);
}

static void draw_header(struct drawing *drawing, unsigned height)
{
	const struct space *space = drawing->space;
	struct text *text = drawing->text;
	char a[UNITS_SIZE], b[UNITS_SIZE], c[UNITS_SIZE], d[UNITS_SIZE], words[512];

	text_format(text,
		    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
		    "viewBox=\"0 0 %d %u\" role=\"img\" aria-labelledby=\"title desc\">\n"
		    "<title id=\"title\">",
		    WIDTH, height, WIDTH, height);
	put_title(drawing, text);
	snprintf(words, sizeof(words),
		 "VmSize %s (at most %s), VmRSS %s (at most %s), %zu mappings",
		 units_size(space->figures[VM_SIZE], false, a),
		 units_size(space->figures[VM_PEAK], false, b),
		 units_size(space->figures[VM_RSS], false, c),
		 units_size(space->figures[VM_HWM], false, d), space->nmappings);
	text_format(
		text,
		"</title>\n<desc id=\"desc\">A column of boxes, one for each mapped object and "
		"each gap, from the highest address at the top to 0 at the bottom. %s.</desc>\n",
		words);
	text_put(text, style);
	text_put(text, "<defs>\n");
	put_pattern(text, "guard", "#ffffff", "#c0504d");
	put_pattern(text, "reserved", "#ffffff", "#cccccc");
	put_pattern(text, "never", "#f4f4f4", "#d8d8d8");
	put_pattern(text, "swapped", "#ffffff", "#b050b0");
	text_put(text, "</defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
	text_format(text, "<text class=\"t\" x=\"%d\" y=\"36\">", MARGIN);
	put_title(drawing, text);
	text_put(text, "</text>\n");
	put_words(text, MARGIN, 58, "w", words, 110);
	snprintf(words, sizeof(words), "%s%s%s", direction_words(space->direction),
		 *space->direction_reason ? ": " : "", space->direction_reason);
	put_words(text, MARGIN, 76, "w", words, 130);
	put_heading(drawing);
}

struct sums {
	size_t regions;
	uint64_t size, rss;
};

static void sum_kinds(const struct space *space, struct sums *kinds)
{
	size_t i;

	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];
		struct sums *sums = &kinds[region->kind];

		sums->regions++;
		sums->size = add_capped(sums->size, region_size(region));
		if (!region_pages_known(space, region) || sums->rss == UNKNOWN)
			sums->rss = UNKNOWN;
		else
			sums->rss = add_capped(sums->rss, region->pages.rss);
	}
}

static size_t kinds_present(const struct sums *kinds)
{
	size_t kind, n = 0;

	for (kind = 0; kind < NKINDS; kind++)
		n += kinds[kind].regions != 0;
	return n;
}

static unsigned legend_height(const struct sums *kinds)
{
	size_t down = (kinds_present(kinds) + LEGEND_ACROSS - 1) / LEGEND_ACROSS;

	return (unsigned)(30 + down * LEGEND_LINE + 3 * LEGEND_LINE);
}

static void draw_legend(struct drawing *drawing, const struct sums *kinds)
{
	size_t down = (kinds_present(kinds) + LEGEND_ACROSS - 1) / LEGEND_ACROSS, kind, n = 0;
	unsigned top = drawing->y + 30, width = (WIDTH - 2 * MARGIN) / LEGEND_ACROSS;
	char words[128], size[UNITS_SIZE], rss[UNITS_SIZE];

	for (kind = 0; kind < NKINDS; kind++) {
		unsigned x, y;

		if (!kinds[kind].regions)
			continue;
		x = MARGIN + (unsigned)(n / down) * width;
		y = top + (unsigned)(n % down) * LEGEND_LINE;
		put_box(drawing->text, x, y, 20, 12, fill_of((unsigned)kind));
		snprintf(words, sizeof(words), "%s  %s, %s resident", kind_name((enum kind)kind),
			 units_size(kinds[kind].size, false, size),
			 units_size(kinds[kind].rss, false, rss));
		put_words(drawing->text, x + 28, y + 10, "w", words, 44);
		n++;
	}
	drawing->y = top + (unsigned)down * LEGEND_LINE + LEGEND_LINE;
	put_words(
		drawing->text, MARGIN, drawing->y, "s",
		"Heights are compressed: a box grows a little with each doubling; waves stand for "
		"1 GiB or more left out.",
		140);
	put_words(
		drawing->text, MARGIN, drawing->y + 15, "s",
		"Resident: sixteen equal parts of the row, low addresses on the left, each filled "
		"as far as its pages are in memory; hatched: in swap.",
		150);
}

void svg_draw(const struct space *space, struct text *text)
{
	struct drawing drawing = {.space = space, .text = text, .y = HEADER};
	struct sums kinds[NKINDS] = {0};
	size_t i;
	int r = rows_make(space, true, &drawing.rows);

	if (r < 0) {
		if (!text->error)
			text->error = r;
		return;
	}
	sum_kinds(space, kinds);
	draw_header(&drawing, depth(&drawing, 0) + legend_height(kinds));
	for (i = drawing.rows.nrows; i-- > 0;)
		draw_row(&drawing, &drawing.rows.rows[i]);
	draw_zone(&drawing);
	draw_user_space(&drawing);
	draw_legend(&drawing, kinds);
	text_put(text, "</svg>\n");
	rows_fini(&drawing.rows);
}
