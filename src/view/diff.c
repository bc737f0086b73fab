/*
 *	A  before.snap, of python3 4711
 *	B  python3 4711
 *
 *	              A       B  CHANGE
 *	RSS       25.1M   26.1M     +1M
 *
 *	REGIONS   A       B  CHANGE     RSS
 *	+1M  8.6M  9.6M  +900K  heap
 */
#include "view/diff.h"

#include "space/kinds.h"
#include "view/document.h"
#include "view/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA 1
#define A_END 20
#define B_END 29
#define CHANGE_END 38
#define RSS_END 47
#define NAME 49
#define CHANGE_SIZE (UNITS_SIZE + 1)
#define NAME_MOST 4400

struct diff {
	const struct comparison *all;
	const struct paint *paint;
	struct text *text;
};

/* "+1.2M", "-4K"; "" where nothing changed, "-" where that is not known. */
static const char *change_text(struct change change, bool is_count, bool bytes, char *to)
{
	char number[UNITS_SIZE];
	uint64_t distance = change_distance(change);

	if (!change_is_known(change) || distance == 0) {
		snprintf(to, CHANGE_SIZE, "%s", change_is_known(change) ? "" : "-");
		return to;
	}
	if (is_count)
		snprintf(number, sizeof(number), "%" PRIu64, distance);
	else
		units_size(distance, bytes, number);
	snprintf(to, CHANGE_SIZE, "%c%s", change.a < change.b ? '+' : '-', number);
	return to;
}

static void put_number(const struct diff *diff, struct line *line, uint64_t number, bool is_count,
		       size_t end)
{
	char to[UNITS_SIZE];

	if (is_count && number != UNKNOWN)
		snprintf(to, sizeof(to), "%" PRIu64, number);
	else
		units_size(number, diff->paint->bytes, to);
	line_put_right(line, STYLE_PLAIN, to, end);
}

/* Two numbers and how far they are from each other. */
static void put_change(const struct diff *diff, struct line *line, struct change change,
		       bool is_count)
{
	char to[CHANGE_SIZE];

	put_number(diff, line, change.a, is_count, A_END);
	put_number(diff, line, change.b, is_count, B_END);
	line_put_right(line, change.a < change.b ? STYLE_BOLD : STYLE_PLAIN,
		       change_text(change, is_count, diff->paint->bytes, to), CHANGE_END);
}

static void put_headings(const struct diff *diff, const char *label, const char *fourth,
			 const char *fifth)
{
	struct line line = line_begin(diff->text, diff->paint);

	line_put(&line, STYLE_FAINT, label);
	line_put_right(&line, STYLE_FAINT, "A", A_END);
	line_put_right(&line, STYLE_FAINT, "B", B_END);
	line_put_right(&line, STYLE_FAINT, "CHANGE", CHANGE_END);
	line_put_right(&line, STYLE_FAINT, fourth, RSS_END);
	line_to(&line, NAME);
	line_put(&line, STYLE_FAINT, fifth);
	line_end(&line);
}

static void put_row(const struct diff *diff, const char *label, struct change change, bool is_count)
{
	struct line line = line_begin(diff->text, diff->paint);

	line_put(&line, STYLE_PLAIN, label);
	put_change(diff, &line, change, is_count);
	line_end(&line);
}

static void put_side(const struct diff *diff, const char *letter, const struct portrait *side)
{
	struct line line = line_begin(diff->text, diff->paint);
	char name[NAME_MOST];

	line_put(&line, STYLE_BOLD, letter);
	line_put(&line, STYLE_PLAIN, "  ");
	if (side->file)
		line_format(&line, STYLE_PLAIN, "%s, of ",
			    text_escape(side->file, name, sizeof(name), !diff->paint->unicode));
	line_format(&line, STYLE_PLAIN, "%s %d",
		    text_escape(side->command, name, sizeof(name), !diff->paint->unicode),
		    side->pid);
	line_end(&line);
}

static void draw_figures(const struct diff *diff)
{
	static const enum figure shown[] = {VM_SIZE,  VM_RSS,	 RSS_ANON,
					    RSS_FILE, RSS_SHMEM, VM_SWAP};
	const struct portrait *a = diff->all->a, *b = diff->all->b;
	size_t i;

	put_headings(diff, "FIGURES", "", "");
	for (i = 0; i < ARRAY_SIZE(shown); i++)
		put_row(diff, figure_name(shown[i]),
			(struct change){a->figures[shown[i]], b->figures[shown[i]]}, false);
}

/*
 * Heaps.
 */

static const struct {
	const char *label, *key;
	size_t offset;
	bool is_count;
} heap_rows[] = {
	{"held", "held", offsetof(struct portrait_heap, held), false},
	{"live", "live_bytes", offsetof(struct portrait_heap, live_bytes), false},
	{"blocks", "live_blocks", offsetof(struct portrait_heap, live_blocks), true},
	{"slack", "slack", offsetof(struct portrait_heap, slack), false},
	{"free", "free", offsetof(struct portrait_heap, free), false},
	{"cached", "cached", offsetof(struct portrait_heap, cached), false},
	{"resident", "resident", offsetof(struct portrait_heap, resident), false},
	{"returnable", "returnable_resident", offsetof(struct portrait_heap, returnable_resident),
	 false},
};

static uint64_t heap_number(const struct portrait *side, size_t offset)
{
	uint64_t number;

	if (!side->has_heap)
		return UNKNOWN;
	memcpy(&number, (const char *)&side->heap + offset, sizeof(number));
	return number;
}

static struct change heap_change(const struct comparison *all, size_t row)
{
	return (struct change){heap_number(all->a, heap_rows[row].offset),
			       heap_number(all->b, heap_rows[row].offset)};
}

static void draw_heap(const struct diff *diff)
{
	size_t i;

	text_char(diff->text, '\n');
	put_headings(diff, "HEAP", "", "");
	for (i = 0; i < ARRAY_SIZE(heap_rows); i++)
		put_row(diff, heap_rows[i].label, heap_change(diff->all, i), heap_rows[i].is_count);
}

/* "size 1001", with its blocks and, as the fourth number, bytes. */
static void draw_size(const struct diff *diff, const struct size_change *change)
{
	struct line line = line_begin(diff->text, diff->paint);
	struct change bytes = {change->size * change->blocks.a, change->size * change->blocks.b};
	char to[CHANGE_SIZE];

	line_format(&line, STYLE_PLAIN, "%" PRIu64, change->size);
	put_change(diff, &line, change->blocks, true);
	line_put_right(&line, STYLE_PLAIN, change_text(bytes, false, diff->paint->bytes, to),
		       RSS_END);
	line_end(&line);
}

static void put_rest(const struct diff *diff, size_t shown, size_t all)
{
	struct line line = line_begin(diff->text, diff->paint);

	if (shown == all)
		return;
	line_format(&line, STYLE_FAINT, "and %zu more: --top %zu", all - shown, all);
	line_end(&line);
}

static void draw_sizes(const struct diff *diff, size_t top)
{
	size_t i, n = diff->all->nsizes < top ? diff->all->nsizes : top;

	if (n == 0)
		return;
	text_char(diff->text, '\n');
	put_headings(diff, "BLOCKS OF", "BYTES", "");
	for (i = 0; i < n; i++)
		draw_size(diff, &diff->all->sizes[i]);
	put_rest(diff, n, diff->all->nsizes);
}

/*
 * Types and sites.
 */

static const struct {
	const char *heading, *key, *last;
} lists[NPORTRAIT_LISTS] = {
	[PORTRAIT_TYPES] = {"TYPES", "types", "NAME"},
	[PORTRAIT_SITES] = {"SITES", "sites", "estimates, from samples"},
	[PORTRAIT_OWNERS] = {"OWNERS", "owners", "HOLDER"},
};

/* The first of the calls, made harmless; returns those behind it. */
static const char *take_call(const char *calls, bool ascii, char to[NAME_MOST])
{
	size_t length = strcspn(calls, "\n");
	char call[NAME_MOST];

	snprintf(call, sizeof(call), "%.*s", (int)min_u64(length, NAME_MOST - 1), calls);
	text_escape(call, to, NAME_MOST, ascii);
	return calls + length + (calls[length] == '\n');
}

static void draw_calls(const struct diff *diff, const char *calls)
{
	char call[NAME_MOST];

	while (*calls) {
		struct line line = line_begin(diff->text, diff->paint);

		calls = take_call(calls, !diff->paint->unicode, call);
		line_to(&line, 2);
		line_put(&line, STYLE_PLAIN, call);
		line_end(&line);
	}
}

static void draw_holding(const struct diff *diff, enum portrait_list list,
			 const struct holding_change *change)
{
	struct line line = line_begin(diff->text, diff->paint);
	char to[CHANGE_SIZE], name[NAME_MOST];

	put_change(diff, &line, change->bytes, false);
	line_put_right(&line, STYLE_PLAIN,
		       change_text(change->blocks, true, diff->paint->bytes, to), RSS_END);
	if (list != PORTRAIT_SITES) {
		line_to(&line, NAME);
		line_put(&line, STYLE_PLAIN,
			 text_escape(change->name, name, sizeof(name), !diff->paint->unicode));
	}
	line_end(&line);
	if (list == PORTRAIT_SITES)
		draw_calls(diff, change->name);
}

static void draw_list(const struct diff *diff, enum portrait_list list, size_t top)
{
	size_t i, all = diff->all->nlists[list], n = all < top ? all : top;

	if (n == 0)
		return;
	text_char(diff->text, '\n');
	put_headings(diff, lists[list].heading, "BLOCKS", lists[list].last);
	for (i = 0; i < n; i++)
		draw_holding(diff, list, &diff->all->lists[list][i]);
	put_rest(diff, n, all);
}

/*
 * Regions.
 */

static const char *fate_of(const struct object_change *change)
{
	if (change->regions.a == 0)
		return "new";
	return change->regions.b == 0 ? "gone" : "";
}

static void draw_object(const struct diff *diff, const struct object_change *change)
{
	struct line line = line_begin(diff->text, diff->paint);
	char to[CHANGE_SIZE], name[NAME_MOST];
	const char *fate = fate_of(change);

	line_put(&line, STYLE_KIND + change->kind, kind_name(change->kind));
	put_change(diff, &line, change->size, false);
	line_put_right(&line, STYLE_PLAIN, change_text(change->rss, false, diff->paint->bytes, to),
		       RSS_END);
	line_to(&line, NAME);
	if (*fate)
		line_format(&line, STYLE_FAINT, "%s ", fate);
	line_put(&line, STYLE_PLAIN,
		 text_escape(change->name, name, sizeof(name), !diff->paint->unicode));
	line_end(&line);
}

static void draw_objects(const struct diff *diff, size_t top)
{
	size_t i, n = diff->all->nobjects < top ? diff->all->nobjects : top;

	if (n == 0)
		return;
	text_char(diff->text, '\n');
	put_headings(diff, "REGIONS", "RSS", "NAME");
	for (i = 0; i < n; i++)
		draw_object(diff, &diff->all->objects[i]);
	put_rest(diff, n, diff->all->nobjects);
}

void diff_draw(const struct comparison *comparison, size_t top, const struct paint *paint,
	       struct text *text)
{
	const struct diff diff = {comparison, paint, text};
	unsigned list;

	put_side(&diff, "A", comparison->a);
	put_side(&diff, "B", comparison->b);
	text_char(text, '\n');
	draw_figures(&diff);
	draw_heap(&diff);
	draw_sizes(&diff, top);
	for (list = 0; list < NPORTRAIT_LISTS; list++)
		draw_list(&diff, (enum portrait_list)list, top);
	draw_objects(&diff, top);
}

/*
 * JSON.
 */

static void set_change(json_t *object, const char *key, struct change change, const char *why)
{
	json_t *pair = json_object();

	document_size(pair, "a", change.a, why);
	document_size(pair, "b", change.b, why);
	if (change_is_known(change))
		json_object_set_new(pair, "change",
				    json_integer((json_int_t)(change.b - change.a)));
	else
		document_unknown(pair, "change", why);
	json_object_set_new(object, key, pair);
}

static json_t *side_object(const struct portrait *side)
{
	json_t *object = json_object();

	json_object_set_new(object, "pid", json_integer(side->pid));
	document_text(object, "command", side->command);
	if (side->file)
		document_text(object, side->is_core ? "core" : "snapshot", side->file);
	return object;
}

static json_t *figures_object(const struct comparison *all)
{
	json_t *object = json_object(), *a = json_object(), *b = json_object();

	document_figures(a, all->a->figures);
	document_figures(b, all->b->figures);
	json_object_set_new(object, "a", a);
	json_object_set_new(object, "b", b);
	return object;
}

static json_t *heap_object(const struct comparison *all)
{
	const struct portrait *unknown = all->a->has_heap ? all->b : all->a;
	json_t *object = json_object();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(heap_rows); i++)
		set_change(object, heap_rows[i].key, heap_change(all, i),
			   unknown->has_heap ? "which pages are in memory is not known"
					     : unknown->heap_why);
	return object;
}

static json_t *histogram_array(const struct comparison *all)
{
	json_t *array = json_array();
	unsigned power;

	for (power = 0; power < SURVEY_BUCKETS; power++) {
		struct change blocks = {all->a->bucket_blocks[power], all->b->bucket_blocks[power]};
		struct change bytes = {all->a->bucket_bytes[power], all->b->bucket_bytes[power]};
		json_t *object;

		if (!blocks.a && !blocks.b)
			continue;
		object = json_object();
		document_size(object, "up_to", power < 63 ? UINT64_C(1) << power : INT64_MAX, NULL);
		set_change(object, "blocks", blocks, NULL);
		set_change(object, "bytes", bytes, NULL);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *sizes_array(const struct comparison *all)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < all->nsizes; i++) {
		json_t *object = json_object();

		document_size(object, "size", all->sizes[i].size, NULL);
		set_change(object, "blocks", all->sizes[i].blocks, NULL);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *calls_array(const char *calls)
{
	json_t *array = json_array();
	char call[NAME_MOST];

	while (*calls) {
		calls = take_call(calls, false, call);
		json_array_append_new(array, json_string(call));
	}
	return array;
}

static json_t *holdings_array(const struct comparison *all, enum portrait_list list)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < all->nlists[list]; i++) {
		const struct holding_change *change = &all->lists[list][i];
		json_t *object = json_object();

		if (list == PORTRAIT_SITES)
			json_object_set_new(object, "calls", calls_array(change->name));
		else
			document_text(object, "name", change->name);
		set_change(object, "blocks", change->blocks, NULL);
		set_change(object, "bytes", change->bytes, NULL);
		json_array_append_new(array, object);
	}
	return array;
}

/* The list, or null and the reason. */
static void put_list(const struct comparison *all, enum portrait_list list, struct text *text)
{
	const struct portrait_holdings *a = &all->a->lists[list], *b = &all->b->lists[list];
	char key[16], why[NAME_MOST];

	if (a->is_known && b->is_known) {
		document_put_member(text, lists[list].key, holdings_array(all, list));
		return;
	}
	document_put_member(text, lists[list].key, json_null());
	snprintf(key, sizeof(key), "%s_why", lists[list].key);
	document_put_member(
		text, key,
		json_string(text_escape(a->is_known ? b->why : a->why, why, sizeof(why), 0)));
}

static json_t *regions_array(const struct comparison *all)
{
	json_t *array = json_array();
	char name[NAME_MOST];
	size_t i;

	for (i = 0; i < all->nobjects; i++) {
		const struct object_change *change = &all->objects[i];
		json_t *object = json_object();

		json_object_set_new(object, "kind", json_string(kind_name(change->kind)));
		json_object_set_new(object, "name",
				    change->name[0] ? json_string(text_escape(change->name, name,
									      sizeof(name), 0))
						    : json_null());
		set_change(object, "regions", change->regions, NULL);
		set_change(object, "size", change->size, NULL);
		set_change(object, "rss", change->rss, "page figures of one are not known");
		json_array_append_new(array, object);
	}
	return array;
}

void diff_json(const struct comparison *comparison, struct text *text)
{
	unsigned list;

	text_format(text, "{\"schema\": %d", SCHEMA);
	document_put_member(text, "a", side_object(comparison->a));
	document_put_member(text, "b", side_object(comparison->b));
	document_put_member(text, "differs", json_boolean(comparison->differs));
	document_put_member(text, "figures", figures_object(comparison));
	document_put_member(text, "heap", heap_object(comparison));
	document_put_member(text, "histogram", histogram_array(comparison));
	document_put_member(text, "sizes", sizes_array(comparison));
	for (list = 0; list < NPORTRAIT_LISTS; list++)
		put_list(comparison, (enum portrait_list)list, text);
	document_put_member(text, "regions", regions_array(comparison));
	text_put(text, "}\n");
}
