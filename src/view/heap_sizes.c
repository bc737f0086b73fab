/* How large blocks are: by powers of two, single sizes, and the allocator's own classes. */
#include "view/heap_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BAR_COLUMNS 18

/* Where the numbers of both tables end, and the bar begins. */
static const struct places {
	size_t size, blocks, bytes, bar, top_size, top_blocks, top_bytes, top_share;
} places = {8, 17, 25, 27, 54, 63, 71, 77}, wide_places = {12, 21, 35, 37, 68, 77, 91, 97};

static const struct places *places_of(const struct paint *paint)
{
	return paint->bytes ? &wide_places : &places;
}

/* A row of the histogram: several powers of two where the ends hold little. */
struct bucket {
	unsigned power;
	uint64_t blocks, bytes;
};

static size_t fill_buckets(const struct survey *survey, struct bucket *to)
{
	unsigned power;
	size_t n = 0;

	for (power = 0; power < SURVEY_BUCKETS; power++) {
		if (!survey->bucket_blocks[power])
			continue;
		/* Below 16 bytes there is nothing to tell apart. */
		if (n && power <= 4) {
			to[0].power = 4;
			to[0].blocks += survey->bucket_blocks[power];
			to[0].bytes += survey->bucket_bytes[power];
			continue;
		}
		to[n++] = (struct bucket){
			.power = power < 4 ? 4 : power,
			.blocks = survey->bucket_blocks[power],
			.bytes = survey->bucket_bytes[power],
		};
	}
	return n;
}

static uint64_t largest_of(const struct bucket *buckets, size_t n)
{
	uint64_t most = 1;
	size_t i;

	for (i = 0; i < n; i++)
		most = max_u64(most, buckets[i].bytes);
	return most;
}

/* Eighths of a column where the terminal has them. */
static void put_bar(struct line *line, uint64_t part, uint64_t whole)
{
	static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	double columns = (double)part / (double)whole * BAR_COLUMNS;
	char bar[BAR_COLUMNS * 3 + 8] = "";
	size_t full = (size_t)columns, i;

	for (i = 0; i < full && i < BAR_COLUMNS; i++)
		strcat(bar, line->paint->unicode ? "█" : "#");
	if (line->paint->unicode)
		strcat(bar, eighths[(size_t)(columns * 8) % 8]);
	line_to(line, places_of(line->paint)->bar);
	line_put(line, STYLE_KIND + KIND_HEAP, bar);
}

static void put_bucket(const struct heap_picture *picture, struct line *line,
		       const struct bucket *bucket, uint64_t most)
{
	const struct places *at = places_of(picture->paint);
	char text[UNITS_SIZE];

	line_put_right(line, STYLE_PLAIN,
		       heap_size(picture,
				 bucket->power < 64 ? UINT64_C(1) << bucket->power : UINT64_MAX - 1,
				 text),
		       at->size);
	snprintf(text, sizeof(text), "%" PRIu64, bucket->blocks);
	line_put_right(line, STYLE_PLAIN, text, at->blocks);
	line_put_right(line, STYLE_PLAIN, heap_size(picture, bucket->bytes, text), at->bytes);
	put_bar(line, bucket->bytes, most);
}

static void put_size(const struct heap_picture *picture, struct line *line,
		     const struct survey_size *size)
{
	uint64_t bytes = size->size * size->blocks, all = picture->heap->sums.live_bytes;
	const struct places *at = places_of(picture->paint);
	char text[UNITS_SIZE];

	snprintf(text, sizeof(text), "%" PRIu64, size->size);
	line_put_right(line, STYLE_PLAIN, text, at->top_size);
	snprintf(text, sizeof(text), "%" PRIu64, size->blocks);
	line_put_right(line, STYLE_PLAIN, text, at->top_blocks);
	line_put_right(line, STYLE_PLAIN, heap_size(picture, bytes, text), at->top_bytes);
	snprintf(text, sizeof(text), "%.0f%%", all ? 100.0 * (double)bytes / (double)all : 0.0);
	line_put_right(line, STYLE_FAINT, text, at->top_share);
}

static void draw_headings(const struct heap_picture *picture)
{
	const struct places *at = places_of(picture->paint);
	struct line line = line_begin(picture->text, picture->paint);

	line_put_right(&line, STYLE_FAINT, "UP TO", at->size);
	line_put_right(&line, STYLE_FAINT, "BLOCKS", at->blocks);
	line_put_right(&line, STYLE_FAINT, "LIVE", at->bytes);
	line_put_right(&line, STYLE_FAINT, "TOP SIZE", at->top_size);
	line_put_right(&line, STYLE_FAINT, "BLOCKS", at->top_blocks);
	line_put_right(&line, STYLE_FAINT, "LIVE", at->top_bytes);
	line_end(&line);
}

/* The histogram, and beside it the sizes that take most. */
void heap_draw_sizes(const struct heap_picture *picture)
{
	const struct survey *survey = picture->survey;
	struct bucket buckets[SURVEY_BUCKETS];
	size_t n = fill_buckets(survey, buckets), i, top = picture->report->show.top;
	uint64_t most = largest_of(buckets, n);
	struct line line;

	if (n == 0)
		return;
	if (top > survey->nsizes)
		top = survey->nsizes;
	text_char(picture->text, '\n');
	draw_headings(picture);
	for (i = 0; i < n || i < top; i++) {
		line = line_begin(picture->text, picture->paint);
		if (i < n)
			put_bucket(picture, &line, &buckets[i], most);
		if (i < top)
			put_size(picture, &line, &survey->sizes[i]);
		line_end(&line);
	}
}

/*
 * Classes.
 */

static const struct heap_columns class_columns = {
	7, {17, 24, 33, 41, 49, 58, 66}, {17, 24, 33, 46, 59, 68, 77}};

static void draw_class(const struct heap_picture *picture, const struct heap_class *class)
{
	const struct heap_sums *sums = &class->sums;
	char texts[7][UNITS_SIZE], name[24];
	const char *const cells[7] = {texts[0], texts[1], texts[2], texts[3],
				      texts[4], texts[5], texts[6]};

	snprintf(texts[0], UNITS_SIZE, class->stride ? "%" PRIu64 : "", class->stride);
	snprintf(texts[1], UNITS_SIZE, "%" PRIu64, class->slabs);
	snprintf(texts[2], UNITS_SIZE, "%" PRIu64, sums->live_blocks);
	heap_size(picture, sums->live_bytes, texts[3]);
	heap_size(picture, sums->slack, texts[4]);
	snprintf(texts[5], UNITS_SIZE, "%" PRIu64, sums->free_blocks + sums->cached_blocks);
	snprintf(texts[6], UNITS_SIZE, "%" PRIu64, sums->cached_blocks);
	snprintf(name, sizeof(name), "%" PRIu32, class->number);
	heap_put_row(picture, STYLE_PLAIN, class->name ? class->name : name, cells, &class_columns);
}

void heap_draw_classes(const struct heap_picture *picture)
{
	static const char *const headings[7] = {"STRIDE", "SLABS", "BLOCKS", "LIVE",
						"SLACK",  "FREE",  "CACHED"};
	size_t i;

	text_char(picture->text, '\n');
	heap_put_row(picture, STYLE_FAINT, "CLASS", headings, &class_columns);
	for (i = 0; i < picture->heap->nclasses; i++)
		if (picture->heap->classes[i].slabs)
			draw_class(picture, &picture->heap->classes[i]);
}
