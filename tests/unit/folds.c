/* Sums by stacks, made by hand, and what tools of others get of them. */
#include "heap/block_folds.h"
#include "heap/folds.h"
#include "view/export.h"
#include "view/gzip.h"
#include "view/protobuf.h"

#include "fixture.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const struct fold_sum sums[] = {{"objects", "count"}, {"space", "bytes"}};

static struct folds folds;

static int set_up(void **state)
{
	begin_space(state);
	return folds_init(&folds, sums, ARRAY_SIZE(sums));
}

static int take_down(void **state)
{
	folds_fini(&folds);
	return end_space(state);
}

/* Names from the outermost on. */
static uint32_t node_of(const char *const *names)
{
	uint32_t node = FOLD_TOP;

	for (; *names; names++)
		assert_int_equal(folds_step_name(&folds, node, *names, &node), 0);
	return node;
}

#define NODE(...) node_of((const char *const[]){__VA_ARGS__, NULL})

static void the_same_steps_lead_to_the_same_node(void **state)
{
	const plat_addr calls[] = {0x30, 0x20, 0x10};
	uint32_t a, b, c;

	(void)state;
	a = NODE("heap", "main", "up to 64 bytes");
	b = NODE("heap", "main", "up to 32 bytes");
	assert_int_not_equal(a, b);
	assert_int_equal(folds.nodes[a].parent, folds.nodes[b].parent);
	assert_int_equal(NODE("heap", "main", "up to 64 bytes"), a);
	assert_int_equal(NODE("heap"), folds.nodes[folds.nodes[a].parent].parent);
	/* The innermost call comes first, and leads to the node. */
	assert_int_equal(folds_of_calls(&folds, calls, 3, &a), 0);
	assert_int_equal(folds.frames[folds.nodes[a].frame].what, 0x30);
	assert_int_equal(folds_of_calls(&folds, calls + 1, 2, &b), 0);
	assert_int_equal(folds.nodes[a].parent, b);
	assert_int_equal(folds_of_calls(&folds, calls, 3, &c), 0);
	assert_int_equal(a, c);
	assert_int_equal(folds_of_calls(&folds, calls, 0, &c), 0);
	assert_int_equal(c, FOLD_TOP);
}

static void sums_of_thousands_of_stacks_are_kept_apart(void **state)
{
	uint32_t i, node;

	(void)state;
	for (i = 0; i < 20000; i++) {
		assert_int_equal(folds_step(&folds, i % 3 ? NODE("b") : NODE("a"), FOLD_CALL,
					    0x1000 + i % 5000, &node),
				 0);
		folds_add(&folds, node, 1, 1);
	}
	assert_int_equal(folds.nframes, 5002);
	assert_int_equal(folds.nnodes, 1 + 2 + 2 * 5000);
	/* Each of 5000 calls is met four times: below "a" once or twice, below "b" for the rest. */
	for (i = 1; i < folds.nnodes; i++)
		if (folds.nodes[i].parent != FOLD_TOP)
			assert_in_range(folds.nodes[i].sums[1], 1, 3);
	assert_int_equal(folds_sum(&folds, 1), 20000);
	assert_int_equal(folds_sum(&folds, 0), 0);
}

static void a_sum_that_does_not_fit_stays_at_the_most(void **state)
{
	uint32_t node = NODE("a");

	(void)state;
	folds_add(&folds, node, 0, UINT64_MAX - 1);
	folds_add(&folds, node, 0, 5);
	assert_int_equal(folds.nodes[node].sums[0], UINT64_MAX);
	assert_int_equal(folds_sum(&folds, 0), UINT64_MAX);
}

/*
 * Folded.
 */

static struct export export_of(size_t sum)
{
	return (struct export){.space = &space, .folds = &folds, .sum = sum};
}

static void assert_folded(size_t sum, const char *expected)
{
	const struct export export = export_of(sum);
	struct text text = TEXT_EMPTY;

	export_folded(&export, &text);
	assert_string_equal(text_string(&text), expected);
	text_fini(&text);
}

static void the_outermost_frame_is_the_first_of_a_line(void **state)
{
	const plat_addr calls[] = {0x2345, 0x1234};
	uint32_t node;

	(void)state;
	folds_add(&folds, NODE("heap", "thread 1", "48-byte class"), 1, 96);
	folds_add(&folds, NODE("heap", "thread 1"), 0, 7);
	assert_int_equal(folds_of_calls(&folds, calls, 2, &node), 0);
	folds_add(&folds, node, 1, UINT64_MAX);
	folds_add(&folds, FOLD_TOP, 1, 3);
	assert_folded(1, "- 3\n"
			 "heap;thread 1;48-byte class 96\n"
			 "0x1234;0x2345 18446744073709551615\n");
	assert_folded(0, "heap;thread 1 7\n");
}

static void a_name_neither_ends_a_frame_nor_a_line(void **state)
{
	(void)state;
	folds_add(&folds, NODE("a;b\n1", "\x1b[2J\xff"), 1, 1);
	assert_folded(1, "a:b\\x0a1;\\x1b[2J\\xff 1\n");
}

static void a_call_has_the_name_of_its_function_or_its_place_in_the_file(void **state)
{
	plat_addr addrs[] = {0x401010};
	struct symbol symbols[] = {{.known = true, .name = "parse(int, ...)", .start = 0x401000}};
	struct module module = {.file = 0, .bias = 0x400000};
	struct export export = export_of(1);
	struct text text = TEXT_EMPTY;
	uint32_t node, file = NO_FILE;

	(void)state;
	assert_int_equal(space_add_file(&space, "/usr/lib/lib;x.so", 1, 2, 3, &file), 0);
	assert_int_equal(space_add_mapping(&space, 0x401000, 0x402000, RX, 0x1000, file), 0);
	module.file = file;
	space.modules = calloc(1, sizeof(module));
	space.modules[0] = module;
	space.nmodules = space.modules_room = 1;
	space.regions[0].module = 0;
	export.calls = (struct calls){addrs, symbols, 1};
	assert_int_equal(folds_of_calls(&folds, (plat_addr[]){0x401010, 0x401fff}, 2, &node), 0);
	folds_add(&folds, node, 1, 5);
	export_folded(&export, &text);
	assert_string_equal(text_string(&text), "lib:x.so+0x1fff;parse(int, ...) 5\n");
	text_fini(&text);
}

/*
 * Protocol buffers, gzip, pprof.
 */

static void numbers_take_seven_bits_a_byte(void **state)
{
	struct text text = TEXT_EMPTY, message = TEXT_EMPTY;

	(void)state;
	protobuf_varint(&text, 0);
	protobuf_varint(&text, 127);
	protobuf_varint(&text, 300);
	protobuf_varint(&text, UINT64_MAX);
	assert_int_equal(text.size, 1 + 1 + 2 + 10);
	assert_memory_equal(text.data, "\x00\x7f\xac\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
			    14);
	text.size = 0;
	protobuf_number(&message, 1, 0);
	protobuf_number(&message, 2, 5);
	protobuf_string(&message, 16, "ab");
	protobuf_message(&text, 3, &message);
	assert_int_equal(message.size, 0);
	assert_int_equal(text.size, 9);
	assert_memory_equal(text.data, "\x1a\x07\x10\x05\x82\x01\x02\x61\x62", 9);
	text_fini(&message);
	text_fini(&text);
}

/* What is packed in `text`: so many bytes. */
static size_t unpack(const struct text *text, unsigned char *to, size_t room)
{
	z_stream stream = {.next_in = (unsigned char *)text->data,
			   .avail_in = (uInt)text->size,
			   .next_out = to,
			   .avail_out = (uInt)room};

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	inflateEnd(&stream);
	return stream.total_out;
}

static void what_is_packed_can_be_unpacked(void **state)
{
	static unsigned char bytes[400000];
	struct text packed = TEXT_EMPTY, text;
	struct gzip *gzip = gzip_new(&packed);
	uint32_t random = 1;
	size_t i;

	(void)state;
	assert_non_null(gzip);
	text = gzip_text(gzip);
	for (i = 0; i < 300000; i++) {
		random = random * 1103515245 + 12345;
		text_char(&text, (char)(random >> 16));
	}
	assert_int_equal(text_finish(&text), 0);
	assert_int_equal(gzip_finish(gzip), 0);
	assert_int_equal(unpack(&packed, bytes, sizeof(bytes)), 300000);
	for (random = 1, i = 0; i < 300000; i++) {
		random = random * 1103515245 + 12345;
		assert_int_equal(bytes[i], random >> 16 & 0xff);
	}
	text_fini(&text);
	text_fini(&packed);
	gzip_free(gzip);
}

static int refuse(void *to, const char *data, size_t size)
{
	(void)to;
	(void)data;
	(void)size;
	return -ENOSPC;
}

static void a_full_disk_is_said(void **state)
{
	const struct export export = export_of(1);
	struct text text = {.sink = refuse};
	int r;

	(void)state;
	folds_add(&folds, NODE("a"), 1, 1);
	r = export_pprof(&export, &text);
	assert_int_equal(r == 0 ? text_finish(&text) : r, -ENOSPC);
	text_fini(&text);
}

/* tests/cli/export.bats decodes it as a whole; here only that it ends with its strings. */
static void a_profile_ends_with_its_strings(void **state)
{
	static unsigned char bytes[4096];
	const struct export export = export_of(1);
	struct text text = TEXT_EMPTY;
	size_t n;

	(void)state;
	folds_add(&folds, NODE("heap"), 1, 1);
	assert_int_equal(export_pprof(&export, &text), 0);
	n = unpack(&text, bytes, sizeof(bytes));
	assert_true(n > 7);
	assert_memory_equal(bytes + n - 7,
			    "\x32\x05"
			    "bytes",
			    7);
	text_fini(&text);
}

static void every_allocation_can_fail(void **state)
{
	static const char *const names[] = {"heap", "main", NULL};
	size_t n, i;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		struct export export = {.space = &space, .sum = 1};
		struct text text = TEXT_EMPTY;
		uint32_t node = FOLD_TOP;
		struct folds made = {.nnodes = 0};
		int r = folds_init(&made, sums, ARRAY_SIZE(sums));

		for (i = 0; r == 0 && names[i]; i++)
			r = folds_step_name(&made, node, names[i], &node);
		if (r == 0)
			r = folds_of_calls(&made, (plat_addr[]){1, 2}, 2, &node);
		if (r == 0)
			folds_add(&made, node, 1, 1);
		export.folds = &made;
		if (r == 0)
			r = export_pprof(&export, &text);
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		text_fini(&text);
		folds_fini(&made);
		assert_int_equal(failing_alive(), 0);
	}
}

/*
 * Blocks.
 */

static struct heap_class classes[] = {{.number = 0, .stride = 48}, {.number = 1, .name = "run"}};
static struct heap_arena arenas[] = {{.kind = ARENA_THREAD, .number = 2}, {.kind = ARENA_MAPPED}};
static const struct heap_reading reading = {
	.arenas = arenas, .narenas = 2, .classes = classes, .nclasses = 2};

static void take(struct block_folds *blocks, plat_addr address, enum block_state state,
		 uint32_t class, uint32_t arena)
{
	const struct block block = {.address = address,
				    .size = 40,
				    .extent = 48,
				    .state = state,
				    .class = class,
				    .arena = arena};

	assert_int_equal(block_folds_take(blocks, &block), 0);
}

static void assert_blocks(const struct block_folds *blocks, size_t sum, const char *expected)
{
	const struct export export = {.space = &space, .folds = &blocks->folds, .sum = sum};
	struct text text = TEXT_EMPTY;

	export_folded(&export, &text);
	assert_string_equal(text_string(&text), expected);
	text_fini(&text);
}

static void blocks_stand_below_who_made_them_or_what_they_are(void **state)
{
	struct own_site site = {.nframes = 2, .frames = {0x2345, 0x1234}};
	struct own_sited sited[] = {{0x5030, 0, 3}, {0x5060, 0, 0}, {0x5090, 0, 0}};
	const struct own_profile profile = {
		.sites = &site, .nsites = 1, .blocks = sited, .nblocks = 3};
	struct heap_run run = {0x5000, 0x6000};
	const struct heap_runs runs = {&run, 1, 1};
	struct block_folds blocks;

	(void)state;
	assert_int_equal(space_add_mapping(&space, 0x5000, 0x7000, RW, 0, NO_FILE), 0);
	space.regions[0].kind = KIND_HEAP;
	assert_int_equal(block_folds_init(&blocks, &space, &runs), 0);
	block_folds_begin(&blocks, &reading, &profile, "");
	take(&blocks, 0x5000, BLOCK_LIVE, 0, 0);
	take(&blocks, 0x5030, BLOCK_LIVE, 0, 0);   /* it is a sample: it counts for itself alone */
	take(&blocks, 0x5060, BLOCK_LIVE, 0, 0);   /* of the same site, and no sample */
	take(&blocks, 0x5090, BLOCK_CACHED, 0, 0); /* it was one */
	take(&blocks, 0x50c0, BLOCK_FREE, NO_CLASS, 1);
	take(&blocks, 0x50f0, BLOCK_UNKNOWN, 0, 0);
	take(&blocks, 0x5ff0, BLOCK_FREE, 1, 1); /* a part of it is in memory */
	take(&blocks, 0x6100, BLOCK_FREE, 0, NO_ARENA);
	take(&blocks, 0x7100, BLOCK_LIVE, NO_CLASS, NO_ARENA);
	assert_blocks(&blocks, FOLD_LIVE_BYTES,
		      "heap;thread 2;48-byte class 40\n0x1234;0x2345 80\n"
		      "not mapped;no arena;up to 64 bytes 40\n");
	assert_blocks(&blocks, FOLD_LIVE_BLOCKS,
		      "heap;thread 2;48-byte class 1\n0x1234;0x2345 2\n"
		      "not mapped;no arena;up to 64 bytes 1\n");
	assert_blocks(&blocks, FOLD_FREE_RESIDENT,
		      "heap;thread 2;48-byte class 48\nheap;mapped;up to 64 bytes 48\n"
		      "heap;mapped;run;up to 64 bytes 16\n");
	block_folds_fini(&blocks);
}

static void without_pages_there_is_no_sum_of_what_is_in_memory(void **state)
{
	struct block_folds blocks;

	(void)state;
	assert_int_equal(block_folds_init(&blocks, &space, NULL), 0);
	block_folds_begin(&blocks, &reading, NULL, "glibc: ");
	take(&blocks, 0x5000, BLOCK_FREE, 0, 0);
	take(&blocks, 0x5030, BLOCK_LIVE, 0, 1);
	assert_int_equal(blocks.folds.nsums, 2);
	assert_blocks(&blocks, FOLD_LIVE_BYTES, "not mapped;glibc: mapped;48-byte class 40\n");
	block_folds_fini(&blocks);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_same_steps_lead_to_the_same_node),
		TEST(sums_of_thousands_of_stacks_are_kept_apart),
		TEST(a_sum_that_does_not_fit_stays_at_the_most),
		TEST(the_outermost_frame_is_the_first_of_a_line),
		TEST(a_name_neither_ends_a_frame_nor_a_line),
		TEST(a_call_has_the_name_of_its_function_or_its_place_in_the_file),
		TEST(numbers_take_seven_bits_a_byte),
		TEST(what_is_packed_can_be_unpacked),
		TEST(a_full_disk_is_said),
		TEST(a_profile_ends_with_its_strings),
		TEST(every_allocation_can_fail),
		TEST(blocks_stand_below_who_made_them_or_what_they_are),
		TEST(without_pages_there_is_no_sum_of_what_is_in_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
