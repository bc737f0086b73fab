/*
 * Figures in the order in which they explain each other:
 *
 *     FIGURE          SIZE SHARE            LIMIT       WHAT IT IS
 *     VmPeak          1.4G ████████████████ unlimited   most addresses so far
 *       ≥ VmSize      1.3G ███████████████░ unlimited   mapped addresses, RLIMIT_AS
 *
 * A bar is the share of the highest figure of its group; what is close to its limit is in red.
 */
#include "view/usage.h"

#include "view/document.h"
#include "view/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA 1

void usage_init(struct usage *usage)
{
	unsigned i;

	*usage = (struct usage){.start_time = UNKNOWN};
	for (i = 0; i < NFIGURES; i++)
		usage->figures[i] = UNKNOWN;
	rollup_init(&usage->rollup);
}

static uint64_t sum_of_parts(const struct usage *usage)
{
	return figure_sum(figure_sum(usage->figures[RSS_ANON], usage->figures[RSS_FILE]),
			  usage->figures[RSS_SHMEM]);
}

bool usage_residual(const struct usage *usage, int64_t *ret)
{
	uint64_t rss = usage->figures[VM_RSS], parts = sum_of_parts(usage);

	if (rss == UNKNOWN || parts == UNKNOWN)
		return false;
	*ret = (int64_t)(rss - parts);
	return true;
}

static const char *pick(const struct paint *paint, const char *unicode, const char *ascii)
{
	return paint->unicode ? unicode : ascii;
}

/* "+1.2M", "-64K", "=" where nothing changed. */
static char *change_text(uint64_t now, uint64_t before, bool bytes, char *to, size_t size)
{
	char number[UNITS_SIZE];

	if (now == UNKNOWN || before == UNKNOWN)
		snprintf(to, size, "-");
	else if (now == before)
		snprintf(to, size, "=");
	else if (now > before)
		snprintf(to, size, "+%s", units_size(now - before, bytes, number));
	else
		snprintf(to, size, "-%s", units_size(before - now, bytes, number));
	return to;
}

/*
 * One process.
 */

/* A row of the block. */
struct item {
	enum figure figure;
	const char *unicode,
		*ascii;	       /* what stands before the name: how it follows from those above */
	enum figure full;      /* what a full bar stands for; NFIGURES: no bar */
	enum limit_name limit; /* NLIMITS: none */
	const char *meaning;
};

static const struct item items[] = {
	{VM_PEAK, "", "", VM_PEAK, LIMIT_AS, "most addresses so far"},
	{VM_SIZE, "  ≥ ", "  > ", VM_PEAK, LIMIT_AS, "mapped, RLIMIT_AS"},
	{VM_DATA, "      ", "      ", VM_PEAK, LIMIT_DATA, "private, RLIMIT_DATA"},
	{VM_STK, "      ", "      ", VM_PEAK, LIMIT_STACK, "stack, RLIMIT_STACK"},
	{VM_EXE, "      ", "      ", VM_PEAK, NLIMITS, "code of the program"},
	{VM_LIB, "      ", "      ", VM_PEAK, NLIMITS, "code of libraries"},
	{VM_HWM, "", "", VM_HWM, NLIMITS, "most in memory so far"},
	{VM_RSS, "  ≥ ", "  > ", VM_HWM, NLIMITS, "in memory"},
	{RSS_ANON, "    = ", "    = ", VM_HWM, NLIMITS, "no file behind it"},
	{RSS_FILE, "    + ", "    + ", VM_HWM, NLIMITS, "pages of files"},
	{RSS_SHMEM, "    + ", "    + ", VM_HWM, NLIMITS, "shared memory"},
	{VM_SWAP, "", "", NFIGURES, NLIMITS, "in swap, beside VmRSS"},
	{VM_LCK, "", "", NFIGURES, LIMIT_MEMLOCK, "locked, RLIMIT_MEMLOCK"},
	{VM_PIN, "", "", NFIGURES, NLIMITS, "pinned for devices"},
	{VM_PTE, "", "", NFIGURES, NLIMITS, "page tables"},
	{HUGETLB_PAGES, "", "", NFIGURES, NLIMITS, "huge pages of the pool"},
};

#define LABEL_COLUMNS 16
#define SIZE_END (LABEL_COLUMNS + 7)
#define CHANGE_COLUMNS 9
#define LIMIT_COLUMNS 11

/* Where the columns of the block end. */
struct block {
	const struct usage_style *style;
	struct text *text;
	bool changes;
	size_t size_end, change_end, bar, bar_cells, limit, meaning;
};

static struct block lay_out(const struct usage_style *style, bool changes, struct text *text)
{
	struct block block = {.style = style, .text = text, .changes = changes};
	size_t columns = paint_columns(&style->paint), wide = style->paint.bytes ? 9 : 0;

	block.size_end = SIZE_END + wide;
	block.change_end = block.size_end + (changes ? CHANGE_COLUMNS + wide : 0);
	block.bar = block.change_end + 1;
	block.bar_cells = changes ? 12 : 16;
	if (columns < 72)
		block.bar_cells = columns < 56 ? 0 : 8;
	block.limit = block.bar + block.bar_cells + (block.bar_cells ? 1 : 0);
	block.meaning = block.limit + LIMIT_COLUMNS + (wide ? 9 : 0) + 1;
	return block;
}

static void draw_block_headings(const struct block *block)
{
	struct line line = line_begin(block->text, &block->style->paint);

	line_put(&line, STYLE_FAINT, "FIGURE");
	line_put_right(&line, STYLE_FAINT, "SIZE", block->size_end);
	if (block->changes)
		line_put_right(&line, STYLE_FAINT, "CHANGE", block->change_end);
	if (block->bar_cells) {
		line_to(&line, block->bar);
		line_put(&line, STYLE_FAINT, "SHARE");
	}
	line_to(&line, block->limit);
	line_put(&line, STYLE_FAINT, "LIMIT");
	line_to(&line, block->meaning);
	if (line.last > block->meaning + 10)
		line_put(&line, STYLE_FAINT, "WHAT IT IS");
	line_end(&line);
}

static void put_bar(struct line *line, const struct block *block, uint64_t value, uint64_t full,
		    bool close)
{
	const struct paint *paint = &block->style->paint;
	struct text cells = TEXT_EMPTY;
	size_t n = 0;

	if (!block->bar_cells || value == UNKNOWN || full == UNKNOWN || !full)
		return;
	n = (size_t)((unsigned __int128)min_u64(value, full) * block->bar_cells / full);
	if (!n && value)
		n = 1;
	line_to(line, block->bar);
	text_repeat(&cells, pick(paint, "█", "#"), n);
	line_put(line, close ? STYLE_WARN : STYLE_KIND + KIND_TEXT, text_string(&cells));
	cells.size = 0;
	text_repeat(&cells, pick(paint, "░", "."), block->bar_cells - n);
	line_put(line, STYLE_FAINT, text_string(&cells));
	text_fini(&cells);
}

/* "unlimited", "2% of 8M", "-". */
static void put_limit(struct line *line, const struct block *block, uint64_t value,
		      const struct limit *limit, bool close)
{
	char size[UNITS_SIZE];

	line_to(line, block->limit);
	if (!limit->known)
		line_put(line, STYLE_PLAIN, "-");
	else if (limit->soft == LIMIT_INFINITE)
		line_put(line, STYLE_FAINT, "unlimited");
	else if (value == UNKNOWN || !limit->soft || value / limit->soft > 9)
		line_format(line, close ? STYLE_WARN : STYLE_PLAIN, "of %s",
			    units_size(limit->soft, block->style->paint.bytes, size));
	else
		line_format(line, close ? STYLE_WARN : STYLE_PLAIN, "%s%u%% of %s",
			    value && value < limit->soft / 100 ? "<" : "",
			    (unsigned)(value < limit->soft / 100
					       ? value != 0
					       : (unsigned __int128)value * 100 / limit->soft),
			    units_size(limit->soft, block->style->paint.bytes, size));
}

/* Words that do not fit say nothing. */
static void put_meaning(struct line *line, const struct block *block, const char *meaning)
{
	if (block->meaning + text_width(meaning) > line->last)
		return;
	line_to(line, block->meaning);
	line_put(line, STYLE_FAINT, meaning);
}

static void put_numbers(struct line *line, const struct block *block, unsigned style,
			uint64_t value, const uint64_t *before)
{
	char size[UNITS_SIZE], change[UNITS_SIZE + 1];
	bool bytes = block->style->paint.bytes, changed = before && *before != value;

	line_put_right(line, style, units_size(value, bytes, size), block->size_end);
	if (before)
		line_put_right(line, changed ? STYLE_BOLD : STYLE_FAINT,
			       change_text(value, *before, bytes, change, sizeof(change)),
			       block->change_end);
}

static bool is_close(uint64_t value, const struct limit *limit)
{
	return limit && limit->known && limit->soft != LIMIT_INFINITE && value != UNKNOWN &&
	       value && value >= limit->soft - limit->soft / 10;
}

static void draw_item(const struct block *block, const struct item *item, const struct usage *usage,
		      const struct usage *before)
{
	struct line line = line_begin(block->text, &block->style->paint);
	const struct limit *limit = item->limit == NLIMITS ? NULL : &usage->limits[item->limit];
	uint64_t value = usage->figures[item->figure];
	bool top = item->full == item->figure, close = is_close(value, limit);

	line_put(&line, STYLE_FAINT, pick(&block->style->paint, item->unicode, item->ascii));
	line_put(&line, STYLE_PLAIN, figure_name(item->figure));
	put_numbers(&line, block, top || item->figure == VM_RSS ? STYLE_BOLD : STYLE_PLAIN, value,
		    before ? &before->figures[item->figure] : NULL);
	if (item->full != NFIGURES)
		put_bar(&line, block, value, usage->figures[item->full], close);
	if (limit)
		put_limit(&line, block, value, limit, close);
	put_meaning(&line, block, item->meaning);
	line_end(&line);
}

/* The parts are counters of their own, and may be read while they move. */
static void draw_residual(const struct block *block, const struct usage *usage)
{
	struct line line = line_begin(block->text, &block->style->paint);
	char size[UNITS_SIZE];
	int64_t residual;

	if (!usage_residual(usage, &residual) || residual == 0)
		return;
	line_put(&line, STYLE_FAINT, residual < 0 ? "    - " : "    + ");
	line_put(&line, STYLE_PLAIN, "residual");
	units_size(residual < 0 ? 0 - (uint64_t)residual : (uint64_t)residual,
		   block->style->paint.bytes, size);
	line_put_right(&line, STYLE_PLAIN, size, block->size_end);
	put_meaning(&line, block, "VmRSS does not add up");
	line_end(&line);
}

static void draw_shared_item(const struct block *block, const char *sign, const char *name,
			     uint64_t value, const uint64_t *before, uint64_t full,
			     const char *meaning)
{
	struct line line = line_begin(block->text, &block->style->paint);

	line_put(&line, STYLE_FAINT, sign);
	line_put(&line, STYLE_PLAIN, name);
	put_numbers(&line, block, *sign ? STYLE_PLAIN : STYLE_BOLD, value, before);
	put_bar(&line, block, value, full, false);
	put_meaning(&line, block, meaning);
	line_end(&line);
}

/* What smaps_rollup tells. */
static void draw_shared(const struct block *block, const struct usage *usage,
			const struct usage *before)
{
	const struct rollup *now = &usage->rollup, *then = before ? &before->rollup : NULL;
	const struct paint *paint = &block->style->paint;
	static const struct {
		enum rollup_figure figure;
		const char *name, *meaning;
	} parts[] = {
		{ROLLUP_PRIVATE_DIRTY, "dirty", "written, or anonymous"},
		{ROLLUP_PRIVATE_CLEAN, "clean", "as in the file"},
		{ROLLUP_SHARED_DIRTY, "dirty", "written"},
		{ROLLUP_SHARED_CLEAN, "clean", "as in the file"},
	};
	uint64_t full = now->figures[ROLLUP_RSS], uss = rollup_uss(now),
		 shared = rollup_shared(now);
	uint64_t uss_then = then ? rollup_uss(then) : 0,
		 shared_then = then ? rollup_shared(then) : 0;
	size_t i;

	text_char(block->text, '\n');
	if (usage->rollup_why[0]) {
		struct line line = line_begin(block->text, paint);

		line_put(&line, STYLE_PLAIN, "PSS, USS");
		line_put_right(&line, STYLE_BOLD, "-", block->size_end);
		line_to(&line, block->size_end + 1);
		line_wrap(&line, STYLE_WARN, usage->rollup_why, block->size_end + 1);
		return;
	}
	draw_shared_item(block, "", "Rss", full, then ? &then->figures[ROLLUP_RSS] : NULL, full,
			 "VmRSS counted by page");
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		if (i == 0)
			draw_shared_item(block, "  = ", "USS", uss, then ? &uss_then : NULL, full,
					 "private: its own pages");
		if (i == 2)
			draw_shared_item(block, "  + ", "shared", shared,
					 then ? &shared_then : NULL, full, "others map it, too");
		draw_shared_item(block, i % 2 ? "    + " : "    = ", parts[i].name,
				 now->figures[parts[i].figure],
				 then ? &then->figures[parts[i].figure] : NULL, full,
				 parts[i].meaning);
	}
	draw_shared_item(block, "", "PSS", now->figures[ROLLUP_PSS],
			 then ? &then->figures[ROLLUP_PSS] : NULL, full, "USS + share of shared");
	draw_shared_item(block, "", "SwapPss", now->figures[ROLLUP_SWAP_PSS],
			 then ? &then->figures[ROLLUP_SWAP_PSS] : NULL, UNKNOWN,
			 "its share of swap");
}

static void draw_title(const struct usage *usage, const struct usage_style *style,
		       struct text *text)
{
	const char *state = process_state_word(usage->state);
	struct line line = line_begin(text, &style->paint);
	char name[THREAD_NAME_SIZE * 4 + 1];

	text_escape(usage->command, name, sizeof(name), !style->paint.unicode);
	line_put(&line, STYLE_BOLD, name);
	line_format(&line, STYLE_BOLD, " %d", usage->pid);
	line_format(&line, STYLE_PLAIN, "  uid %u, %s", usage->uid,
		    state ? state : "state unknown");
	if (style->time)
		line_format(&line, STYLE_PLAIN, ", at %s", style->time);
	line_end(&line);
}

void usage_draw(const struct usage *usage, const struct usage *before,
		const struct usage_style *style, struct text *text)
{
	struct block block = lay_out(style, before != NULL, text);
	size_t i;

	draw_title(usage, style, text);
	text_char(text, '\n');
	draw_block_headings(&block);
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		draw_item(&block, &items[i], usage, before);
		if (items[i].figure == RSS_SHMEM)
			draw_residual(&block, usage);
	}
	if (style->shared)
		draw_shared(&block, usage, before);
}

/*
 * Lines: one a process and moment.
 */

static const struct {
	const char *name;
	int figure; /* enum figure; or what stands for one that is computed */
} lines[] = {
	{"VmSize", VM_SIZE},	 {"VmRSS", VM_RSS},   {"RssAnon", RSS_ANON}, {"RssFile", RSS_FILE},
	{"RssShmem", RSS_SHMEM}, {"VmSwap", VM_SWAP}, {"VmPTE", VM_PTE},
};

static size_t line_columns(const struct usage_style *style)
{
	return style->paint.bytes ? 15 : 8;
}

void usage_draw_headings(const struct usage_style *style, struct text *text)
{
	int width = (int)line_columns(style);
	size_t i;

	if (style->no_headings)
		return;
	if (style->time)
		text_format(text, "%-8s ", "TIME");
	text_format(text, "%7s", "PID");
	for (i = 0; i < ARRAY_SIZE(lines); i++)
		text_format(text, " %*s", width, lines[i].name);
	if (style->shared)
		text_format(text, " %*s %*s", width, "PSS", width, "USS");
	text_char(text, '\n');
}

void usage_draw_line(const struct usage *usage, const struct usage_style *style, struct text *text)
{
	int width = (int)line_columns(style);
	bool bytes = style->paint.bytes;
	char size[UNITS_SIZE];
	size_t i;

	if (style->time)
		text_format(text, "%-8s ", style->time);
	text_format(text, "%7d", usage->pid);
	for (i = 0; i < ARRAY_SIZE(lines); i++)
		text_format(text, " %*s", width,
			    units_size(usage->figures[lines[i].figure], bytes, size));
	if (style->shared) {
		text_format(text, " %*s", width,
			    units_size(usage->rollup.figures[ROLLUP_PSS], bytes, size));
		text_format(text, " %*s", width,
			    units_size(rollup_uss(&usage->rollup), bytes, size));
	}
	text_char(text, '\n');
}

/*
 * Trees.
 */

static void add_known(uint64_t *sum, uint64_t value, size_t *unknown)
{
	if (value != UNKNOWN)
		*sum = add_capped(*sum, value);
	else if (unknown)
		++*unknown;
}

static const char *why_no_pss(const struct usage *usage)
{
	return usage->why[0] ? usage->why : usage->rollup_why;
}

/* The reason that all have for which PSS is not known. */
static const char *common_why(const struct usage *usages, size_t n)
{
	const char *common = NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		const char *why = why_no_pss(&usages[i]);

		if (usages[i].no_memory || usages[i].rollup.figures[ROLLUP_PSS] != UNKNOWN)
			continue;
		if (!why[0] || (common && strcmp(why, common) != 0))
			return NULL;
		common = why;
	}
	return common;
}

struct usage_sums usage_sums_of(const struct usage *usages, size_t n)
{
	struct usage_sums sums = {.processes = n};
	size_t i;

	for (i = 0; i < n; i++) {
		const struct usage *usage = &usages[i];

		if (usage->no_memory)
			continue;
		add_known(&sums.rss, usage->figures[VM_RSS], &sums.no_rss);
		add_known(&sums.swap, usage->figures[VM_SWAP], NULL);
		add_known(&sums.pss, usage->rollup.figures[ROLLUP_PSS], &sums.no_pss);
		add_known(&sums.uss, rollup_uss(&usage->rollup), NULL);
		add_known(&sums.swap_pss, usage->rollup.figures[ROLLUP_SWAP_PSS], NULL);
	}
	sums.no_pss_why = common_why(usages, n);
	return sums;
}

#define TREE_PID_END 7
#define LEVELS 20 /* deeper generations are not indented further */

struct tree {
	const struct usage_style *style;
	struct text *text;
	size_t width; /* of a number */
	bool changes;
	bool more[LEVELS + 1]; /* whether a line goes on below, at each level */
};

static unsigned level_of(const struct usage *usage)
{
	return usage->depth < LEVELS ? usage->depth : LEVELS;
}

/* Which processes have a younger sibling below them: known from the end only. */
static bool *find_siblings(const struct usage *usages, size_t n)
{
	bool seen[LEVELS + 2] = {false}, *more = calloc(n + 1, sizeof(*more));
	unsigned level;
	size_t i;

	for (i = n; more && i-- > 0;) {
		level = level_of(&usages[i]);
		more[i] = seen[level];
		seen[level] = true;
		for (level++; level <= LEVELS; level++)
			seen[level] = false;
	}
	return more;
}

static void put_column(struct line *line, const struct tree *tree, unsigned style, size_t column,
		       const char *string)
{
	line_put_right(line, style, string, TREE_PID_END + (tree->width + 1) * column);
}

static void put_size(struct line *line, const struct tree *tree, unsigned style, size_t column,
		     uint64_t value)
{
	char size[UNITS_SIZE];

	put_column(line, tree, style, column, units_size(value, tree->style->paint.bytes, size));
}

static void put_branches(struct line *line, const struct tree *tree, const struct usage *usage)
{
	const struct paint *paint = &tree->style->paint;
	unsigned level = level_of(usage), i;

	for (i = 1; i < level; i++)
		line_put(line, STYLE_FAINT, tree->more[i] ? pick(paint, "│ ", "| ") : "  ");
	if (level)
		line_put(line, STYLE_FAINT,
			 tree->more[level] ? pick(paint, "├─", "|-") : pick(paint, "└─", "`-"));
}

static void draw_tree_headings(const struct tree *tree)
{
	struct line line = line_begin(tree->text, &tree->style->paint);
	size_t column = 1;

	line_put_right(&line, STYLE_FAINT, "PID", TREE_PID_END);
	put_column(&line, tree, STYLE_FAINT, column++, "RSS");
	if (tree->changes)
		put_column(&line, tree, STYLE_FAINT, column++, "CHANGE");
	put_column(&line, tree, STYLE_FAINT, column++, "PSS");
	put_column(&line, tree, STYLE_FAINT, column++, "USS");
	put_column(&line, tree, STYLE_FAINT, column++, "SWAP");
	line_put(&line, STYLE_PLAIN, "  ");
	line_put(&line, STYLE_FAINT, "COMMAND");
	line_end(&line);
}

static void put_change(struct line *line, const struct tree *tree, size_t column, uint64_t now,
		       uint64_t before)
{
	char change[UNITS_SIZE + 1];

	put_column(line, tree, now == before ? STYLE_FAINT : STYLE_BOLD, column,
		   change_text(now, before, tree->style->paint.bytes, change, sizeof(change)));
}

static void draw_member(struct tree *tree, const struct usage *usage, const struct usage *before)
{
	struct line line = line_begin(tree->text, &tree->style->paint);
	char name[THREAD_NAME_SIZE * 4 + 1];
	size_t column = 1;
	const char *why = why_no_pss(usage);

	line_format(&line, STYLE_PLAIN, "%*d", TREE_PID_END, usage->pid);
	put_size(&line, tree, STYLE_PLAIN, column++, usage->figures[VM_RSS]);
	if (tree->changes)
		put_change(&line, tree, column++, usage->figures[VM_RSS],
			   before ? before->figures[VM_RSS] : 0);
	put_size(&line, tree, STYLE_PLAIN, column++, usage->rollup.figures[ROLLUP_PSS]);
	put_size(&line, tree, STYLE_PLAIN, column++, rollup_uss(&usage->rollup));
	put_size(&line, tree, STYLE_PLAIN, column++, usage->figures[VM_SWAP]);
	line_put(&line, STYLE_PLAIN, "  ");
	put_branches(&line, tree, usage);
	text_escape(usage->command, name, sizeof(name), !tree->style->paint.unicode);
	line_put(&line, STYLE_PLAIN, name);
	if (why[0]) {
		line_put(&line, STYLE_PLAIN, "  ");
		line_put(&line, usage->no_memory ? STYLE_FAINT : STYLE_WARN, why);
	}
	line_end(&line);
}

/* A sum that lacks processes is only a lower bound. */
static void put_sum(struct line *line, const struct tree *tree, size_t column, uint64_t sum,
		    bool lacking)
{
	char size[UNITS_SIZE], marked[UNITS_SIZE + 4];

	snprintf(marked, sizeof(marked), "%s%s", lacking ? pick(&tree->style->paint, "≥", ">") : "",
		 units_size(sum, tree->style->paint.bytes, size));
	put_column(line, tree, STYLE_BOLD, column, marked);
}

static void draw_sums(const struct tree *tree, const struct usage_sums *sums,
		      const struct usage_sums *before)
{
	struct line line = line_begin(tree->text, &tree->style->paint);
	size_t column = 1;

	line_put_right(&line, STYLE_BOLD, "total", TREE_PID_END);
	put_sum(&line, tree, column++, sums->rss, sums->no_rss);
	if (tree->changes)
		put_change(&line, tree, column++, sums->rss, before->rss);
	put_sum(&line, tree, column++, sums->pss, sums->no_pss);
	put_sum(&line, tree, column++, sums->uss, sums->no_pss);
	put_sum(&line, tree, column++, sums->swap, sums->no_rss);
	line_format(&line, STYLE_PLAIN, "  %zu process%s", sums->processes,
		    sums->processes == 1 ? "" : "es");
	line_end(&line);
}

/* What the two sums mean, in words. */
static void draw_moral(const struct tree *tree, const struct usage_sums *sums)
{
	struct line line = line_begin(tree->text, &tree->style->paint);
	bool bytes = tree->style->paint.bytes;
	char sentence[512], pss[UNITS_SIZE], more[UNITS_SIZE], swap[UNITS_SIZE];

	if (sums->no_pss) {
		snprintf(sentence, sizeof(sentence),
			 "PSS is not known of %zu of them: its sum is a lower bound.%s%s%s",
			 sums->no_pss, sums->no_pss_why ? " Why: " : "",
			 sums->no_pss_why ? sums->no_pss_why : "", sums->no_pss_why ? "." : "");
		line_wrap(&line, STYLE_WARN, sentence, 0);
		return;
	}
	units_size(sums->pss, bytes, pss);
	units_size(sub_floored(sums->rss, sums->pss), bytes, more);
	if (sums->rss <= sums->pss)
		snprintf(sentence, sizeof(sentence),
			 "PSS counts shared pages once: together they take %s.", pss);
	else
		snprintf(sentence, sizeof(sentence),
			 "RSS counts shared pages once for each process, PSS once in all: together "
			 "they take %s, which is %s less.",
			 pss, more);
	if (sums->swap)
		snprintf(sentence + strlen(sentence), sizeof(sentence) - strlen(sentence),
			 " Swap counted once: %s.", units_size(sums->swap_pss, bytes, swap));
	line_wrap(&line, STYLE_PLAIN, sentence, 0);
}

/* The same process in an earlier look, most often at about the same place. */
static const struct usage *find_before(const struct usage *usage, const struct usage *before,
				       size_t nbefore, size_t near)
{
	size_t i, at;

	for (i = 0; i < nbefore; i++) {
		at = (near + i) % nbefore;
		if (before[at].pid == usage->pid && before[at].start_time == usage->start_time)
			return &before[at];
	}
	return NULL;
}

int usage_draw_tree(const struct usage *usages, size_t n, const struct usage *before,
		    size_t nbefore, const struct usage_style *style, struct text *text)
{
	struct tree tree = {.style = style, .text = text, .changes = before != NULL};
	struct usage_sums sums = usage_sums_of(usages, n), then = usage_sums_of(before, nbefore);
	bool *more = find_siblings(usages, n);
	size_t i;

	if (!more)
		return -ENOMEM;
	tree.width = style->paint.bytes ? 14 : 7;
	if (style->time)
		draw_title(&usages[0], style, text);
	if (!style->no_headings)
		draw_tree_headings(&tree);
	for (i = 0; i < n; i++) {
		tree.more[level_of(&usages[i])] = more[i];
		draw_member(&tree, &usages[i],
			    before ? find_before(&usages[i], before, nbefore, i) : NULL);
	}
	draw_sums(&tree, &sums, &then);
	if (!style->no_headings) {
		text_char(text, '\n');
		draw_moral(&tree, &sums);
	}
	free(more);
	return text->error;
}

/*
 * Documents.
 */

static const char *rollup_reason(const struct usage *usage)
{
	if (usage->why[0])
		return usage->why;
	return usage->rollup_why[0] ? usage->rollup_why : "smaps_rollup does not say";
}

static json_t *rollup_object(const struct usage *usage)
{
	json_t *object = json_object();
	const char *why = rollup_reason(usage);
	unsigned i;

	for (i = 0; i < NROLLUP_FIGURES; i++)
		document_size(object, rollup_key(i), usage->rollup.figures[i], why);
	document_size(object, "uss", rollup_uss(&usage->rollup), why);
	document_size(object, "shared", rollup_shared(&usage->rollup), why);
	return object;
}

static json_t *totals_object(const struct usage *usage)
{
	json_t *object = json_object();
	int64_t residual;

	document_figures(object, usage->figures);
	if (usage_residual(usage, &residual))
		json_object_set_new(object, "rss_residual", json_integer(residual));
	else
		document_unknown(object, "rss_residual", "a part of it is unknown");
	return object;
}

static void set_process(json_t *object, const struct usage *usage)
{
	json_object_set_new(object, "pid", json_integer(usage->pid));
	document_text(object, "command", usage->command);
	json_object_set_new(object, "ppid", json_integer(usage->ppid));
	json_object_set_new(object, "uid", json_integer(usage->uid));
	if (usage->state > ' ' && usage->state < 0x7f)
		json_object_set_new(object, "state", json_stringn(&usage->state, 1));
	else
		document_unknown(object, "state", "stat does not say");
}

static json_t *begin_document(const struct usage_style *style)
{
	json_t *object = json_object();

	json_object_set_new(object, "schema", json_integer(SCHEMA));
	if (style->time)
		json_object_set_new(object, "time", json_string(style->time));
	return object;
}

static int end_document(json_t *object, bool compact, struct text *text)
{
	char *dump = json_dumps(object, compact ? JSON_COMPACT : JSON_INDENT(2));

	json_decref(object);
	if (!dump)
		return -ENOMEM;
	text_put(text, dump);
	text_char(text, '\n');
	free(dump);
	return text->error;
}

int usage_json(const struct usage *usage, bool compact, const struct usage_style *style,
	       struct text *text)
{
	json_t *object = begin_document(style);

	set_process(object, usage);
	json_object_set_new(object, "totals", totals_object(usage));
	json_object_set_new(object, "limits", document_limits(usage->limits));
	if (style->shared)
		json_object_set_new(object, "rollup", rollup_object(usage));
	else
		document_unknown(object, "rollup", "not asked for");
	return end_document(object, compact, text);
}

static json_t *member_object(const struct usage *usage)
{
	json_t *object = json_object();

	set_process(object, usage);
	json_object_set_new(object, "depth", json_integer(usage->depth));
	if (usage->why[0])
		json_object_set_new(object, "why", json_string(usage->why));
	json_object_set_new(object, "totals", totals_object(usage));
	json_object_set_new(object, "rollup", rollup_object(usage));
	return object;
}

static json_t *sums_object(const struct usage_sums *sums)
{
	json_t *object = json_object();
	const char *no_rss = "figures of some process are unknown";
	const char *no_pss = "smaps_rollup of some process is unknown";

	json_object_set_new(object, "processes", json_integer((json_int_t)sums->processes));
	document_size(object, "vm_rss", sums->no_rss ? UNKNOWN : sums->rss, no_rss);
	document_size(object, "vm_swap", sums->no_rss ? UNKNOWN : sums->swap, no_rss);
	document_size(object, "pss", sums->no_pss ? UNKNOWN : sums->pss, no_pss);
	document_size(object, "uss", sums->no_pss ? UNKNOWN : sums->uss, no_pss);
	document_size(object, "swap_pss", sums->no_pss ? UNKNOWN : sums->swap_pss, no_pss);
	json_object_set_new(object, "without_rss", json_integer((json_int_t)sums->no_rss));
	json_object_set_new(object, "without_pss", json_integer((json_int_t)sums->no_pss));
	document_size(object, "known_rss", sums->rss, NULL);
	document_size(object, "known_pss", sums->pss, NULL);
	return object;
}

int usage_json_tree(const struct usage *usages, size_t n, bool compact,
		    const struct usage_style *style, struct text *text)
{
	struct usage_sums sums = usage_sums_of(usages, n);
	json_t *object = begin_document(style), *tree = json_array();
	size_t i;

	json_object_set_new(object, "pid", json_integer(usages[0].pid));
	document_text(object, "command", usages[0].command);
	json_object_set_new(object, "sums", sums_object(&sums));
	for (i = 0; i < n; i++)
		json_array_append_new(tree, member_object(&usages[i]));
	json_object_set_new(object, "tree", tree);
	return end_document(object, compact, text);
}
