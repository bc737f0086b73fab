/* The foot of the picture: what grows how far, totals, what is not known, the legend. */
#include "view/picture_parts.h"

#include "space/kinds.h"
#include "view/units.h"

#include <stdio.h>
#include <string.h>

static void draw_headroom_of(const struct picture *picture, const struct row *row)
{
	static const char *const more[] = {"can grow by", "largest new mapping is"};
	const struct headroom *headroom = headroom_of_row(picture, row);
	const char *name = row->type == ROW_HEAP    ? "heap"
			   : row->type == ROW_STACK ? "main stack"
						    : "mmap zone";
	const char *note = headroom_note(picture->space, headroom);
	struct line line = line_begin(picture->text, picture->paint);
	char number[UNITS_SIZE], because[HEADROOM_WORDS], sentence[sizeof(because) + 96];

	line_format(&line, STYLE_BOLD, "%s ", arrow(picture->paint, (enum growing)row->grows));
	snprintf(sentence, sizeof(sentence), "%s: %s %s%s%s%s%s", name, more[row->type == ROW_GAP],
		 units_size(headroom->bytes, picture->paint->bytes, number),
		 headroom->bytes == UNKNOWN ? ": " : ", limited by ",
		 headroom_because(picture->space, headroom, because), note ? "; " : "",
		 note ? note : "");
	line_wrap(&line, STYLE_PLAIN, sentence, 2);
}

static void draw_headroom(const struct picture *picture)
{
	size_t i, n = 0;

	for (i = picture->rows.nrows; i-- > 0;) {
		if (picture->rows.rows[i].grows == GROWS_NOT)
			continue;
		draw_headroom_of(picture, &picture->rows.rows[i]);
		n++;
	}
	if (n)
		text_char(picture->text, '\n');
}

struct sums {
	size_t regions;
	uint64_t size, rss, swap;
};

static void add_known(uint64_t *sum, uint64_t figure)
{
	*sum = *sum == UNKNOWN || figure == UNKNOWN ? UNKNOWN : add_capped(*sum, figure);
}

static void add_region(struct sums *sums, const struct region *region, bool known)
{
	sums->regions++;
	sums->size = add_capped(sums->size, region_size(region));
	add_known(&sums->rss, known ? region->pages.rss : UNKNOWN);
	add_known(&sums->swap, known ? region->pages.swap : UNKNOWN);
}

/* Sums of each kind, and of all that the kernel counts: vsyscall is in no process's VmSize. */
static void sum_kinds(const struct space *space, struct sums *kinds, struct sums *all)
{
	size_t i;

	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];
		bool known = region_pages_known(space, region);

		if (region->kind != KIND_VSYSCALL)
			add_region(all, region, known);
		add_region(&kinds[region->kind], region, known);
	}
}

static void put_sums(struct line *line, size_t from, size_t width, const struct sums *sums)
{
	bool bytes = line->paint->bytes;
	char number[UNITS_SIZE];

	line_put_right(line, STYLE_PLAIN, units_size(sums->size, bytes, number), from + 15 + width);
	line_put_right(line, STYLE_PLAIN, units_size(sums->rss, bytes, number),
		       from + 16 + 2 * width);
	line_put_right(line, STYLE_PLAIN, units_size(sums->swap, bytes, number),
		       from + 17 + 3 * width);
}

static void put_kind(struct line *line, size_t kind)
{
	const char letter[] = {paint_letter((enum kind)kind), ' ', '\0'};

	line_put(line, kind_style((unsigned)kind), letter);
	line_put(line, STYLE_PLAIN, kind_name((enum kind)kind));
}

/* "listed 12.3M + residual 0 = VmSize 12.3M" */
static void draw_check(const struct picture *picture, uint64_t listed, enum figure figure,
		       const char *behind)
{
	struct line line = line_begin(picture->text, picture->paint);
	uint64_t counted = picture->space->figures[figure];
	bool bytes = picture->paint->bytes;
	char a[UNITS_SIZE], b[UNITS_SIZE] = "-", c[UNITS_SIZE];
	char sentence[256];
	bool less = counted != UNKNOWN && listed != UNKNOWN && counted < listed;

	if (counted != UNKNOWN && listed != UNKNOWN)
		units_size(less ? listed - counted : counted - listed, bytes, b);
	snprintf(sentence, sizeof(sentence), "listed %s %c residual %s = %s %s%s",
		 units_size(listed, bytes, a), less ? '-' : '+', b, figure_name(figure),
		 units_size(counted, bytes, c), behind);
	line_wrap(&line, STYLE_PLAIN, sentence, 2);
}

static void draw_totals_heading(const struct picture *picture, size_t across, size_t width)
{
	struct line line = line_begin(picture->text, picture->paint);
	size_t i, cell = 19 + 3 * width;

	for (i = 0; i < across; i++) {
		line_to(&line, i * cell);
		line_put(&line, STYLE_FAINT, "TOTALS");
		line_put_right(&line, STYLE_FAINT, "SIZE", i * cell + 15 + width);
		line_put_right(&line, STYLE_FAINT, "RSS", i * cell + 16 + 2 * width);
		line_put_right(&line, STYLE_FAINT, "SWAP", i * cell + 17 + 3 * width);
	}
	line_end(&line);
}

/* Fills columns from above, as a reader of lists expects. */
static void draw_kinds(const struct picture *picture, const struct sums *kinds, size_t width)
{
	size_t present[NKINDS], n = 0, kind, across, down, i, j;
	size_t cell = 19 + 3 * width;

	for (kind = 0; kind < NKINDS; kind++)
		if (kinds[kind].regions)
			present[n++] = kind;
	across = (paint_columns(picture->paint) + 2) / cell;
	across = across < 1 ? 1 : across > 4 ? 4 : across;
	down = (n + across - 1) / across;
	across = (n + down - 1) / down;
	draw_totals_heading(picture, across, width);
	for (i = 0; i < down; i++) {
		struct line line = line_begin(picture->text, picture->paint);

		for (j = i; j < n; j += down) {
			line_to(&line, j / down * cell);
			put_kind(&line, present[j]);
			put_sums(&line, j / down * cell, width, &kinds[present[j]]);
		}
		line_end(&line);
	}
}

static void draw_totals(const struct picture *picture)
{
	struct sums kinds[NKINDS] = {0}, all = {0};
	char behind[64] = "", size[UNITS_SIZE];

	sum_kinds(picture->space, kinds, &all);
	draw_kinds(picture, kinds, at_least(5, size_columns(all.size, picture->paint)));
	if (kinds[KIND_VSYSCALL].regions)
		snprintf(behind, sizeof(behind), " (vsyscall, %s, is not in VmSize)",
			 units_size(kinds[KIND_VSYSCALL].size, picture->paint->bytes, size));
	draw_check(picture, all.size, VM_SIZE, behind);
	draw_check(picture, all.rss, VM_RSS, "");
}

static void draw_why(const struct picture *picture, const char *what, const char *why)
{
	struct line line = line_begin(picture->text, picture->paint);
	struct text sentence = TEXT_EMPTY;

	if (!why)
		return;
	text_format(&sentence, "%s: %s", what, why);
	line_put(&line, STYLE_FAINT, "- ");
	line_wrap(&line, STYLE_PLAIN, text_string(&sentence), 2);
	text_fini(&sentence);
}

void draw_whys(const struct picture *picture)
{
	const struct why *why = &picture->space->why;

	if (why->maps || why->pages || why->memory || why->threads || why->process)
		text_char(picture->text, '\n');
	draw_why(picture, "mappings", why->maps);
	draw_why(picture, "resident pages", why->pages);
	draw_why(picture, "memory", why->memory);
	draw_why(picture, "threads", why->threads);
	draw_why(picture, "process", why->process);
}

static void draw_legend_of_kinds(const struct picture *picture)
{
	uint32_t kinds = 0;
	size_t i, kind;

	for (i = 0; i < picture->rows.nrows; i++)
		kinds |= picture->rows.rows[i].kinds;
	for (kind = 0; kind < NKINDS; kind++) {
		struct line line = line_begin(picture->text, picture->paint);

		if (!(kinds & (UINT32_C(1) << kind)))
			continue;
		put_kind(&line, kind);
		line_to(&line, 16);
		line_wrap(&line, STYLE_PLAIN, kind_help((enum kind)kind), 16);
	}
}

static void draw_legend_line(const struct picture *picture, const char *unicode, const char *ascii,
			     const char *words)
{
	struct line line = line_begin(picture->text, picture->paint);

	line_put(&line, STYLE_PLAIN, pick(picture->paint, unicode, ascii));
	line_to(&line, 16);
	line_wrap(&line, STYLE_PLAIN, words, 16);
}

void draw_legend(const struct picture *picture)
{
	draw_legend_of_kinds(picture);
	draw_legend_line(
		picture, "· ░▒▓█", ". :+#",
		"one of equal parts of the row, the lowest addresses left: nothing, some, or "
		"all of it is in memory");
	draw_legend_line(picture, "s ■", "s h", "a part mostly in swap; mostly in huge pages");
	draw_legend_line(picture, "┊ ≈", ": ~", "not mapped; from 1 GiB on as a break");
	draw_legend_line(picture, "↑ ↓", "^ v", "grows this way, by so much at most");
	draw_legend_line(picture, "-", "-",
			 "could not be learnt; the reason stands below the picture");
}

void draw_foot(const struct picture *picture)
{
	draw_headroom(picture);
	draw_totals(picture);
}
