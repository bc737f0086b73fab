/*
 * A snapshot of any form. Its pieces are packed here, since what the fuzzer makes up would hardly
 * ever unpack: the input is the bytes of each table, a frame of memory, and changes to the numbers
 * of the directory.
 *
 *     changes | maps | names | runs | extents | frames | memory
 *
 * What a space needs is always there. An input that begins as a snapshot is taken as it is.
 */
#include "fuzz.h"

#include "base/assert.h"
#include "source/content.h"
#include "source/pages.h"
#include "source/proc.h"
#include "source/query.h"
#include "source/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#define FILE_MOST (1 << 20)
#define READS_MOST 64
#define CHANGES_MOST 8

static unsigned char file[FILE_MOST];
static size_t used;

static struct snapshot_part parts[NTABLES * 8];
static size_t nparts;

/* Packs bytes to the end of the file. How many that made. */
static uint32_t pack(const void *bytes, size_t size)
{
	size_t n = ZSTD_compress(file + used, FILE_MOST - used, bytes, size, 1);

	must(!ZSTD_isError(n));
	used += n;
	return (uint32_t)n;
}

static void put_table(enum snapshot_table table, const unsigned char *bytes, size_t size)
{
	size_t at;

	for (at = 0; at < size; at += TABLE_PART_BYTES) {
		struct snapshot_part part = {.table = table, .position = at, .offset = used};

		part.bytes = (uint32_t)min_u64(size - at, TABLE_PART_BYTES);
		if (table == TABLE_RUNS || table == TABLE_EXTENTS)
			memcpy(&part.key, bytes + at, sizeof(part.key));
		part.packed = pack(bytes + at, part.bytes);
		must(nparts < sizeof(parts) / sizeof(*parts));
		parts[nparts++] = part;
	}
}

/*
 * Names, and the text that they lead to.
 */

static unsigned char names[65536], text[131072];
static size_t names_used, text_used;

static void put_name(enum answer_kind kind, const char *name, const void *bytes, size_t size)
{
	struct snapshot_name head = {
		.kind = kind,
		.position = text_used,
		.size = size,
		.length = (uint32_t)strlen(name),
	};

	must(names_used + sizeof(head) + head.length + 1 <= sizeof(names));
	must(text_used + size <= sizeof(text));
	memcpy(names + names_used, &head, sizeof(head));
	memcpy(names + names_used + sizeof(head), name, head.length + 1);
	names_used += sizeof(head) + head.length + 1;
	if (size)
		memcpy(text + text_used, bytes, size);
	text_used += size;
}

static void put_text(enum answer_kind kind, const char *name, const char *bytes)
{
	put_name(kind, name, bytes, strlen(bytes));
}

/* In the order of kinds and names: what is needed, and what the input says of some. */
static void put_names(const uint8_t *maps, size_t maps_size, const uint8_t *rest, size_t rest_size)
{
	static const char stat[] = "77 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 9 9 9 1 1 1 1 "
				   "1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 1 1 1 1 1 1 0\n";

	put_name(ANSWER_CACHE, "0:0:0", rest, rest_size);
	put_text(ANSWER_LIST, "task", "77\n78\n");
	put_name(ANSWER_FILE, "auxv", rest, rest_size);
	put_name(ANSWER_FILE, "maps", maps, maps_size);
	put_name(ANSWER_FILE, "smaps", maps, maps_size);
	put_text(ANSWER_FILE, "stat", stat);
	put_text(ANSWER_FILE, "status", "Name:\tx\nTgid:\t77\nVmSize:\t100 kB\n");
	put_text(ANSWER_FILE, "task/77/stat", stat);
	put_text(ANSWER_FILE, "task/77/syscall", "0 0x0 0x11000 0x10000\n");
	put_text(ANSWER_FACT, "page-size", rest_size && rest[0] == 1 ? "65536" : "4096");
	put_text(ANSWER_FACT, "pid", "77");
	put_text(ANSWER_FACT, "told", "127");
	put_text(ANSWER_FACT, "told-exclusive", "127");
	put_name(ANSWER_QUERY, "0000000000010000", rest, rest_size);
	put_name(ANSWER_STAT, "root/x (deleted)", rest, rest_size);
}

/*
 * The file.
 */

static void put_head(uint32_t packed)
{
	struct snapshot_head head = {
		.version = SNAPSHOT_VERSION,
		.head_bytes = sizeof(head),
		.file_bytes = used,
		.directory_at = used - packed,
		.directory_packed = packed,
		.directory_bytes = (uint32_t)(nparts * sizeof(*parts)),
	};

	memcpy(head.magic, SNAPSHOT_MAGIC, sizeof(head.magic));
	memcpy(file, &head, sizeof(head));
}

/* A piece of the input, as long as two bytes say. */
static size_t take(struct input *input, const uint8_t **ret)
{
	size_t size = (size_t)min_u64(input_number(input, 2), input->size);

	*ret = input->data;
	input->data += size;
	input->size -= size;
	return size;
}

static void change(unsigned char *bytes, size_t size, uint64_t where, uint64_t what)
{
	if (size)
		bytes[where % size] ^= (unsigned char)what;
}

static void build(struct input *input)
{
	const uint8_t *maps, *rest, *rows;
	size_t maps_size, rest_size, size, i;
	uint64_t where[CHANGES_MOST], what[CHANGES_MOST];

	used = sizeof(struct snapshot_head);
	nparts = names_used = text_used = 0;
	for (i = 0; i < CHANGES_MOST; i++) {
		where[i] = input_number(input, 2);
		what[i] = input_number(input, 1);
	}
	maps_size = take(input, &maps);
	rest_size = take(input, &rest);
	put_names(maps, min_u64(maps_size, 16384), rest, min_u64(rest_size, 4096));
	for (i = 0; i < CHANGES_MOST / 2; i++)
		change(names, names_used, where[i], what[i]);
	put_table(TABLE_NAMES, names, names_used);
	put_table(TABLE_TEXT, text, text_used);
	size = take(input, &rows);
	put_table(TABLE_RUNS, rows, size - size % sizeof(struct snapshot_run));
	size = take(input, &rows);
	put_table(TABLE_EXTENTS, rows, size - size % sizeof(struct snapshot_extent));
	size = take(input, &rows);
	put_table(TABLE_FRAMES, rows, size - size % sizeof(struct snapshot_frame));
	pack(input->data, input->size);
	for (; i < CHANGES_MOST; i++)
		change((unsigned char *)parts, nparts * sizeof(*parts), where[i], what[i]);
	put_head(pack(parts, nparts * sizeof(*parts)));
}

/*
 * Looking at it.
 */

static int take_run(void *context, const struct page_run *run)
{
	(void)context;
	must(run->start < run->end);
	return 0;
}

static void read_regions(const struct procdir *dir, struct space *space)
{
	struct query_mapping mapping;
	struct content content;
	char bytes[64];
	struct error err;
	size_t i;
	int r = content_open(&content, dir, space);

	for (i = 0; r == 0 && i < space->nregions && i < READS_MOST; i++) {
		const struct region *region = &space->regions[i];

		r = reader_read(&content.reader, region->end - 1, bytes, sizeof(bytes));
		must(r <= 0);
		r = reader_read(&content.reader, region->start, bytes, 1);
		must(r <= 0);
		r = query_mapping(dir, region->start, &mapping);
		must(r <= 0);
		r = 0;
	}
	content_close(&content);
	r = pages_walk(dir, space, 0, space->user_end, PAGES_EXCLUSIVE, take_run, NULL, &err);
	must(r <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct snapshot *snapshot;
	struct procdir dir;
	struct space space;
	struct error err;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	must(fd >= 0);
	if (size >= 8 && memcmp(data, SNAPSHOT_MAGIC, 8) == 0) {
		must(write(fd, data, size) == (ssize_t)size);
	} else {
		build(&input);
		must(write(fd, file, used) == (ssize_t)used);
	}
	if (snapshot_open_fd(fd, "fuzz.snap", &snapshot, &err) < 0)
		return 0;
	dir = procdir_of_snapshot(snapshot);
	if (proc_load(&dir, PROC_PAGES | PROC_STRIPS | PROC_DETAILS, &space, &err) == 0) {
		check_space(&space);
		read_regions(&dir, &space);
		space_fini(&space);
	}
	procdir_close(&dir);
	return 0;
}
