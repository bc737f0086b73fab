/*
 *	python3 8683  glibc's malloc, 2.36, in /usr/lib/x86_64-linux-gnu/libc.so.6
 *
 *	LADDER      RESIDENT    LENT
 *	RSS            12.3M       -  pages in memory, as the kernel counts them
 *	anonymous       7.2M       -  the other 5.1M are of files and shared memory
 *	held            6.1M    7.1M  by the allocator; the other 1.1M: data 600K, stacks 500K
 *	  free          1.3M    2.0M  in no block; 118K of it set aside for threads
 *	  slack         310K    471K  added to blocks, and what is left over
 *	  live          4.5M    4.6M  in 29809 blocks
 *
 *	ARENA         TID    HELD    LIVE  BLOCKS  CACHED    FREE IN-MEMORY LARGEST  FRAG
 *	main         8683    7.1M    4.6M   29809    118K    2.0M      1.3M    900K   55%
 */
#include "view/heap_parts.h"

#include "heap/own.h"
#include "space/kinds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ARENAS_SHOWN 1000

/* Where a step's sizes end, and what it means begins. */
static const struct steps {
	size_t first_end, second_end, meaning;
} steps = {20, 28, 30}, wide_steps = {22, 35, 37};

bool heap_filter_takes(const struct heap_filter *filter, const struct block *block)
{
	return (filter->states >> block->state & 1) && block->size >= filter->least &&
	       block->size <= filter->most;
}

/*
 * What all parts need.
 */

void heap_put_row(const struct heap_picture *picture, unsigned style, const char *name,
		  const char *const *cells, const struct heap_columns *columns)
{
	struct line line = line_begin(picture->text, picture->paint);
	const size_t *ends = picture->paint->bytes ? columns->wide_ends : columns->ends;
	size_t i;

	line_put(&line, style, name);
	for (i = 0; i < columns->n; i++)
		line_put_right(&line, style, cells[i], ends[i]);
	line_end(&line);
}

static const struct steps *steps_of(const struct heap_picture *picture)
{
	return picture->paint->bytes ? &wide_steps : &steps;
}

void heap_put_step(const struct heap_picture *picture, unsigned style, const char *label,
		   uint64_t first, uint64_t second, const char *meaning)
{
	struct line line = line_begin(picture->text, picture->paint);
	const struct steps *at = steps_of(picture);
	char number[UNITS_SIZE];

	line_put(&line, style, label);
	line_put_right(&line, style, heap_size(picture, first, number), at->first_end);
	line_put_right(&line, style, heap_size(picture, second, number), at->second_end);
	line_to(&line, at->meaning);
	line_wrap(&line, STYLE_FAINT, meaning, at->meaning);
}

void heap_put_step_headings(const struct heap_picture *picture, const char *label,
			    const char *first, const char *second)
{
	struct line line = line_begin(picture->text, picture->paint);
	const struct steps *at = steps_of(picture);

	line_put(&line, STYLE_FAINT, label);
	line_put_right(&line, STYLE_FAINT, first, at->first_end);
	line_put_right(&line, STYLE_FAINT, second, at->second_end);
	line_end(&line);
}

const char *heap_size(const struct heap_picture *picture, uint64_t size, char *to)
{
	return units_size(size, picture->paint->bytes, to);
}

uint64_t heap_if_seen(const struct heap_report *report, uint64_t size)
{
	return report->pages_why ? UNKNOWN : size;
}

const char *heap_count(uint64_t n, const char *word, char to[48])
{
	snprintf(to, 48, "%" PRIu64 " %s%s", n, word, n == 1 ? "" : "s");
	return to;
}

void heap_put_remark(const struct heap_picture *picture, unsigned style, const char *sentence)
{
	struct line line = line_begin(picture->text, picture->paint);

	line_wrap(&line, style, sentence, 2);
}

const char *heap_arena_name(const struct heap_reading *heap, uint32_t arena,
			    char to[ARENA_NAME_SIZE])
{
	if (arena < heap->narenas)
		return arena_name(&heap->arenas[arena], to);
	snprintf(to, ARENA_NAME_SIZE, "-");
	return to;
}

uint64_t heap_fragmentation(const struct heap_sums *sums)
{
	uint64_t free_bytes = sub_floored(sums->free_bytes, sums->cached_bytes);

	if (free_bytes == 0)
		return UNKNOWN;
	return (uint64_t)(100.0 * (double)sub_floored(free_bytes, sums->largest_free) /
			  (double)free_bytes);
}

/*
 * The title and the ladder.
 */

/* Another allocator serves the program than the one that can be read. */
static bool is_served_by_other(const struct heaps *heaps)
{
	return !heaps->has_used && heaps->allocator.how != ALLOCATOR_NOT_FOUND &&
	       heaps->allocator.kind != ALLOCATOR_UNKNOWN;
}

static void put_allocator(const struct heap_picture *picture, struct line *line)
{
	const struct heaps *heaps = picture->report->heaps;
	const struct heap_reading *heap = is_served_by_other(heaps) ? NULL : picture->heap;
	uint32_t module = heap ? heap->module : heaps->allocator.provider;
	char path[4400];

	line_format(line, STYLE_PLAIN, "  %s",
		    heap ? heap_words(heap) : allocator_words(heaps->allocator.kind));
	if (heap && heap->version[0])
		line_format(line, STYLE_PLAIN, ", %s", heap->version);
	line_format(line, STYLE_PLAIN, ", in %s",
		    text_escape(allocator_module_name(picture->report->space, module), path,
				sizeof(path), !picture->paint->unicode));
}

static void draw_title(const struct heap_picture *picture)
{
	const struct process *process = &picture->report->space->process;
	struct line line = line_begin(picture->text, picture->paint);
	char name[THREAD_NAME_SIZE * 4];

	line_format(&line, STYLE_BOLD, "%s %d",
		    text_escape(process->command, name, sizeof(name), !picture->paint->unicode),
		    process->pid);
	put_allocator(picture, &line);
	line_end(&line);
	text_char(picture->text, '\n');
}

static void draw_rss(const struct heap_picture *picture)
{
	const struct heap_ladder *ladder = &picture->report->ladder;
	char meaning[200], number[UNITS_SIZE];

	heap_put_step(picture, STYLE_BOLD, "RSS", ladder->rss, UNKNOWN,
		      ladder->rss == UNKNOWN ? "not known: it stands in no status here"
					     : "pages in memory, as the kernel counts them");
	if (ladder->anonymous == UNKNOWN)
		snprintf(meaning, sizeof(meaning), "not known: %.160s", picture->report->pages_why);
	else if (ladder->rss == UNKNOWN)
		snprintf(meaning, sizeof(meaning), "in pages that belong to no file");
	else
		snprintf(meaning, sizeof(meaning), "the other %s are of files and shared memory",
			 heap_size(picture, sub_floored(ladder->rss, ladder->anonymous), number));
	heap_put_step(picture, STYLE_BOLD, "anonymous", ladder->anonymous, UNKNOWN, meaning);
}

#define KINDS_NAMED 3

/* "stacks 132K, data 400K": what of the anonymous memory is no allocator's, the largest first. */
static void name_kinds(const struct heap_picture *picture, const uint64_t *kinds, char *to,
		       size_t size)
{
	uint64_t left[NKINDS];
	char number[UNITS_SIZE];
	size_t length = 0;
	unsigned i, kind, best;

	memcpy(left, kinds, sizeof(left));
	for (i = 0; i < KINDS_NAMED; i++) {
		for (kind = best = 0; kind < NKINDS; kind++)
			if (left[kind] > left[best])
				best = kind;
		if (!left[best])
			return;
		length += (size_t)snprintf(to + length, size - length, "%s %s %s", i ? "," : ":",
					   kind_name((enum kind)best),
					   heap_size(picture, left[best], number));
		left[best] = 0;
	}
}

static void draw_held(const struct heap_picture *picture)
{
	const struct heap_ladder *ladder = &picture->report->ladder;
	uint64_t resident = survey_resident(&ladder->heap);
	char meaning[200] = "lent by the kernel for blocks", kinds[120] = "", number[UNITS_SIZE];

	if (ladder->anonymous != UNKNOWN) {
		name_kinds(picture, ladder->kinds, kinds, sizeof(kinds));
		snprintf(meaning, sizeof(meaning), "for blocks; the other %s%s",
			 heap_size(picture, sub_floored(ladder->anonymous, resident), number),
			 kinds);
	}
	heap_put_step(picture, STYLE_BOLD, "held", heap_if_seen(picture->report, resident),
		      survey_held(&ladder->heap), meaning);
}

static void draw_uses(const struct heap_picture *picture)
{
	const struct survey_sums *heap = &picture->report->ladder.heap;
	const struct heap_report *report = picture->report;
	uint64_t blocks = 0;
	char meaning[200], number[UNITS_SIZE], count[48];
	size_t i;

	for (i = 0; i < report->heaps->n; i++)
		blocks += report->heaps->readings[i]->sums.live_blocks;
	snprintf(meaning, sizeof(meaning), "in no block; %s of it set aside for threads",
		 heap_size(picture, heap->held[USE_CACHED], number));
	heap_put_step(picture, STYLE_PLAIN, "  free",
		      heap_if_seen(report, heap->resident[USE_FREE] + heap->resident[USE_CACHED]),
		      heap->held[USE_FREE] + heap->held[USE_CACHED], meaning);
	heap_put_step(picture, STYLE_PLAIN, "  slack",
		      heap_if_seen(report, heap->resident[USE_SLACK] + heap->resident[USE_REST]),
		      heap->held[USE_SLACK] + heap->held[USE_REST],
		      "added to blocks, and what is left over");
	snprintf(meaning, sizeof(meaning), "in %s", heap_count(blocks, "block", count));
	heap_put_step(picture, STYLE_BOLD, "  live", heap_if_seen(report, heap->resident[USE_LIVE]),
		      heap->held[USE_LIVE], meaning);
}

static void draw_opaque(const struct heap_picture *picture)
{
	const struct heap_opaque *opaque = &picture->report->ladder.opaque;
	char meaning[200], count[48];

	if (opaque->kind == ALLOCATOR_UNKNOWN)
		return;
	snprintf(meaning, sizeof(meaning), "in %s %s; which blocks, nobody knows",
		 heap_count(opaque->regions, "region", count),
		 opaque->is_named ? "that have its name" : "that nothing else claims");
	heap_put_step(picture, STYLE_BOLD, allocator_name(opaque->kind),
		      heap_if_seen(picture->report, opaque->resident), opaque->size, meaning);
}

/* What the kernel counts and the pages do not add up to: it is counted a little late. */
static void draw_residual(const struct heap_picture *picture)
{
	const struct heap_ladder *ladder = &picture->report->ladder;
	bool is_less = ladder->rss_anon < ladder->anonymous;
	char sentence[200], a[UNITS_SIZE], b[UNITS_SIZE];

	if (ladder->anonymous == UNKNOWN || ladder->rss_anon == UNKNOWN)
		return;
	snprintf(sentence, sizeof(sentence), "anonymous %c residual %s = RssAnon %s",
		 is_less ? '-' : '+',
		 heap_size(picture,
			   is_less ? ladder->anonymous - ladder->rss_anon
				   : ladder->rss_anon - ladder->anonymous,
			   a),
		 heap_size(picture, ladder->rss_anon, b));
	heap_put_remark(picture, STYLE_FAINT, sentence);
}

static void draw_ladder(const struct heap_picture *picture)
{
	heap_put_step_headings(picture, "LADDER", "RESIDENT", "LENT");
	draw_rss(picture);
	draw_opaque(picture);
	if (picture->heap) {
		draw_held(picture);
		draw_uses(picture);
	}
	draw_residual(picture);
}

/*
 * Arenas.
 */

static const struct heap_columns arena_columns = {
	9, {19, 27, 35, 43, 50, 57, 64, 72, 78}, {19, 32, 45, 53, 65, 78, 91, 104, 110}};

static void draw_arena(const struct heap_picture *picture, uint32_t i)
{
	const struct heap_arena *arena = &picture->heap->arenas[i];
	const struct heap_sums *sums = &arena->sums;
	const struct survey *survey = picture->survey;
	uint64_t seen = i < survey->narenas ? survey->arenas[i].resident[USE_FREE] +
						      survey->arenas[i].resident[USE_CACHED]
					    : 0;
	uint64_t percent = heap_fragmentation(sums);
	char texts[9][UNITS_SIZE], name[ARENA_NAME_SIZE];
	const char *const cells[9] = {texts[0], texts[1], texts[2], texts[3], texts[4],
				      texts[5], texts[6], texts[7], texts[8]};

	snprintf(texts[0], UNITS_SIZE, arena->tid ? "%d" : "", arena->tid);
	heap_size(picture, sums->held, texts[1]);
	heap_size(picture, sums->live_bytes, texts[2]);
	snprintf(texts[3], UNITS_SIZE, "%" PRIu64, sums->live_blocks);
	heap_size(picture, sums->cached_bytes, texts[4]);
	heap_size(picture, sums->free_bytes, texts[5]);
	heap_size(picture, heap_if_seen(picture->report, seen), texts[6]);
	heap_size(picture, sums->largest_free, texts[7]);
	snprintf(texts[8], UNITS_SIZE, percent == UNKNOWN ? "-" : "%" PRIu64 "%%", percent);
	heap_put_row(picture, STYLE_PLAIN, arena_name(arena, name), cells, &arena_columns);
}

size_t heap_largest_arenas(const struct heap_reading *heap, size_t most, uint32_t *to)
{
	size_t i, k, n = 0;

	for (i = 0; i < heap->narenas; i++) {
		uint64_t held = heap->arenas[i].sums.held;

		if (held == 0 || (n == most && heap->arenas[to[n - 1]].sums.held >= held))
			continue;
		for (k = n < most ? n++ : n - 1; k > 0 && heap->arenas[to[k - 1]].sums.held < held;
		     k--)
			to[k] = to[k - 1];
		to[k] = (uint32_t)i;
	}
	return n;
}

static size_t count_arenas(const struct heap_reading *heap)
{
	size_t i, n = 0;

	for (i = 0; i < heap->narenas; i++)
		n += heap->arenas[i].sums.held != 0;
	return n;
}

static void draw_arenas(const struct heap_picture *picture)
{
	static const char *const headings[9] = {"TID",	"HELD",	 "LIVE",    "BLOCKS", "CACHED",
						"FREE", "INMEM", "LARGEST", "FRAG"};
	uint32_t arenas[ARENAS_SHOWN];
	size_t i, most = picture->report->show.top, n, all = count_arenas(picture->heap);
	char sentence[120];

	n = heap_largest_arenas(picture->heap, most < ARENAS_SHOWN ? most : ARENAS_SHOWN, arenas);
	text_char(picture->text, '\n');
	heap_put_row(picture, STYLE_FAINT, "ARENA", headings, &arena_columns);
	for (i = 0; i < n; i++)
		draw_arena(picture, arenas[i]);
	if (n == all)
		return;
	snprintf(sentence, sizeof(sentence), "and %zu more, which hold less: --top %zu", all - n,
		 all);
	heap_put_remark(picture, STYLE_FAINT, sentence);
}

static const struct own *own_shown(const struct heap_picture *picture)
{
	return own_of((struct heap_reading *)picture->heap);
}

static void draw_beside(const struct heap_picture *picture)
{
	const struct own *own = own_shown(picture);
	char sentence[200], state[UNITS_SIZE], kept[UNITS_SIZE];

	if (picture->heap->state_bytes == UNKNOWN || picture->heap->state_bytes == 0)
		return;
	snprintf(sentence, sizeof(sentence), "Beside it, %s for the allocator's own state%s%s%s.",
		 heap_size(picture, picture->heap->state_bytes, state),
		 own && own->kept_bytes ? ", and " : "",
		 own && own->kept_bytes ? heap_size(picture, own->kept_bytes, kept) : "",
		 own && own->kept_bytes ? " of addresses of freed mappings, without memory" : "");
	heap_put_remark(picture, STYLE_FAINT, sentence);
}

static void draw_heap(const struct heap_picture *picture)
{
	const struct heap_report *report = picture->report;

	draw_arenas(picture);
	draw_beside(picture);
	heap_draw_sizes(picture);
	if (report->show.classes)
		heap_draw_classes(picture);
	heap_draw_pages(picture);
	if (report->show.trim)
		heap_draw_trim(picture);
}

/* Nothing has been asked for yet. */
static bool is_unused(const struct heap_picture *picture)
{
	const struct own *own = own_shown(picture);

	return own && own->page_bytes == 0;
}

void heap_draw(const struct heap_report *report, const struct paint *paint, struct text *text)
{
	const struct heap_picture picture = {
		.report = report,
		.heap = report->heaps->n ? report->heaps->readings[0] : NULL,
		.survey = report->surveys,
		.paint = paint,
		.text = text,
	};

	draw_title(&picture);
	draw_ladder(&picture);
	if (!picture.heap)
		return;
	if (is_unused(&picture))
		heap_put_remark(&picture, STYLE_PLAIN, "It has not asked for any block yet.");
	else
		draw_heap(&picture);
	heap_draw_proofs(&picture);
}
