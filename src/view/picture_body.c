/*
 * A row of the picture:
 *
 *     7f3c1a2b4000  TRLDB ▌libc.so.6                      ▓▓██░░··░░·░░·▓█  1.2M   1.9M
 *     address       kinds  name                            resident pages    RSS   size
 *     7f3c19ab3000        ┊ 12.4M free
 *
 * What the terminal is too narrow for goes in this order: notes move from the end of a row to a
 * line below it, cells of the strip are joined, names are elided.
 */
#include "view/picture_parts.h"

#include "space/kinds.h"
#include "view/units.h"

#include <stdio.h>
#include <string.h>

#define NAME_LEAST 22	     /* columns of a name before the strip is halved */
#define NAME_LEAST_OF_ALL 18 /* and before it is left out */
#define NAME_BESIDE_NOTES 34 /* columns of a name that leave the rest to notes */
#define NOTES_FROM 124	     /* columns of a terminal from which notes stand in the row */

static size_t count_bits(uint32_t set)
{
	return (size_t)__builtin_popcount(set);
}

/* Chooses the columns from what the rows hold. */
void lay_out(struct picture *picture)
{
	const struct paint *paint = picture->paint;
	size_t columns = paint_columns(paint), letters = 6, rss = 5, size = 5, right, i;
	plat_addr highest = 0;

	for (i = 0; i < picture->rows.nrows; i++) {
		const struct row *row = &picture->rows.rows[i];

		if (row->type == ROW_GAP)
			continue;
		letters = at_least(letters, count_bits(row->kinds));
		rss = at_least(rss, size_columns(row->pages.rss, paint));
		size = at_least(size, size_columns(row->size, paint));
		if (row->kind != KIND_VSYSCALL)
			highest = row->end - 1;
	}
	picture->digits = highest >> 48 ? 16 : highest >> 32 ? 12 : 8;
	picture->kinds_end = picture->digits + 1 + (letters < 8 ? letters : 8);
	picture->name = picture->kinds_end + 2;

	right = 1 + rss + 1 + size; /* and a blank and the strip, where there is room for it */
	if (picture->name + NAME_LEAST + 1 + STRIP_CELLS + right <= columns)
		picture->strip_cells = STRIP_CELLS;
	else if (picture->name + NAME_LEAST_OF_ALL + 1 + STRIP_CELLS / 2 + right <= columns)
		picture->strip_cells = STRIP_CELLS / 2;
	right += picture->strip_cells ? 1 + picture->strip_cells : 0;
	picture->name_columns = sub_floored(columns, picture->name + right);
	picture->note = 0;
	if (columns >= NOTES_FROM && picture->name_columns > NAME_BESIDE_NOTES) {
		picture->name_columns = at_least(NAME_BESIDE_NOTES, picture->name_columns / 2);
		picture->note = picture->name + picture->name_columns + right + 2;
	}
	picture->strip = picture->name + picture->name_columns + 1;
	picture->size_end = picture->name + picture->name_columns + right;
	picture->rss_end = picture->size_end - size - 1;
}

/*
 * The digits that are the same in the row above are fainter. What lies above all ordinary addresses
 * is longer, and runs on into the column of kinds.
 */
static void put_address(struct line *line, struct picture *picture, plat_addr address,
			unsigned style)
{
	char digits[20], above[20];
	size_t same = 0;

	snprintf(digits, sizeof(digits), "%0*llx", (int)picture->digits,
		 (unsigned long long)address);
	snprintf(above, sizeof(above), "%0*llx", (int)picture->digits,
		 (unsigned long long)picture->above);
	picture->above = address;
	if (strlen(digits) == strlen(above))
		while (digits[same] && digits[same] == above[same])
			same++;
	snprintf(above, sizeof(above), "%.*s", (int)same, digits);
	line_put(line, STYLE_FAINT, above);
	line_put(line, style, digits + same);
}

static void put_rights(struct line *line, const struct row *row)
{
	const char rights[] = {
		row->rights & RIGHT_READ ? 'r' : '-', row->rights & RIGHT_WRITE ? 'w' : '-',
		row->rights & RIGHT_EXEC ? 'x' : '-', row->rights & RIGHT_SHARED ? 's' : 'p', '\0'};

	line_put(line, STYLE_FAINT, rights);
}

/* Letters of all its kinds; of a row with one kind also the rights. */
static void put_kinds(struct line *line, const struct picture *picture, const struct row *row)
{
	size_t n = count_bits(row->kinds), kind;

	if (n == 1 && !row->mixed_rights && line->column < picture->kinds_end - 5) {
		line_to(line, picture->kinds_end - 6);
		put_rights(line, row);
	}
	line_to(line, sub_floored(picture->kinds_end, n));
	for (kind = 0; kind < NKINDS; kind++) {
		const char letter[] = {paint_letter((enum kind)kind), '\0'};

		if (row->kinds & (UINT32_C(1) << kind) && line->column < picture->kinds_end)
			line_put(line, kind_style((unsigned)kind), letter);
	}
	line_to(line, picture->kinds_end + 1);
	line_put(line, kind_style(row->kind), pick(line->paint, "▌", "|"));
}

static const char *const cells_unicode[] = {"·", "░", "▒", "▓", "█", "s", "■"};
static const char *const cells_ascii[] = {".", ":", ":", "+", "#", "s", "h"};

/* What a cell is mostly: absent, resident by quarters, swapped, huge. */
static unsigned cell_look(unsigned resident, unsigned swapped, unsigned huge)
{
	if (swapped > resident)
		return 5;
	if (huge * 2 > resident)
		return 6;
	if (resident == 0)
		return 0;
	return resident < 64 ? 1 : resident < 128 ? 2 : resident < 255 ? 3 : 4;
}

/* `joined` cells of the strip from `at` on as one. */
static unsigned strip_look(const struct strip *strip, size_t at, size_t joined)
{
	unsigned resident = 0, swapped = 0, huge = 0;
	size_t i;

	for (i = at; i < at + joined; i++) {
		resident += strip->resident[i];
		swapped += strip->swapped[i];
		huge += strip->huge[i];
	}
	/* Rounded up: one page in a cell is to be seen. */
	return cell_look((unsigned)((resident + joined - 1) / joined),
			 (unsigned)((swapped + joined - 1) / joined), (unsigned)(huge / joined));
}

static void put_strip(struct line *line, const struct picture *picture, const struct row *row)
{
	const char *const *looks = line->paint->unicode ? cells_unicode : cells_ascii;
	size_t cells = picture->strip_cells, joined, i, j;

	if (!cells)
		return;
	line_to(line, picture->strip);
	if (!row->strip_known) {
		line_put(line, STYLE_FAINT, "-");
		return;
	}
	joined = STRIP_CELLS / cells;
	for (i = 0; i < cells; i = j) {
		unsigned look = strip_look(&row->strip, i * joined, joined);
		unsigned kind = row->cell_kind[i * joined];

		for (j = i + 1; j < cells; j++)
			if (strip_look(&row->strip, j * joined, joined) != look ||
			    row->cell_kind[j * joined] != kind)
				break;
		put_cells(line, look ? kind_style(kind) : STYLE_FAINT, looks[look], j - i);
	}
}

const struct headroom *headroom_of_row(const struct picture *picture, const struct row *row)
{
	if (row->type == ROW_HEAP)
		return &picture->rows.heap;
	return row->type == ROW_STACK ? &picture->rows.stack : &picture->rows.mmap;
}

/* What a row is, where its name does not say it, and how far it grows. */
static void row_tag(const struct picture *picture, const struct row *row, char *to, size_t size)
{
	const struct paint *paint = picture->paint;
	uint64_t bytes = headroom_of_row(picture, row)->bytes;
	char number[UNITS_SIZE];

	*to = '\0';
	if (row->type == ROW_PROGRAM)
		snprintf(to, size, "program");
	else if (row->type == ROW_LOADER)
		snprintf(to, size, "loader");
	else if (row->grows != GROWS_NOT)
		snprintf(to, size, "%s%s", arrow(paint, (enum growing)row->grows),
			 bytes == UNKNOWN ? "" : units_size(bytes, paint->bytes, number));
	else if (row->type == ROW_REGION && row->file != NO_FILE && paint->verbose &&
		 picture->space->files[row->file].type == FILE_ORDINARY)
		snprintf(to, size, "offset %llx",
			 (unsigned long long)picture->space->regions[row->first].offset);
	else if (row->nmappings > 1 && row->type >= ROW_FILE && row->type <= ROW_OTHER)
		snprintf(to, size, "%zu mappings", row->nmappings);
}

#define FITTING_SIZE (ROW_TEXT_SIZE + 4) /* with the dots */

/* Of a path that is too long the last parts that fit, behind dots. */
static const char *fitting_path(const struct paint *paint, const char *path, size_t columns,
				char *to)
{
	const char *dots = pick(paint, "…", ".."), *tail = path;

	if (*path != '/' || text_width(path) <= columns)
		return path;
	while (tail && text_width(tail) + text_width(dots) > columns)
		tail = strchr(tail + 1, '/');
	if (!tail || !tail[1])
		return strrchr(path, '/')[1] ? strrchr(path, '/') + 1 : path;
	snprintf(to, FITTING_SIZE, "%s%s", dots, tail);
	return to;
}

static void put_name(struct line *line, const struct picture *picture, const struct row *row)
{
	bool paths = line->paint->verbose || picture->name_columns >= NAME_BESIDE_NOTES;
	size_t columns = picture->name_columns, indent = row->type == ROW_REGION ? 2 : 0;
	char name[ROW_TEXT_SIZE], tag[64], path[FITTING_SIZE];

	row_name(picture->space, row, paths, name);
	row_tag(picture, row, tag, sizeof(tag));
	columns -= indent;
	if (text_width(tag) + 9 > columns)
		*tag = '\0';
	if (*tag)
		columns -= text_width(tag) + 1;
	line_to(line, picture->name + indent);
	line_put_within(line, row->type == ROW_PROGRAM ? STYLE_BOLD : STYLE_PLAIN,
			fitting_path(line->paint, name, columns, path), columns);
	if (*tag) {
		line_to(line, line->column + 1);
		line_put(line, row->grows ? STYLE_BOLD : STYLE_FAINT, tag);
	}
}

static void draw_note(const struct picture *picture, const char *note)
{
	struct line line = line_begin(picture->text, picture->paint);

	line_to(&line, picture->name + 2);
	line_wrap(&line, STYLE_FAINT, note, picture->name + 2);
}

static void draw_mapped(struct picture *picture, const struct row *row)
{
	const struct paint *paint = picture->paint;
	struct line line = line_begin(picture->text, paint);
	char number[UNITS_SIZE], note[ROW_TEXT_SIZE];

	put_address(&line, picture, row->start, STYLE_PLAIN);
	put_kinds(&line, picture, row);
	put_name(&line, picture, row);
	put_strip(&line, picture, row);
	line_put_right(&line, row->pages.rss ? STYLE_PLAIN : STYLE_FAINT,
		       units_size(row->pages.rss, paint->bytes, number), picture->rss_end);
	line_put_right(&line, STYLE_PLAIN, units_size(row->size, paint->bytes, number),
		       picture->size_end);
	row_note(picture->space, row, paint->bytes, note);
	if (row->type == ROW_REGION)
		*note = '\0'; /* stands beside the row it is part of */
	if (*note && picture->note) {
		line_to(&line, picture->note);
		line_wrap(&line, STYLE_FAINT, note, picture->note);
		return;
	}
	line_end(&line);
	if (*note)
		draw_note(picture, note);
}

/* Regions of an opened row, the highest first. */
static void draw_regions(struct picture *picture, const struct row *row)
{
	size_t i;

	if (row->n < 2 || row->type == ROW_FOLD)
		return;
	for (i = row->first + row->n; i-- > row->first;) {
		struct row region;

		row_of_region(picture->space, i, &region);
		draw_mapped(picture, &region);
	}
}

const char *gap_words(enum gap_kind kind)
{
	switch (kind) {
	case GAP_STACK_GUARD:
		return "kept free below the stack";
	case GAP_LOW:
		return "not to be mapped (vm.mmap_min_addr)";
	case GAP_NONCANONICAL:
		return "no addresses (non-canonical)";
	case GAP_KERNEL:
		return "kernel";
	default:
		return "free";
	}
}

const char *gap_mark(const struct paint *paint, const struct row *row)
{
	return row->gap >= BREAK_FROM ? pick(paint, "≈", "~") : pick(paint, "┊", ":");
}

static void draw_gap(struct picture *picture, const struct row *row)
{
	const struct paint *paint = picture->paint;
	struct line line = line_begin(picture->text, paint);
	char number[UNITS_SIZE];

	put_address(&line, picture, row->start, STYLE_FAINT);
	line_to(&line, picture->kinds_end + 1);
	line_put(&line, STYLE_FAINT, gap_mark(paint, row));
	line_to(&line, picture->name + 1);
	line_format(&line, STYLE_FAINT, "%s %s", units_size(row->gap, paint->bytes, number),
		    gap_words((enum gap_kind)row->gap_kind));
	if (row->grows)
		line_format(&line, STYLE_BOLD, " %s mmap zone",
			    arrow(paint, (enum growing)row->grows));
	line_end(&line);
}

static void draw_heading(const struct picture *picture)
{
	struct line line = line_begin(picture->text, picture->paint);

	line_put(&line, STYLE_FAINT, "START");
	line_put_right(&line, STYLE_FAINT, "KIND", picture->kinds_end);
	line_to(&line, picture->name);
	line_put(&line, STYLE_FAINT, "NAME");
	if (picture->strip_cells) {
		line_to(&line, picture->strip);
		line_put(&line, STYLE_FAINT, "RESIDENT");
	}
	line_put_right(&line, STYLE_FAINT, "RSS", picture->rss_end);
	line_put_right(&line, STYLE_FAINT, "SIZE", picture->size_end);
	line_end(&line);
}

void draw_body(struct picture *picture)
{
	size_t i;

	draw_heading(picture);
	for (i = picture->rows.nrows; i-- > 0;) {
		const struct row *row = &picture->rows.rows[i];

		if (row->type == ROW_GAP) {
			draw_gap(picture, row);
			continue;
		}
		draw_mapped(picture, row);
		if (picture->paint->verbose)
			draw_regions(picture, row);
	}
}
