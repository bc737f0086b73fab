/* plat snapshot: a process as it is now, in a file that other commands take in its place. */
#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/report.h"
#include "cli/target.h"
#include "base/list.h"
#include "heap/find.h"
#include "heap/mallocng.h"
#include "heap/own.h"
#include "heap/own_profile.h"
#include "source/content.h"
#include "source/freeze.h"
#include "source/snapshot_take.h"
#include "view/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_OUTPUT, OPT_CONTENT, OPT_ENVIRONMENT };

static const struct option_row rows[] = {
	ROW(OPT_OUTPUT, 'o', "output", "FILE", "where it is written", COMPLETE_FILE),
	ROW(OPT_CONTENT, 'c', "content", "WHAT", "of memory: none, pointers (as else) or full",
	    COMPLETE_NOTHING),
	FLAG(OPT_ENVIRONMENT, 'e', "environment", "with its arguments and environment"),
	ROW_STOP,
	ROW_NO_STOP,
	ROW_MAX_PAUSE,
	ROW_INJECT,
	ROW_JSON("what was taken, as a JSON document"),
	ROW_BYTES,
	ROWS_END,
};

static int run(struct options *options);

const struct command snapshot_command = {
	.name = "snapshot",
	.summary = "keep a process as it is now in a file, for the other commands",
	.synopsis = "PID -o FILE",
	.options = rows,
	.takes_pid = true,
	.more = "Every command takes FILE in the place of a PID. With 'pointers' it holds what\n"
		"heaps and leaks are found by, and no text; with 'full' all memory.\n",
	.run = run,
};

#define ARENA_BYTES 0x898 /* of glibc's struct malloc_state, the largest of all versions */
#define SLOT_HEADER 4	  /* bytes; musl mallocng/meta.h IB */
#define SLOT_UNIT 16	  /* musl mallocng/meta.h UNIT */
#define GAP_MOST 131072	  /* a slot is smaller */
#define NESTED_MOST 8	  /* groups that each begin in the first slot of the one before */

struct request {
	struct options *options;
	const char *path;
	struct snapshot_request snapshot;
};

static int take_content(struct request *request, const char *value)
{
	unsigned content;

	for (content = 0; content < NCONTENTS; content++)
		if (strcmp(value, snapshot_content_name(content)) == 0) {
			request->snapshot.content = content;
			return 0;
		}
	return usage_error(&snapshot_command, "%s: the content is none, pointers or full", value);
}

static int take_option(void *context, int option, const char *value)
{
	struct request *request = context;

	switch (option) {
	case OPT_OUTPUT:
		request->path = value;
		return 0;
	case OPT_CONTENT:
		return take_content(request, value);
	default:
		request->snapshot.environment = true;
		return 0;
	}
}

static int read_request(struct request *request)
{
	struct options *options = request->options;
	int code = options_read_one(options, take_option, request);

	if (code)
		return code;
	if (!request->path || !*request->path)
		return usage_error(&snapshot_command, "name a file by -o");
	return 0;
}

/*
 * What must be kept whole for heaps to be read. It is found by reading them, through a reader that
 * notes what is read.
 */

/*
 * Plat's own heap is read without a look at anything that the program wrote: the allocator's state
 * lies by itself.
 */
static int keep_own(const struct space *space, const struct heaps *heaps, struct reader *reader)
{
	const struct heap_reading *found = heaps_of(heaps, &own_type);
	struct own_profile profile;
	struct heap_reading *heap;
	int r;

	if (!found)
		return 0;
	r = own_open_at(space, reader, found->module, own_of((struct heap_reading *)found)->at,
			&heap, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = heap_walk(heap, NULL);
	if (r == 0 && own_profile_read(own_of(heap), &profile, NULL) == 0)
		own_profile_fini(&profile);
	heap_close(heap);
	return r == -ENOMEM ? r : 0;
}

/* The C library's own data: its allocator's state, and nothing that the program put there. */
static void keep_data(const struct space *space, const struct allocator *allocator,
		      struct ranges *whole)
{
	const struct module *module = &space->modules[allocator->provider];
	size_t i;

	if (allocator->how != ALLOCATOR_LINKED ||
	    (allocator->kind != ALLOCATOR_GLIBC && allocator->kind != ALLOCATOR_MUSL))
		return;
	for (i = 0; i < module->nsegments; i++)
		if (module->segments[i].rights & RIGHT_WRITE)
			ranges_add(whole, module->segments[i].start, module->segments[i].end);
}

/*
 * Of what was read: symbols, versions, all that a file holds and nobody could write to. Of the rest
 * the pages are there, filtered.
 */
static void keep_read(const struct procdir *dir, const struct space *space,
		      const struct ranges *read, struct ranges *whole)
{
	const struct range *range = read->items, *end = read->items + read->n;
	uint64_t page = space->machine.page_size;
	size_t i;

	for (; range < end; range++) {
		ranges_add(dir->touched, align_down(range->start, page),
			   align_up(range->end, page));
		i = space_at_or_above(space, range->start);
		for (; i < space->nregions && space->regions[i].start < range->end; i++) {
			const struct region *region = &space->regions[i];

			if (region->file != NO_FILE && !(region->rights & RIGHT_WRITE))
				ranges_add(whole, max_u64(range->start, region->start),
					   min_u64(range->end, region->end));
		}
	}
}

static bool is_data_of(const struct module *module, plat_addr at)
{
	size_t i;

	for (i = 0; i < module->nsegments; i++)
		if ((module->segments[i].rights & RIGHT_WRITE) && at >= module->segments[i].start &&
		    at < module->segments[i].end)
			return true;
	return false;
}

/*
 * In a static program the state of glibc's first arena stands among the program's own variables. A
 * walk over the heap tells where.
 */
static int keep_static(const struct space *space, const struct heaps *heaps, struct ranges *whole)
{
	struct heap_reading *heap = heaps->n ? heaps->readings[0] : NULL;
	size_t i;
	int r;

	if (heaps->allocator.how != ALLOCATOR_STATIC || !heap || heap->module == NO_MODULE)
		return 0;
	r = heap_walk(heap, NULL);
	for (i = 0; r == 0 && i < heap->narenas; i++)
		if (is_data_of(&space->modules[heap->module], heap->arenas[i].address))
			ranges_add(whole, heap->arenas[i].address,
				   heap->arenas[i].address + ARENA_BYTES);
	return r == -ENOMEM ? r : 0;
}

/*
 * musl's mallocng keeps a header between slots, and what it knows of groups of slots elsewhere. A
 * walk over the heap reads both, and more; the memory that it hands out is kept by marks alone.
 */
struct slots {
	struct snapshot_marks *marks;
	plat_addr end; /* of the last slot */
	struct ranges held;
};

static int add_mark(struct snapshot_marks *marks, plat_addr at)
{
	size_t i;
	int r;

	for (i = marks->n; i > 0 && i + 4 > marks->n; i--)
		if (marks->items[i - 1] == at)
			return 0;
	r = list_reserve(&marks->items, &marks->room, marks->n, 1);
	if (r == 0)
		marks->items[marks->n++] = at;
	return r;
}

static int take_slot(void *context, const struct block *block)
{
	struct slots *slots = context;
	plat_addr start = block->address - block->before + SLOT_HEADER;
	plat_addr at =
		start - slots->end <= GAP_MOST ? slots->end : start - NESTED_MOST * SLOT_UNIT;
	int r = 0;

	/* Between slots there are groups, which may lie in slots of others, with headers. */
	for (; r == 0 && at < start; at += SLOT_UNIT)
		r = add_mark(slots->marks, at);
	slots->end = start + block->extent;
	if (r == 0)
		r = add_mark(slots->marks, start);
	if (r == 0)
		r = add_mark(slots->marks, block->address);
	return r == 0 ? add_mark(slots->marks, slots->end) : r;
}

static int take_held(void *context, plat_addr start, plat_addr end)
{
	struct slots *slots = context;

	ranges_add(&slots->held, start, end);
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const plat_addr *one = a, *other = b;

	return (*one > *other) - (*one < *other);
}

/* Adds what lies outside of memory that is handed out. */
static void add_outside(const struct ranges *ranges, const struct ranges *held, struct ranges *to)
{
	size_t i;

	for (i = 0; i < ranges->n; i++) {
		plat_addr at = ranges->items[i].start, end = ranges->items[i].end;

		while (at < end) {
			const struct range *next = ranges_from(held, at);

			ranges_add(to, at, next ? min_u64(max_u64(next->start, at), end) : end);
			at = next ? next->end : end;
		}
	}
}

/*
 * musl hands out the rest of pages of data, too, so that what was to be kept whole may be a part of
 * the heap.
 */
static int keep_outside(const struct ranges *read, const struct ranges *held, struct ranges *whole)
{
	struct ranges kept = RANGES_EMPTY;
	int r = ranges_sort(whole);

	add_outside(whole, held, &kept);
	add_outside(read, held, &kept);
	ranges_fini(whole);
	*whole = kept;
	return r;
}

static int walk_slots(struct heap_reading *heap, struct slots *slots)
{
	const struct heap_visitor visitor = {
		.block = take_slot,
		.range = take_held,
		.context = slots,
		.states = (1u << NBLOCK_STATES) - 1,
	};
	int r = heap_walk(heap, &visitor);

	if (slots->marks->n)
		qsort(slots->marks->items, slots->marks->n, sizeof(*slots->marks->items),
		      by_address);
	return r == 0 ? ranges_sort(&slots->held) : r;
}

/* To find the heap, all variables are read; for the walk, its own alone. */
static int keep_slots(const struct space *space, struct reader *reader, struct ranges *whole,
		      struct snapshot_marks *marks)
{
	struct ranges searched = RANGES_EMPTY, read = RANGES_EMPTY;
	struct ranges_reader noting = ranges_reader_of(reader, &searched);
	struct slots slots = {.marks = marks, .held = RANGES_EMPTY};
	struct heap_reading *heap;
	int r = mallocng_type.open(space, &noting.reader, &heap, NULL);

	if (r == 0) {
		noting.read = &read;
		r = walk_slots(heap, &slots);
		heap_close(heap);
		if (r == 0)
			r = ranges_sort(&read);
		if (r == 0)
			r = keep_outside(&read, &slots.held, whole);
	}
	ranges_fini(&slots.held);
	ranges_fini(&searched);
	ranges_fini(&read);
	return r == -ENOMEM ? r : 0;
}

/* The doctor's questions, so that their answers are in the snapshot. */
static int ask_as_doctor(const struct request *request, const struct procdir *dir,
			 const struct space *space, const struct allocator *allocator)
{
	struct doctor_report report = {.space = space, .allocator = allocator};
	int r = doctor_ask(&report, dir, request->snapshot.environment);

	doctor_report_fini(&report);
	return r;
}

/* Of allocators: what is needed to walk the heap again. */
static int keep_heaps(const struct space *space, const struct heaps *heaps, struct reader *reader,
		      struct ranges *whole, struct snapshot_marks *marks)
{
	struct ranges_reader noting = ranges_reader_of(reader, whole);
	int r;

	keep_data(space, &heaps->allocator, whole);
	r = keep_static(space, heaps, whole);
	if (r == 0)
		r = keep_own(space, heaps, &noting.reader);
	if (r == 0 && heaps_of(heaps, &mallocng_type))
		r = keep_slots(space, reader, whole, marks);
	return r;
}

static int look_through(const struct request *request, const struct procdir *dir,
			const struct space *space, struct reader *reader, struct ranges *whole,
			struct snapshot_marks *marks)
{
	struct ranges read = RANGES_EMPTY;
	struct ranges_reader noting = ranges_reader_of(reader, &read);
	struct heaps heaps;
	int r = heaps_find(space, &noting.reader, &heaps);

	if (r == 0) {
		r = ask_as_doctor(request, dir, space, &heaps.allocator);
		if (r == 0)
			r = ranges_sort(&read);
		keep_read(dir, space, &read, whole);
		if (r == 0 && request->snapshot.content == CONTENT_POINTERS)
			r = keep_heaps(space, &heaps, reader, whole, marks);
		heaps_close(&heaps);
	}
	ranges_fini(&read);
	return r;
}

static int look(void *context, const struct procdir *dir, const struct space *space,
		struct ranges *whole, struct snapshot_marks *marks)
{
	const struct request *request = context;
	struct content content;
	int r = content_open(&content, dir, space);

	if (r == 0)
		r = look_through(request, dir, space,
				 freeze_reader(request->snapshot.freeze, &content.reader), whole,
				 marks);
	content_close(&content);
	return r == -ENOMEM ? r : 0;
}

/*
 * Saying what was done.
 */

static int show(const struct request *request, const struct space *space,
		const struct snapshot_taken *taken)
{
	const struct freeze_told *told = freeze_told(request->snapshot.freeze);
	char looked[FREEZE_WORDS_SIZE];
	const struct options *options = request->options;
	const struct snapshot_report report = {
		.space = space,
		.path = request->path,
		.content = snapshot_content_name(request->snapshot.content),
		.environment = request->snapshot.environment,
		.is_stopped = taken->is_stopped,
		.looked = freeze_words(told, looked),
		.pause = told->pause,
		.nanoseconds = taken->nanoseconds,
		.file_bytes = taken->file_bytes,
		.kept = taken->packed.pages * taken->page_size,
		.zeros = taken->packed.zero_pages * taken->page_size,
		.unread = taken->packed.unread * taken->page_size,
		.left_out = taken->left_out,
	};
	struct text text = text_to_stream(stdout);

	if (options->json)
		snapshot_json(&report, &text);
	else
		snapshot_draw(&report, &options->paint, &text);
	return finish_output(&snapshot_command, &text, 0);
}

static int report(const struct space *space, const struct snapshot_taken *taken)
{
	char unread[96] = "", name[REPORT_NAME_SIZE];
	const char *const whys[] = {taken->why, unread};
	int code = report_space(&snapshot_command, space, false);

	if (taken->packed.unread)
		snprintf(unread, sizeof(unread), "%" PRIu64 " pages could not be read",
			 taken->packed.unread);
	return worse_of(
		code, report_unknown(&snapshot_command, report_name(space, name), whys, 2, false));
}

static int take_snapshot(struct request *request, const struct procdir *dir)
{
	struct snapshot_taken taken;
	struct space space;
	struct error err;
	int code;

	request->snapshot.look = look;
	request->snapshot.context = request;
	if (snapshot_take(dir, &request->snapshot, request->path, &space, &taken, &err) < 0)
		return look_error(&snapshot_command, "%s", err.text);
	code = show(request, &space, &taken);
	code = worse_of(code, report(&space, &taken));
	space_fini(&space);
	return code;
}

static int freeze_and_take(struct request *request, const struct procdir *dir)
{
	struct freeze *freeze;
	struct error err;
	int r = freeze_begin(dir, &request->options->freeze, &freeze, &err), code;

	if (r < 0)
		return look_error(&snapshot_command, "%s%s", err.text,
				  r == -ESRCH ? "" : "; --no-stop takes one while it runs");
	request->snapshot.freeze = freeze;
	code = take_snapshot(request, dir);
	freeze_free(freeze);
	return code;
}

static int run(struct options *options)
{
	struct request request = {
		.options = options,
		.snapshot = {.content = CONTENT_POINTERS},
	};
	struct procdir dir;
	int code;

	/* Pieces that do not fit are worth little: it stands still unless it must not. */
	options->freeze = (struct freeze_wish){.rung = FREEZE_WHOLE};
	code = read_request(&request);
	if (code == 0)
		code = target_open_dir(options, options->operands[0], &dir);
	if (code)
		return code;
	code = freeze_and_take(&request, &dir);
	procdir_close(&dir);
	return code;
}
