/*
 * Snapshots written by hand, of memory that is our own:
 *
 *     | zeros | text | zeros | text | ...     pages at `memory`
 */
#include "source/snapshot.h"

#include "source/snapshot_filter.h"
#include "source/snapshot_pack.h"
#include "source/snapshot_scrub.h"
#include "source/snapshot_write.h"
#include "space/figures.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NPAGES 200
#define NRUNS 20000 /* more than fit into a part */
#define RUNS_AT UINT64_C(0x10000000)

static char folder[] = "/tmp/plat-unit-XXXXXX";
static char path[64];
static struct error err;
static unsigned char *memory;

/*
 * Writing.
 */

static plat_addr address_of(const void *ours)
{
	return (uintptr_t)ours;
}

static void put_facts(struct snapshot_writer *writer)
{
	snapshot_put_fact(writer, "page-size", "%u", 4096u);
	snapshot_put_fact(writer, "pid", "%d", 77);
}

static struct snapshot_writer *begin(void)
{
	struct snapshot_writer *writer;

	assert_int_equal(snapshot_writer_new(path, &writer, &err), 0);
	put_facts(writer);
	return writer;
}

static struct snapshot *finish(struct snapshot_writer *writer)
{
	struct snapshot *snapshot;
	uint64_t size;

	assert_int_equal(snapshot_writer_finish(writer, &size, &err), 0);
	assert_int_equal(snapshot_open_fd(open(path, O_RDONLY), path, &snapshot, &err), 0);
	return snapshot;
}

static int read_ours(struct reader *reader, plat_addr from, void *to, size_t size)
{
	plat_addr end = address_of(memory) + NPAGES * PAGE;

	(void)reader;
	if (from < address_of(memory) || from > end || size > end - from)
		return -EIO;
	memcpy(to, memory + (from - address_of(memory)), size);
	return 0;
}

/* Pages that hold zeros and text in turn, and the last one that cannot be read. */
static void put_memory(struct snapshot_writer *writer)
{
	struct reader reader = {.read = read_ours};
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	struct snapshot_packer *packer;
	struct snapshot_packed packed;

	assert_true(pagemap >= 0);
	assert_int_equal(snapshot_packer_new(writer, &reader, pagemap, 4096, NULL, &packer), 0);
	snapshot_pack_pages(packer, address_of(memory), 10);
	snapshot_pack_pages(packer, address_of(memory) + 20 * PAGE, NPAGES - 20 + 1);
	assert_int_equal(snapshot_packer_finish(packer, &packed), 0);
	assert_int_equal(packed.pages, NPAGES - 10);
	assert_int_equal(packed.zero_pages, (NPAGES - 10) / 2);
	assert_int_equal(packed.unread, 1);
	close(pagemap);
}

static void put_run(struct snapshot_writer *writer, plat_addr start, unsigned npages,
		    unsigned state)
{
	const struct snapshot_run run = {start, npages, state};

	snapshot_put_row(writer, TABLE_RUNS, start, &run, sizeof(run));
}

/*
 * Answers.
 */

static void answers_are_found_by_kind_and_name(void **state)
{
	struct snapshot_writer *writer = begin();
	struct snapshot *snapshot;
	size_t size;
	char *text;

	(void)state;
	snapshot_put_answer(writer, ANSWER_FILE, "stat", 0, "first", 5);
	snapshot_put_answer(writer, ANSWER_ROOT, "stat", 0, "root's", 6);
	snapshot_put_answer(writer, ANSWER_FILE, "mem", -EACCES, NULL, 0);
	snapshot_put_answer(writer, ANSWER_FILE, "stat", 0, "second", 6);
	snapshot = finish(writer);
	assert_int_equal(snapshot_pid(snapshot), 77);
	assert_int_equal(snapshot_answer(snapshot, ANSWER_FILE, "stat", 100, &text, &size), 0);
	assert_string_equal(text, "second");
	assert_int_equal(size, 6);
	free(text);
	assert_int_equal(snapshot_answer(snapshot, ANSWER_ROOT, "stat", 100, &text, NULL), 0);
	assert_string_equal(text, "root's");
	free(text);
	assert_int_equal(snapshot_answer(snapshot, ANSWER_FILE, "mem", 100, &text, NULL), -EACCES);
	assert_int_equal(snapshot_answer(snapshot, ANSWER_FILE, "maps", 100, &text, NULL),
			 -ENODATA);
	assert_int_equal(snapshot_answer(snapshot, ANSWER_ROOT, "stat", 3, &text, NULL), -EFBIG);
	assert_int_equal(snapshot_number(snapshot, "pid", 1), 77);
	assert_int_equal(snapshot_number(snapshot, "nothing", 5), 5);
	snapshot_free(snapshot);
}

static int count_bytes(void *context, const char *bytes, size_t size)
{
	uint64_t *count = context;
	size_t i;

	for (i = 0; i < size; i++)
		assert_int_equal((unsigned char)bytes[i], (*count)++ % 251);
	return 0;
}

static void an_answer_larger_than_a_part_comes_whole(void **state)
{
	struct snapshot_writer *writer = begin();
	struct snapshot *snapshot;
	uint64_t i, count = 0;

	(void)state;
	snapshot_begin_answer(writer, ANSWER_FILE, "smaps");
	for (i = 0; i < 1000000; i++) {
		unsigned char byte = (unsigned char)(i % 251);

		snapshot_put_bytes(writer, &byte, 1);
	}
	snapshot_end_answer(writer, 0);
	snapshot = finish(writer);
	assert_int_equal(
		snapshot_answer_pieces(snapshot, ANSWER_FILE, "smaps", count_bytes, &count), 0);
	assert_int_equal(count, 1000000);
	snapshot_free(snapshot);
}

static void a_mapping_is_found_by_any_address_in_it(void **state)
{
	struct {
		struct snapshot_mapping mapping;
		char build_id[8];
	} noted = {.mapping = {.start = 0x7000, .end = 0x9000, .inode = 5}, .build_id = "0a1b2c3d"};
	struct snapshot_writer *writer = begin();
	struct snapshot_mapping found;
	struct snapshot *snapshot;
	char build_id[SNAPSHOT_BUILD_ID];

	(void)state;
	snapshot_put_answer(writer, ANSWER_QUERY, "0000000000007000", 0, &noted, sizeof(noted));
	snapshot = finish(writer);
	assert_int_equal(snapshot_mapping(snapshot, 0x8fff, &found, build_id), 0);
	assert_int_equal(found.inode, 5);
	assert_string_equal(build_id, "0a1b2c3d");
	assert_int_equal(snapshot_mapping(snapshot, 0x9000, &found, build_id), -ENOTTY);
	assert_int_equal(snapshot_mapping(snapshot, 0x6fff, &found, build_id), -ENOTTY);
	snapshot_free(snapshot);
}

static void of_the_command_line_and_mounts_little_is_kept(void **state)
{
	char line[] = "root=/dev/sda secret=1 stack_guard_gap=512 quiet\n";
	char mounts[] = "1 2 0:3 / /home rw - ext4 x rw\n4 5 0:6 / /sys/fs/cgroup rw - cgroup2 c "
			"rw\n";
	size_t size = snapshot_scrub(ANSWER_ROOT, "cmdline", line, strlen(line));

	(void)state;
	assert_int_equal(size, strlen("stack_guard_gap=512 "));
	assert_memory_equal(line, "stack_guard_gap=512 ", size);
	size = snapshot_scrub(ANSWER_ROOT, "/proc/self/mountinfo", mounts, strlen(mounts));
	assert_memory_equal(mounts, "4 5", 3);
	assert_int_equal(size, strlen("4 5 0:6 / /sys/fs/cgroup rw - cgroup2 c rw\n"));
	assert_int_equal(snapshot_scrub(ANSWER_FILE, "stat", line, 10), 10);
}

/*
 * Pages.
 */

static int take_run(void *context, const struct page_run *run)
{
	uint64_t *count = context;

	assert_int_equal(run->start, RUNS_AT + *count * 4 * PAGE);
	assert_int_equal(run->end, run->start + 2 * PAGE);
	++*count;
	return 0;
}

static void runs_are_found_across_parts(void **state)
{
	struct snapshot_writer *writer = begin();
	struct snapshot *snapshot;
	uint64_t i, count = 0;
	unsigned found;
	plat_addr end;

	(void)state;
	for (i = 0; i < NRUNS; i++)
		put_run(writer, RUNS_AT + i * 4 * PAGE, 2, PAGE_PRESENT | PAGE_FILE);
	snapshot = finish(writer);
	assert_int_equal(snapshot_runs(snapshot, 0, ADDR_MAX, take_run, &count), 0);
	assert_int_equal(count, NRUNS);
	count = 15000;
	assert_int_equal(snapshot_runs(snapshot, RUNS_AT + 15000 * 4 * PAGE + PAGE,
				       RUNS_AT + 15002 * 4 * PAGE, take_run, &count),
			 0);
	assert_int_equal(count, 15002);
	for (i = 0; i < NRUNS; i += 77) {
		plat_addr at = RUNS_AT + i * 4 * PAGE;

		assert_int_equal(snapshot_state(snapshot, at + PAGE, &found, &end), 0);
		assert_int_equal(found, PAGE_PRESENT | PAGE_FILE);
		assert_int_equal(end, at + 2 * PAGE);
		assert_int_equal(snapshot_state(snapshot, at + 2 * PAGE, &found, &end), 0);
		assert_int_equal(found, 0);
		assert_true(end == at + 4 * PAGE || i + 1 == NRUNS);
	}
	snapshot_free(snapshot);
}

static void content_is_what_was_in_memory(void **state)
{
	struct snapshot_writer *writer = begin();
	unsigned char bytes[3 * PAGE];
	struct snapshot *snapshot;
	plat_addr at = address_of(memory);
	uint64_t i;

	(void)state;
	put_memory(writer);
	snapshot = finish(writer);
	for (i = 20; i + 3 < NPAGES; i++) {
		assert_int_equal(snapshot_read(snapshot, at + i * PAGE + 5, bytes, 2 * PAGE), 0);
		assert_memory_equal(bytes, memory + i * PAGE + 5, 2 * PAGE);
	}
	assert_int_equal(snapshot_read(snapshot, at, bytes, 10), 0);
	assert_int_equal(snapshot_read(snapshot, at + 10 * PAGE - 1, bytes, 2), -ENODATA);
	assert_int_equal(snapshot_read(snapshot, at + NPAGES * PAGE - 1, bytes, 1), 0);
	assert_int_equal(snapshot_read(snapshot, at + NPAGES * PAGE - 1, bytes, 2), -ENODATA);
	assert_int_equal(snapshot_read(snapshot, at - 1, bytes, 1), -ENODATA);
	snapshot_free(snapshot);
}

static void the_page_of_zeros_needs_no_content(void **state)
{
	struct snapshot_writer *writer = begin();
	struct snapshot *snapshot;
	unsigned char byte = 1;

	(void)state;
	put_run(writer, 0x10000, 2, PAGE_PRESENT | PAGE_ZERO);
	put_run(writer, 0x12000, 1, PAGE_PRESENT);
	snapshot = finish(writer);
	assert_int_equal(snapshot_read(snapshot, 0x11fff, &byte, 1), 0);
	assert_int_equal(byte, 0);
	assert_int_equal(snapshot_read(snapshot, 0x12000, &byte, 1), -ENODATA);
	snapshot_free(snapshot);
}

/*
 * What is broken.
 */

static void write_file(const unsigned char *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	close(fd);
}

static int show_nothing(void *context, const struct page_run *run)
{
	(void)context;
	(void)run;
	return 0;
}

/* It is refused, or read as far as it goes. */
static void look_at_it(void)
{
	struct snapshot *snapshot;
	unsigned char byte;
	char *text;
	int r = snapshot_open_fd(open(path, O_RDONLY), path, &snapshot, &err);

	if (r < 0) {
		assert_true(strlen(err.text) > strlen(path));
		return;
	}
	if (snapshot_answer(snapshot, ANSWER_FILE, "stat", 100, &text, NULL) == 0)
		free(text);
	r = snapshot_read(snapshot, address_of(memory) + PAGE, &byte, 1);
	assert_true(r <= 0);
	r = snapshot_runs(snapshot, 0, ADDR_MAX, show_nothing, NULL);
	assert_true(r <= 0);
	snapshot_free(snapshot);
}

static void each_byte_can_be_wrong_and_each_length_too_short(void **state)
{
	struct snapshot_writer *writer = begin();
	unsigned char *bytes;
	struct stat st;
	size_t size, i;
	int fd;

	(void)state;
	snapshot_put_answer(writer, ANSWER_FILE, "stat", 0, "answer", 6);
	put_run(writer, RUNS_AT, 3, PAGE_PRESENT);
	put_memory(writer);
	snapshot_free(finish(writer));
	assert_int_equal(stat(path, &st), 0);
	size = (size_t)st.st_size;
	bytes = malloc(size);
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, bytes, size), (ssize_t)size);
	close(fd);
	for (i = 0; i < size; i++) {
		bytes[i] ^= 0x41;
		write_file(bytes, size);
		look_at_it();
		bytes[i] ^= 0x41;
		write_file(bytes, i);
		look_at_it();
	}
	free(bytes);
}

static void one_that_is_abandoned_leaves_nothing(void **state)
{
	struct snapshot_writer *writer;

	(void)state;
	unlink(path);
	assert_int_equal(snapshot_writer_new(path, &writer, &err), 0);
	put_memory(writer);
	snapshot_writer_abandon(writer);
	assert_int_equal(rmdir(folder), 0);
	assert_non_null(mkdtemp(strcpy(folder, "/tmp/plat-unit-XXXXXX")));
	snprintf(path, sizeof(path), "%s/snap", folder);
}

/*
 * The filter.
 */

#define HEAP UINT64_C(0x555555560000)
#define FAR_HEAP UINT64_C(0x7f1234560000)

static uint64_t words[512], kept[512];
static struct ranges mapped, whole, hidden;
static struct mangle mangle;
static plat_addr marks[2]; /* in use where they are not 0 */

/* Beyond the window there are some words on either side, and one farther off. */
#define NBEYOND 16
static uint64_t before[NBEYOND], behind[NBEYOND];
static plat_addr far_at;

static bool read_far(void *context, plat_addr at, unsigned word, uint64_t *ret)
{
	const plat_addr end = HEAP + sizeof(words);

	(void)context;
	assert_int_equal(word, 8);
	*ret = 0x31;
	if (at >= HEAP - sizeof(before) && at < HEAP)
		*ret = before[NBEYOND - (HEAP - at) / 8];
	else if (at >= end && at < end + sizeof(behind))
		*ret = behind[(at - end) / 8];
	else
		return at == far_at;
	return true;
}

static void filter(void)
{
	const struct filter_window window = {.start = HEAP,
					     .bytes = (unsigned char *)words,
					     .size = sizeof(words),
					     .far = read_far};
	static struct snapshot_filter rules;

	rules = (struct snapshot_filter){
		.word = 8, .mapped = &mapped, .whole = &whole, .hidden = &hidden, .mangle = mangle};
	if (marks[0])
		rules.marks = (struct snapshot_marks){marks, 2, 2};
	ranges_add(&mapped, HEAP - PAGE, HEAP + 0x100000);
	ranges_add(&mapped, FAR_HEAP, FAR_HEAP + 0x1000);
	assert_int_equal(ranges_sort(&mapped), 0);
	assert_int_equal(ranges_sort(&whole), 0);
	assert_int_equal(ranges_sort(&hidden), 0);
	snapshot_filter_prepare(&rules);
	memset(kept, 0xff, sizeof(kept));
	snapshot_filter_apply(&rules, &window, (unsigned char *)kept);
	ranges_fini(&mapped);
	ranges_fini(&whole);
	ranges_fini(&hidden);
}

static void addresses_stay_and_texts_go(void **state)
{
	(void)state;
	memset(words, 0, sizeof(words));
	words[0] = HEAP + 0x123;
	words[1] = FAR_HEAP + 0x1000; /* one past its end */
	words[2] = FAR_HEAP + 0x1001;
	words[3] = 4095;
	words[4] = 123 * PAGE;
	memcpy(&words[5], "a secret", 8);
	memcpy(&words[6], "secret", 6);
	memcpy(&words[7], "abcd", 4);
	words[8] = (HEAP + 64) >> 12 ^ (FAR_HEAP + 0x40); /* glibc's PROTECT_PTR, at words[8] */
	words[9] = UINT64_MAX;
	filter();
	assert_int_equal(kept[0], words[0]);
	assert_int_equal(kept[1], words[1]);
	assert_int_equal(kept[2], 0);
	assert_int_equal(kept[3], 4095);
	assert_int_equal(kept[4], 123 * PAGE);
	assert_int_equal(kept[5], 0);
	assert_int_equal(kept[6], 0);
	assert_int_equal(kept[7], 0);
	assert_int_equal(kept[8], words[8]);
	assert_int_equal(kept[9], 0);
}

static void mangled_addresses_stay(void **state)
{
	(void)state;
	memset(words, 0, sizeof(words));
	mangle = (struct mangle){8, UINT64_C(0x9e3779b97f4a7c15)};
	words[0] = mangle_do(&mangle, FAR_HEAP + 0x40);
	words[1] = mangle_do(&mangle, FAR_HEAP + 0x2040); /* nothing is mapped there */
	memcpy(&words[2], "a secret", 8);
	filter();
	mangle = MANGLE_NONE;
	assert_int_equal(kept[0], words[0]);
	assert_int_equal(kept[1], 0);
	assert_int_equal(kept[2], 0);
	filter();
	assert_int_equal(kept[0], 0);
}

static void the_sizes_of_chunks_stay(void **state)
{
	(void)state;
	memset(words, 0, sizeof(words));
	words[1] = 0x2010 | 1;	/* leads to a size beyond the window */
	words[3] = 0x3010 | 1;	/* leads beyond, where nothing is known */
	words[5] = 0xfffe0 | 1; /* leads to the end of the mapping, and of a page */
	words[7] = 0x12345678;	/* no size */
	words[8] = 0x2010 | 1;	/* in the place of none */
	far_at = HEAP + 8 + 0x2010;
	filter();
	assert_int_equal(kept[1], 0x2011);
	assert_int_equal(kept[3], 0);
	assert_int_equal(kept[5], 0xfffe1);
	assert_int_equal(kept[7], 0);
	assert_int_equal(kept[8], 0);
}

static void the_size_before_a_chunk_stays_if_it_is_that(void **state)
{
	(void)state;
	memset(words, 0, sizeof(words));
	/* A free chunk of 0x30 bytes is told by numbers that are small anyway; 0x5030 is not. */
	words[0] = 0x5030;
	words[2] = 0x5040;
	far_at = 0;
	filter();
	assert_int_equal(kept[0], 0);
	assert_int_equal(kept[2], 0);
}

static void counts_of_a_cache_stay(void **state)
{
	(void)state;
	memset(words, 0, sizeof(words));
	words[1] = 0x290 | 1; /* glibc 2.30 to 2.41: 64 counts of 16 bits */
	memset(&words[2], 7, 128);
	words[101] = 0x290 | 1;
	memset(&words[102], 7, 128);
	memcpy((char *)&words[102] + 100, "a", 1); /* so it is another chunk of that size */
	filter();
	assert_memory_equal(&kept[2], &words[2], 128);
	assert_int_equal(kept[18], 0);
	assert_int_equal(kept[102], 0);
	assert_int_equal(kept[103], 0);
}

/* A chunk's size, and so many words of its counts before the border of two windows; 0 to 15. */
static void counts_of_a_cache_stay_where_windows_meet(void **state)
{
	size_t n = ARRAY_SIZE(words), first;

	(void)state;
	for (first = 0; first < 16; first += 2) {
		memset(words, 0, sizeof(words));
		memset(behind, 7, sizeof(behind));
		words[n - first - 1] = 0x290 | 1;
		memset(&words[n - first], 7, first * 8);
		filter();
		assert_memory_equal(&kept[n - first], &words[n - first], first * 8);
		behind[15 - first] = 0x6161; /* a word of the last counts: it is another chunk */
		filter();
		if (first)
			assert_int_equal(kept[n - 1], 0);

		memset(words, 7, sizeof(words));
		memset(before, 7, sizeof(before));
		before[NBEYOND - first - 1] = 0x290 | 1;
		filter();
		assert_memory_equal(kept, words, (16 - first) * 8);
		assert_int_equal(kept[16 - first], 0);
		words[15 - first] = 0x6161;
		filter();
		assert_int_equal(kept[0], 0);
	}
	memset(before, 0, sizeof(before));
	memset(behind, 0, sizeof(behind));
}

static void headers_of_slots_stay(void **state)
{
	(void)state;
	memset(words, 0x61, sizeof(words));
	marks[0] = HEAP + 80;
	marks[1] = HEAP + 96;
	memcpy(&words[9], "\x34\x12\0\0\0\x23\x01\0", 8); /* 0x1234 are left over; slot 3 */
	filter();
	assert_memory_equal(&kept[9], "\x34\x12\0\0\0\x23\x01\0", 8);
	assert_memory_equal(&kept[11], "\0\0\0\0\0aaa", 8);
	assert_int_equal(kept[10], 0);
	assert_int_equal(kept[13], 0);
	marks[0] = marks[1] = 0;
}

static void what_is_whole_stays_and_what_is_hidden_goes(void **state)
{
	(void)state;
	memset(words, 0x61, sizeof(words));
	words[4] = HEAP;
	ranges_add(&whole, HEAP + 3, HEAP + 13);
	ranges_add(&hidden, HEAP + 8, HEAP + 11);
	ranges_add(&hidden, HEAP + 32, HEAP + 40);
	filter();
	assert_memory_equal(kept, "\0\0\0aaaaa\0\0\0aa\0\0\0", 16);
	assert_int_equal(kept[4], 0);
	assert_int_equal(kept[5], 0);
}

static int set_up(void **state)
{
	size_t i;

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/snap", folder);
	memory = mmap(NULL, NPAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (memory == MAP_FAILED)
		return -1;
	for (i = 0; i < NPAGES; i++) {
		memory[i * PAGE] = 1;
		if (i % 2)
			memset(memory + i * PAGE, (int)i, PAGE);
		else
			memory[i * PAGE] = 0;
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	munmap(memory, NPAGES * PAGE);
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_found_by_kind_and_name),
		cmocka_unit_test(an_answer_larger_than_a_part_comes_whole),
		cmocka_unit_test(a_mapping_is_found_by_any_address_in_it),
		cmocka_unit_test(of_the_command_line_and_mounts_little_is_kept),
		cmocka_unit_test(runs_are_found_across_parts),
		cmocka_unit_test(content_is_what_was_in_memory),
		cmocka_unit_test(the_page_of_zeros_needs_no_content),
		cmocka_unit_test(each_byte_can_be_wrong_and_each_length_too_short),
		cmocka_unit_test(one_that_is_abandoned_leaves_nothing),
		cmocka_unit_test(addresses_stay_and_texts_go),
		cmocka_unit_test(mangled_addresses_stay),
		cmocka_unit_test(the_sizes_of_chunks_stay),
		cmocka_unit_test(the_size_before_a_chunk_stays_if_it_is_that),
		cmocka_unit_test(counts_of_a_cache_stay),
		cmocka_unit_test(counts_of_a_cache_stay_where_windows_meet),
		cmocka_unit_test(headers_of_slots_stay),
		cmocka_unit_test(what_is_whole_stays_and_what_is_hidden_goes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
