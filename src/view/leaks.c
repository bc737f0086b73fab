/*
 *	server 4711  glibc's malloc; stopped for 3.2 ms
 *
 *	311K in 17 blocks are lost: no pointer leads to the 14 trees that they make.
 *
 *	    HELD  BLOCKS   TREES      SIZE  KIND   ARENA      FIRST
 *	    293K       1       1    300008  block  mapped     0x7f31c2e42010
 *	    9.8K      10      10      1000  block  main       0x55d0a8c1f2a0
 *	    "GET /index.html"
 */
#include "view/leaks.h"

#include "heap/types.h"
#include "view/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HELD_END 8
#define BLOCKS_END 17
#define TREES_END 26
#define SIZE_END 37
#define KIND 39
#define ARENA 46
#define FIRST 58
#define FRAMES_MOST 8 /* of a site */

const char *leak_group_word(const struct leak_group *group)
{
	if (group->is_cycle)
		return "cycle";
	return group->blocks > group->trees ? "tree" : "block";
}

/* What all parts need. */
struct picture {
	const struct leaks_report *report;
	const struct paint *paint;
	struct text *text;
};

static const char *size_text(const struct picture *picture, uint64_t size, char *to)
{
	return units_size(size, picture->paint->bytes, to);
}

static void put_sentence(const struct picture *picture, unsigned style, const char *sentence)
{
	struct line line = line_begin(picture->text, picture->paint);

	line_wrap(&line, style, sentence, 0);
}

/* "311K in 17 blocks"; "1 block". */
static const char *sums_text(const struct picture *picture, const struct leak_sums *sums, char *to,
			     size_t size)
{
	char number[UNITS_SIZE];

	snprintf(to, size, "%s in %" PRIu64 " block%s", size_text(picture, sums->bytes, number),
		 sums->blocks, sums->blocks == 1 ? "" : "s");
	return to;
}

static void draw_title(const struct picture *picture)
{
	const struct leaks_report *report = picture->report;
	const struct process *process = &report->space->process;
	struct line line = line_begin(picture->text, picture->paint);
	char name[THREAD_NAME_SIZE * 4];
	size_t i;

	line_format(&line, STYLE_BOLD, "%s %d",
		    text_escape(process->command, name, sizeof(name), !picture->paint->unicode),
		    process->pid);
	for (i = 0; i < report->heaps->n; i++)
		line_format(&line, STYLE_PLAIN, "%s%s", i ? ", " : "  ",
			    heap_words(report->heaps->readings[i]));
	if (!report->space->core)
		line_format(&line, STYLE_PLAIN, "; %s", report->looked);
	line_end(&line);
	text_char(picture->text, '\n');
}

/*
 * Sums.
 */

static void draw_told(const struct picture *picture)
{
	const struct leaks *leaks = picture->report->leaks;
	char sums[80], sentence[300];

	if (!leaks->told.blocks)
		snprintf(sentence, sizeof(sentence), "No block is lost%s.",
			 picture->report->since ? " that was not there before" : "");
	else
		snprintf(sentence, sizeof(sentence),
			 "%s %s lost%s: nothing that the program can get at leads to the %" PRIu64
			 " tree%s that %s.",
			 sums_text(picture, &leaks->told, sums, sizeof(sums)),
			 leaks->told.blocks == 1 ? "is" : "are",
			 picture->report->since ? " and new" : "", leaks->told.trees,
			 leaks->told.trees == 1 ? "" : "s",
			 leaks->told.blocks == 1 ? "it makes" : "they make");
	put_sentence(picture, leaks->told.blocks ? STYLE_WARN : STYLE_PLAIN, sentence);
}

static void draw_other(const struct picture *picture, const struct leak_sums *sums,
		       const char *words)
{
	char text[80], sentence[200];

	if (!sums->blocks)
		return;
	snprintf(sentence, sizeof(sentence), "%s more %s",
		 sums_text(picture, sums, text, sizeof(text)), words);
	put_sentence(picture, STYLE_FAINT, sentence);
}

static void draw_sums(const struct picture *picture)
{
	const struct leaks *leaks = picture->report->leaks;

	draw_told(picture);
	draw_other(picture, &leaks->before, "are lost, and were there before.");
	draw_other(picture, &leaks->suppressed, "are lost, and suppressed.");
	if (!picture->report->firm)
		draw_other(picture, &leaks->possible,
			   "are possibly lost: all that leads to them leads over pointers into "
			   "the middle of a block (--no-interior counts them as lost).");
}

/*
 * Groups.
 */

static void draw_headings(const struct picture *picture)
{
	struct line line = line_begin(picture->text, picture->paint);

	text_char(picture->text, '\n');
	line_put_right(&line, STYLE_FAINT, "HELD", HELD_END);
	line_put_right(&line, STYLE_FAINT, "BLOCKS", BLOCKS_END);
	line_put_right(&line, STYLE_FAINT, "TREES", TREES_END);
	line_put_right(&line, STYLE_FAINT, "ROOT SIZE", SIZE_END);
	line_to(&line, KIND);
	line_put(&line, STYLE_FAINT, "KIND");
	line_to(&line, ARENA);
	line_put(&line, STYLE_FAINT, "ARENA");
	line_to(&line, FIRST);
	line_put(&line, STYLE_FAINT, "LARGEST AT");
	line_end(&line);
}

static void put_number(struct line *line, uint64_t number, size_t end)
{
	char text[UNITS_SIZE];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	line_put_right(line, STYLE_PLAIN, text, end);
}

static void draw_row(const struct picture *picture, const struct leak_group *group,
		     const struct leak_example *example)
{
	const struct leaks *leaks = picture->report->leaks;
	struct line line = line_begin(picture->text, picture->paint);
	char number[UNITS_SIZE];

	line_put_right(&line, STYLE_BOLD, size_text(picture, group->bytes, number), HELD_END);
	put_number(&line, group->blocks, BLOCKS_END);
	put_number(&line, group->trees, TREES_END);
	put_number(&line, group->size, SIZE_END);
	line_to(&line, KIND);
	line_put(&line, STYLE_PLAIN, leak_group_word(group));
	line_to(&line, ARENA);
	line_put(&line, STYLE_PLAIN, example->arena);
	line_to(&line, FIRST);
	line_format(&line, STYLE_PLAIN, "0x%" PRIx64,
		    block_address_of(leaks->reach->graph->index,
				     leaks->lost->trees[group->tree].block));
	line_end(&line);
}

static void draw_detail(const struct picture *picture, const char *word, const char *name,
			const char *mark)
{
	struct line line = line_begin(picture->text, picture->paint);
	char text[1024];

	text_escape(name, text, sizeof(text), !picture->paint->unicode);
	line_format(&line, STYLE_FAINT, "    %s", word);
	line_format(&line, STYLE_PLAIN, "%s%s%s", mark, text, mark);
	line_end(&line);
}

static void draw_site(const struct picture *picture, uint32_t site)
{
	const struct leaks_report *report = picture->report;
	const struct own_site *made;
	unsigned i;

	if (site == NO_SITE)
		return;
	made = &report->profile->sites[site];
	for (i = 0; i < made->nframes && i < FRAMES_MOST; i++)
		call_draw(report->space, report->calls, made->frames[i], picture->paint,
			  picture->text);
}

static void draw_group(const struct picture *picture, const struct leak_group *group,
		       const struct leak_example *example)
{
	const struct leak_tree *tree = &picture->report->leaks->trees[group->tree];

	draw_row(picture, group, example);
	if (tree->type != NO_TYPE && picture->report->types[tree->type])
		draw_detail(picture, "type ", picture->report->types[tree->type], "");
	if (example->text[0])
		draw_detail(picture, "text ", example->text, "\"");
	draw_site(picture, tree->site);
}

static void draw_groups(const struct picture *picture)
{
	const struct leaks_report *report = picture->report;
	const struct leaks *leaks = report->leaks;
	size_t i, n = leaks->ngroups < report->top ? leaks->ngroups : report->top;
	struct leak_sums rest = {0};
	char sums[80], sentence[160];

	if (!leaks->ngroups)
		return;
	draw_headings(picture);
	for (i = 0; i < n; i++)
		draw_group(picture, &leaks->groups[i], &report->examples[i]);
	for (; i < leaks->ngroups; i++) {
		rest.bytes += leaks->groups[i].bytes;
		rest.blocks += leaks->groups[i].blocks;
	}
	if (n == leaks->ngroups)
		return;
	snprintf(sentence, sizeof(sentence), "and %zu more groups, of %s: --top %zu",
		 leaks->ngroups - n, sums_text(picture, &rest, sums, sizeof(sums)), leaks->ngroups);
	put_sentence(picture, STYLE_FAINT, sentence);
}

void leaks_draw(const struct leaks_report *report, const struct paint *paint, struct text *text)
{
	const struct picture picture = {report, paint, text};

	draw_title(&picture);
	draw_sums(&picture);
	draw_groups(&picture);
}
