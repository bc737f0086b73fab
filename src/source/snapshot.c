/*
 * As a core, the file is read by pread() and never mapped, so that who cuts it off while we look
 * causes an error and no SIGBUS. Numbers in it are compared with what is really there before
 * anything is allocated for them.
 */
#include "source/snapshot.h"

#include "base/addr.h"
#include "base/compiler.h"
#include "base/list.h"
#include "source/exact.h"
#include "source/memory.h"
#include "space/figures.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define DIRECTORY_MOST (UINT32_C(64) << 20) /* bytes: 1.6 million parts */
#define NAMES_MOST (UINT64_C(128) << 20)    /* bytes: 100,000 threads have a fourth of it */
#define NAME_MOST 8192
#define PARTS_KEPT 2 /* of each table: a reader may follow two places in turn */
#define FRAMES_KEPT 8

struct kept_part {
	const struct snapshot_part *part; /* or NULL */
	unsigned char *bytes;
};

struct table {
	const struct snapshot_part *parts;
	size_t n;
	uint64_t bytes;
	struct kept_part kept[PARTS_KEPT];
	unsigned next; /* to be replaced */
};

struct kept_frame {
	bool is_held;
	uint64_t number, used;
	uint64_t stored, unread;
	unsigned char *bytes;
};

struct answer {
	struct snapshot_name head;
	const char *name; /* in `names` */
};

struct snapshot {
	char *path;
	int fd;
	uint64_t size;
	int pid;
	uint64_t page_size;
	uint64_t pages_per_frame;
	struct snapshot_part *parts;
	struct table tables[NTABLES];
	ZSTD_DCtx *context;
	unsigned char *packed; /* FRAME_ROOM bytes */
	struct kept_frame frames[FRAMES_KEPT];
	uint64_t clock; /* counts uses of frames */
	char *names;
	struct answer *answers;
	size_t nanswers, answers_room;
};

#define FRAME_ROOM ZSTD_COMPRESSBOUND(FRAME_BYTES)

static const size_t row_bytes[NTABLES] = {
	[TABLE_RUNS] = sizeof(struct snapshot_run),
	[TABLE_EXTENTS] = sizeof(struct snapshot_extent),
	[TABLE_FRAMES] = sizeof(struct snapshot_frame),
};

/*
 * The file.
 */

static int read_file(const struct snapshot *snapshot, uint64_t offset, void *to, size_t size)
{
	if (offset > snapshot->size || size > snapshot->size - offset)
		return -EIO;
	return read_exactly(snapshot->fd, offset, to, size);
}

/* Unpacks exactly `size` bytes; `packed` of the file at `offset`, which is room for. */
static int unpack(struct snapshot *snapshot, uint64_t offset, uint32_t packed, void *to,
		  size_t size)
{
	size_t n;
	int r;

	if (packed > FRAME_ROOM)
		return -EIO;
	r = read_file(snapshot, offset, snapshot->packed, packed);
	if (r < 0)
		return r;
	n = ZSTD_decompressDCtx(snapshot->context, to, size, snapshot->packed, packed);
	return ZSTD_isError(n) || n != size ? -EIO : 0;
}

/*
 * Tables.
 */

/* The part that holds the byte at `position`, unpacked, or NULL where the file is broken. */
static const struct kept_part *hold_part(struct snapshot *snapshot, enum snapshot_table number,
					 uint64_t position)
{
	struct table *table = &snapshot->tables[number];
	const struct snapshot_part *part;
	struct kept_part *kept;
	unsigned i;

	if (position >= table->bytes)
		return NULL;
	part = &table->parts[position / TABLE_PART_BYTES];
	for (i = 0; i < PARTS_KEPT; i++)
		if (table->kept[i].part == part)
			return &table->kept[i];
	kept = &table->kept[table->next];
	table->next = (table->next + 1) % PARTS_KEPT;
	if (!kept->bytes)
		kept->bytes = malloc(TABLE_PART_BYTES);
	kept->part = NULL;
	if (!kept->bytes ||
	    unpack(snapshot, part->offset, part->packed, kept->bytes, part->bytes) < 0)
		return NULL;
	kept->part = part;
	return kept;
}

static int read_table(struct snapshot *snapshot, enum snapshot_table number, uint64_t position,
		      void *to, size_t size)
{
	char *out = to;

	while (size) {
		const struct kept_part *kept = hold_part(snapshot, number, position);
		size_t at = (size_t)(position % TABLE_PART_BYTES), n;

		if (!kept)
			return -EIO;
		n = (size_t)min_u64(size, kept->part->bytes - at);
		memcpy(out, kept->bytes + at, n);
		out += n;
		position += n;
		size -= n;
	}
	return 0;
}

static int read_row(struct snapshot *snapshot, enum snapshot_table number, uint64_t i, void *to)
{
	return read_table(snapshot, number, i * row_bytes[number], to, row_bytes[number]);
}

static uint64_t count_rows(const struct snapshot *snapshot, enum snapshot_table number)
{
	return snapshot->tables[number].bytes / row_bytes[number];
}

/*
 * The last row that begins at `addr` or below; rows begin with their address. First the part is
 * found, by its key, then the row in it. -ENOENT where there is none.
 */
static int find_row(struct snapshot *snapshot, enum snapshot_table number, plat_addr addr,
		    uint64_t *ret)
{
	const struct table *table = &snapshot->tables[number];
	size_t low = 0, high = table->n, width = row_bytes[number];
	const struct kept_part *kept;
	uint64_t start;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->parts[middle].key <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return -ENOENT;
	kept = hold_part(snapshot, number, table->parts[low - 1].position);
	if (!kept)
		return -EIO;
	*ret = table->parts[low - 1].position / width;
	for (low = 0, high = kept->part->bytes / width; low < high;) {
		size_t middle = low + (high - low) / 2;

		memcpy(&start, kept->bytes + middle * width, sizeof(start));
		if (start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	*ret += low - 1; /* the first row of the part is below, or its key lies: then it wraps */
	return low ? 0 : -EIO;
}

/* Each table's parts follow each other, all full but the last one, and hold whole rows. */
static int take_parts(struct snapshot *snapshot, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct snapshot_part *part = &snapshot->parts[i];
		struct table *table;
		bool is_last = i + 1 == n || part[1].table != part->table;

		if (part->table >= NTABLES || (i && part->table < part[-1].table))
			return -EIO;
		table = &snapshot->tables[part->table];
		if (table->n == 0)
			table->parts = part;
		if (part->position != table->bytes || part->bytes == 0 ||
		    part->bytes > TABLE_PART_BYTES ||
		    (!is_last && part->bytes < TABLE_PART_BYTES) ||
		    (row_bytes[part->table] && part->bytes % row_bytes[part->table]) ||
		    part->offset > snapshot->size || part->packed > snapshot->size - part->offset ||
		    (table->n && part->key < part[-1].key))
			return -EIO;
		table->n++;
		table->bytes += part->bytes;
	}
	return 0;
}

static int read_directory(struct snapshot *snapshot, const struct snapshot_head *head)
{
	unsigned char *packed;
	size_t n = head->directory_bytes;
	int r;

	if (n > DIRECTORY_MOST || n % sizeof(*snapshot->parts) ||
	    head->directory_at > snapshot->size ||
	    head->directory_packed > snapshot->size - head->directory_at)
		return -EIO;
	packed = malloc((size_t)head->directory_packed + 1);
	snapshot->parts = malloc(n + 1);
	if (!packed || !snapshot->parts) {
		free(packed);
		return -ENOMEM;
	}
	r = read_file(snapshot, head->directory_at, packed, head->directory_packed);
	if (r == 0 && ZSTD_decompressDCtx(snapshot->context, snapshot->parts, n, packed,
					  head->directory_packed) != n)
		r = -EIO;
	free(packed);
	return r == 0 ? take_parts(snapshot, n / sizeof(*snapshot->parts)) : r;
}

/*
 * Answers.
 */

static int compare(uint32_t kind, const char *name, const struct answer *answer)
{
	if (kind != answer->head.kind)
		return kind < answer->head.kind ? -1 : 1;
	return strcmp(name, answer->name);
}

static int take_name(struct snapshot *snapshot, const struct snapshot_name *head, const char *name)
{
	const struct answer *last =
		snapshot->nanswers ? &snapshot->answers[snapshot->nanswers - 1] : NULL;
	uint64_t text = snapshot->tables[TABLE_TEXT].bytes;
	int r;

	if (head->position > text || head->size > text - head->position || head->result > 0 ||
	    head->result < -4095 || (last && compare(head->kind, name, last) <= 0))
		return -EIO;
	r = list_reserve(&snapshot->answers, &snapshot->answers_room, snapshot->nanswers, 1);
	if (r == 0)
		snapshot->answers[snapshot->nanswers++] = (struct answer){*head, name};
	return r;
}

/* All names are unpacked, and stay. */
static int read_names(struct snapshot *snapshot)
{
	uint64_t bytes = snapshot->tables[TABLE_NAMES].bytes, at = 0;
	int r;

	if (bytes > NAMES_MOST)
		return -EFBIG;
	snapshot->names = malloc((size_t)bytes + 1);
	r = snapshot->names ? read_table(snapshot, TABLE_NAMES, 0, snapshot->names, (size_t)bytes)
			    : -ENOMEM;
	while (r == 0 && at < bytes) {
		struct snapshot_name head;
		const char *name;

		if (bytes - at < sizeof(head))
			return -EIO;
		memcpy(&head, snapshot->names + at, sizeof(head));
		name = snapshot->names + at + sizeof(head);
		at += sizeof(head);
		if (head.length == 0 || head.length > NAME_MOST || head.length >= bytes - at ||
		    memchr(name, '\0', (size_t)head.length + 1) != name + head.length)
			return -EIO;
		r = take_name(snapshot, &head, name);
		at += head.length + 1;
	}
	return r;
}

static const struct answer *find_answer(const struct snapshot *snapshot, enum answer_kind kind,
					const char *name)
{
	size_t low = 0, high = snapshot->nanswers;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(kind, name, &snapshot->answers[middle]);

		if (order == 0)
			return &snapshot->answers[middle];
		if (order > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

int snapshot_answer(struct snapshot *snapshot, enum answer_kind kind, const char *name, size_t most,
		    char **ret, size_t *size)
{
	const struct answer *answer = find_answer(snapshot, kind, name);
	char *bytes;
	int r;

	if (!answer)
		return -ENODATA;
	if (answer->head.result < 0)
		return answer->head.result;
	if (answer->head.size > most)
		return -EFBIG;
	bytes = malloc((size_t)answer->head.size + 1);
	if (!bytes)
		return -ENOMEM;
	r = read_table(snapshot, TABLE_TEXT, answer->head.position, bytes,
		       (size_t)answer->head.size);
	if (r < 0) {
		free(bytes);
		return r;
	}
	bytes[answer->head.size] = '\0';
	*ret = bytes;
	if (size)
		*size = (size_t)answer->head.size;
	return 0;
}

int snapshot_answer_pieces(struct snapshot *snapshot, enum answer_kind kind, const char *name,
			   int (*take)(void *context, const char *bytes, size_t size),
			   void *context)
{
	const struct answer *answer = find_answer(snapshot, kind, name);
	uint64_t at, left;
	int r = 0;

	if (!answer)
		return -ENODATA;
	if (answer->head.result < 0)
		return answer->head.result;
	at = answer->head.position;
	for (left = answer->head.size; r == 0 && left;) {
		const struct kept_part *kept = hold_part(snapshot, TABLE_TEXT, at);
		size_t from = (size_t)(at % TABLE_PART_BYTES), n;

		if (!kept)
			return -EIO;
		n = (size_t)min_u64(left, kept->part->bytes - from);
		r = take(context, (const char *)kept->bytes + from, n);
		at += n;
		left -= n;
	}
	return r;
}

uint64_t snapshot_number(struct snapshot *snapshot, const char *name, uint64_t otherwise)
{
	uint64_t value;
	char *text, *end;

	if (snapshot_answer(snapshot, ANSWER_FACT, name, 64, &text, NULL) < 0)
		return otherwise;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno)
		value = otherwise;
	free(text);
	return value;
}

const char *snapshot_text(struct snapshot *snapshot, const char *name, char *to, size_t size)
{
	char *text;

	to[0] = '\0';
	if (snapshot_answer(snapshot, ANSWER_FACT, name, 4096, &text, NULL) == 0) {
		snprintf(to, size, "%s", text);
		free(text);
	}
	return to;
}

/* The last mapping that was asked for and begins at `addr` or below: names are in that order. */
static const struct answer *last_mapping(const struct snapshot *snapshot, plat_addr addr)
{
	size_t low = 0, high = snapshot->nanswers;
	char name[24];

	snprintf(name, sizeof(name), "%016" PRIx64, addr);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(ANSWER_QUERY, name, &snapshot->answers[middle]) >= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || snapshot->answers[low - 1].head.kind != ANSWER_QUERY)
		return NULL;
	return &snapshot->answers[low - 1];
}

int snapshot_mapping(struct snapshot *snapshot, plat_addr addr, struct snapshot_mapping *ret,
		     char build_id[SNAPSHOT_BUILD_ID])
{
	const struct answer *answer = last_mapping(snapshot, addr);
	struct snapshot_mapping mapping;
	uint64_t size = answer ? answer->head.size : 0;

	if (size < sizeof(mapping) || size >= sizeof(mapping) + SNAPSHOT_BUILD_ID ||
	    read_table(snapshot, TABLE_TEXT, answer->head.position, &mapping, sizeof(mapping)) <
		    0 ||
	    addr < mapping.start || addr >= mapping.end)
		return -ENOTTY;
	size -= sizeof(mapping);
	if (read_table(snapshot, TABLE_TEXT, answer->head.position + sizeof(mapping), build_id,
		       (size_t)size) < 0)
		return -ENOTTY;
	build_id[size] = '\0';
	if (build_id[strspn(build_id, "0123456789abcdef")])
		return -ENOTTY;
	*ret = mapping;
	return 0;
}

/*
 * Pages.
 */

int snapshot_runs(struct snapshot *snapshot, plat_addr start, plat_addr end,
		  int (*take)(void *context, const struct page_run *run), void *context)
{
	uint64_t n = count_rows(snapshot, TABLE_RUNS), i = 0;
	plat_addr done = 0;
	int r = find_row(snapshot, TABLE_RUNS, start, &i);

	for (r = r == -ENOENT ? 0 : r; r == 0 && i < n; i++) {
		struct snapshot_run row;
		struct page_run run;

		r = read_row(snapshot, TABLE_RUNS, i, &row);
		if (r < 0 || row.start >= end)
			break;
		run.start = row.start;
		if (!is_aligned(row.start, snapshot->page_size) || row.start < done ||
		    __builtin_add_overflow(row.start, row.npages * snapshot->page_size, &run.end))
			return -EIO;
		run.state = row.state;
		done = run.end;
		if (run.end > start)
			r = take(context, &run);
	}
	return r;
}

struct state_seen {
	plat_addr page, end;
	unsigned state;
};

static int take_state(void *context, const struct page_run *run)
{
	struct state_seen *seen = context;

	if (run->start <= seen->page) {
		seen->state = run->state;
		seen->end = run->end;
	} else {
		seen->end = run->start;
	}
	return 1;
}

int snapshot_state(struct snapshot *snapshot, plat_addr page, unsigned *state, plat_addr *end)
{
	struct state_seen seen = {page, ADDR_MAX, 0};
	int r = snapshot_runs(snapshot, page, ADDR_MAX, take_state, &seen);

	if (r < 0)
		return r;
	*state = seen.state;
	*end = seen.end;
	return 0;
}

static struct kept_frame *oldest(struct snapshot *snapshot)
{
	struct kept_frame *found = &snapshot->frames[0];
	unsigned i;

	for (i = 0; i < FRAMES_KEPT && found->is_held; i++)
		if (!snapshot->frames[i].is_held || snapshot->frames[i].used < found->used)
			found = &snapshot->frames[i];
	return found;
}

static int load_frame(struct snapshot *snapshot, uint64_t number, struct kept_frame *frame)
{
	struct snapshot_frame row;
	uint64_t mask = snapshot->pages_per_frame == 64
				? UINT64_MAX
				: (UINT64_C(1) << snapshot->pages_per_frame) - 1;
	size_t size;
	int r = number < count_rows(snapshot, TABLE_FRAMES)
			? read_row(snapshot, TABLE_FRAMES, number, &row)
			: -EIO;

	if (r < 0)
		return r;
	if ((row.stored & row.unread) || ((row.stored | row.unread) & ~mask))
		return -EIO;
	if (!frame->bytes && !(frame->bytes = malloc(FRAME_BYTES)))
		return -ENOMEM;
	size = (size_t)__builtin_popcountll(row.stored) * snapshot->page_size;
	r = size ? unpack(snapshot, row.offset, row.packed, frame->bytes, size) : 0;
	if (r < 0)
		return r;
	frame->number = number;
	frame->stored = row.stored;
	frame->unread = row.unread;
	frame->is_held = true;
	return 0;
}

static int hold_frame(struct snapshot *snapshot, uint64_t number, struct kept_frame **ret)
{
	struct kept_frame *frame;
	unsigned i;
	int r;

	for (i = 0; i < FRAMES_KEPT; i++) {
		frame = &snapshot->frames[i];
		if (frame->is_held && frame->number == number) {
			frame->used = ++snapshot->clock;
			*ret = frame;
			return 0;
		}
	}
	frame = oldest(snapshot);
	frame->is_held = false;
	r = load_frame(snapshot, number, frame);
	if (r < 0)
		return r;
	frame->used = ++snapshot->clock;
	*ret = frame;
	return 0;
}

/* Part of one page: page `number` of all that are kept. */
static int copy_page(struct snapshot *snapshot, uint64_t number, size_t at, void *to, size_t size)
{
	struct kept_frame *frame;
	uint64_t bit = UINT64_C(1) << number % snapshot->pages_per_frame;
	size_t before;
	int r = hold_frame(snapshot, number / snapshot->pages_per_frame, &frame);

	if (r < 0)
		return r;
	if (frame->unread & bit)
		return -ENODATA;
	if (!(frame->stored & bit)) {
		memset(to, 0, size);
		return 0;
	}
	before = (size_t)__builtin_popcountll(frame->stored & (bit - 1));
	memcpy(to, frame->bytes + before * snapshot->page_size + at, size);
	return 0;
}

/* Shows what is kept, as far as it may be: whatever the file says, looking at it has an end. */
struct showing {
	struct snapshot *snapshot;
	int (*take)(void *context, const struct page_run *run);
	void *context;
	uint64_t next; /* page of all that are kept */
	uint64_t left; /* bytes of content that there can be */
};

#define PACKED_MOST 32768 /* bytes that zstd makes one of */

/* Pages of one frame, from `bit` on: those that are stored, or those that hold zeros. */
static int show_pages(struct showing *showing, const struct snapshot_frame *frame, plat_addr start,
		      unsigned bit, unsigned n)
{
	uint64_t page = showing->snapshot->page_size;
	uint64_t stored = frame->packed ? frame->stored : 0, unread = frame->unread;
	unsigned i, next;
	int r = 0;

	for (i = 0; r == 0 && i < n; i = next) {
		bool is_stored = stored >> (bit + i) & 1, is_unread = unread >> (bit + i) & 1;
		struct page_run run = {.start = start + i * page,
				       .state = is_stored ? PAGE_PRESENT : PAGE_ZERO};

		for (next = i + 1; next < n && (stored >> (bit + next) & 1) == is_stored &&
				   (unread >> (bit + next) & 1) == is_unread;
		     next++)
			;
		run.end = start + next * page;
		if (is_unread)
			continue;
		if (is_stored && run.end - run.start > showing->left)
			return -EIO;
		showing->left -= is_stored ? run.end - run.start : 0;
		r = showing->take(showing->context, &run);
	}
	return r;
}

static int show_extent(struct showing *showing, const struct snapshot_extent *extent)
{
	struct snapshot *snapshot = showing->snapshot;
	uint64_t per = snapshot->pages_per_frame, done = 0, part;
	int r = 0;

	for (; r == 0 && done < extent->npages; done += part) {
		uint64_t number = extent->first + done;
		struct snapshot_frame frame;

		part = min_u64(extent->npages - done, per - number % per);
		r = read_row(snapshot, TABLE_FRAMES, number / per, &frame);
		if (r == 0)
			r = show_pages(showing, &frame, extent->start + done * snapshot->page_size,
				       (unsigned)(number % per), (unsigned)part);
	}
	return r;
}

int snapshot_kept(struct snapshot *snapshot, int (*take)(void *context, const struct page_run *run),
		  void *context)
{
	struct showing showing = {snapshot, take, context, .left = UINT64_MAX};
	uint64_t n = count_rows(snapshot, TABLE_EXTENTS), i, size;
	plat_addr done = 0;
	int r = 0;

	(void)!__builtin_mul_overflow(snapshot->size, PACKED_MOST, &showing.left);
	for (i = 0; r == 0 && i < n; i++) {
		struct snapshot_extent extent;

		r = read_row(snapshot, TABLE_EXTENTS, i, &extent);
		if (r < 0)
			break;
		if (!is_aligned(extent.start, snapshot->page_size) || extent.start < done ||
		    extent.first < showing.next ||
		    __builtin_add_overflow(extent.first, extent.npages, &showing.next) ||
		    __builtin_mul_overflow(extent.npages, snapshot->page_size, &size) ||
		    __builtin_add_overflow(extent.start, size, &done))
			return -EIO;
		r = show_extent(&showing, &extent);
	}
	return r;
}

/* The page of zeros is not kept: its state says what it holds. */
static int read_not_kept(struct snapshot *snapshot, plat_addr from, char *to, size_t size)
{
	plat_addr end = from;
	unsigned state = PAGE_ZERO;
	int r = 0;

	while (r == 0 && (state & PAGE_ZERO) && size) {
		size_t part;

		r = snapshot_state(snapshot, align_down(from, snapshot->page_size), &state, &end);
		part = (size_t)min_u64(size, end - from);
		if (r == 0 && (state & PAGE_ZERO))
			memset(to, 0, part);
		from += part;
		to += part;
		size -= part;
	}
	return r < 0 ? r : state & PAGE_ZERO ? 0 : -ENODATA;
}

int snapshot_read(struct snapshot *snapshot, plat_addr from, void *to, size_t size)
{
	uint64_t page = snapshot->page_size;
	char *out = to;

	while (size) {
		struct snapshot_extent extent;
		uint64_t i, end, n;
		size_t part;
		int r = find_row(snapshot, TABLE_EXTENTS, from, &i);

		if (r == 0)
			r = read_row(snapshot, TABLE_EXTENTS, i, &extent);
		if (r == -ENOENT)
			return read_not_kept(snapshot, from, out, size);
		if (r < 0)
			return r;
		if (!is_aligned(extent.start, page) || extent.start > from ||
		    __builtin_mul_overflow(extent.npages, page, &n) ||
		    __builtin_add_overflow(extent.start, n, &end))
			return -EIO;
		if (from >= end)
			return read_not_kept(snapshot, from, out, size);
		for (; size && from < end; out += part, from += part, size -= part) {
			part = (size_t)min_u64(size, page - from % page);
			r = copy_page(snapshot, extent.first + (from - extent.start) / page,
				      (size_t)(from % page), out, part);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/*
 * Opening.
 */

bool snapshot_is(int fd)
{
	char magic[sizeof(SNAPSHOT_MAGIC) - 1];

	return pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
	       memcmp(magic, SNAPSHOT_MAGIC, sizeof(magic)) == 0;
}

static int check_head(struct snapshot *snapshot, struct snapshot_head *head, struct error *err)
{
	struct stat st;

	if (fstat(snapshot->fd, &st) < 0)
		return fail(err, errno, "%s: cannot look at it", snapshot->path);
	snapshot->size = (uint64_t)st.st_size;
	if (!S_ISREG(st.st_mode) || !snapshot_is(snapshot->fd))
		return fail(err, -ENOEXEC, "%s: is no snapshot", snapshot->path);
	if (read_file(snapshot, 0, head, sizeof(*head)) < 0)
		return fail(err, -ENOEXEC, "%s: is cut off within its head", snapshot->path);
	if (head->version != SNAPSHOT_VERSION)
		return fail(err, -ENOTSUP,
			    "%s: is a snapshot of version %" PRIu32 ", this plat reads version %d",
			    snapshot->path, head->version, SNAPSHOT_VERSION);
	if (head->file_bytes != snapshot->size)
		return fail(err, -ENOEXEC,
			    "%s: is cut off or has grown: it has %" PRIu64 " bytes of %" PRIu64,
			    snapshot->path, snapshot->size, head->file_bytes);
	return 0;
}

/* What is needed to understand the rest. */
static int read_facts(struct snapshot *snapshot)
{
	uint64_t page = snapshot_number(snapshot, "page-size", 0);
	uint64_t pid = snapshot_number(snapshot, "pid", 0);

	if (page < 4096 || page > MEMORY_PAGE_MOST || (page & (page - 1)) || pid == 0 ||
	    pid > INT32_MAX)
		return -EIO;
	snapshot->page_size = page;
	snapshot->pages_per_frame = FRAME_BYTES / page;
	snapshot->pid = (int)pid;
	return 0;
}

static int read_snapshot(struct snapshot *snapshot, struct error *err)
{
	struct snapshot_head head;
	int r = check_head(snapshot, &head, err);

	if (r < 0)
		return r;
	r = read_directory(snapshot, &head);
	if (r == 0)
		r = read_names(snapshot);
	if (r == 0)
		r = read_facts(snapshot);
	if (r == -EIO)
		return fail(err, -ENOEXEC, "%s: is a broken snapshot", snapshot->path);
	return r < 0 ? fail(err, -r, "%s", snapshot->path) : 0;
}

int snapshot_open_fd(int fd, const char *path, struct snapshot **ret, struct error *err)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	int r;

	if (!snapshot) {
		close(fd);
		return fail(err, ENOMEM, "%s", path);
	}
	snapshot->fd = fd;
	snapshot->path = strdup(path);
	snapshot->context = ZSTD_createDCtx();
	snapshot->packed = malloc(FRAME_ROOM);
	if (snapshot->path && snapshot->context && snapshot->packed)
		r = read_snapshot(snapshot, err);
	else
		r = fail(err, ENOMEM, "%s", path);
	if (r < 0) {
		snapshot_free(snapshot);
		return r;
	}
	*ret = snapshot;
	return 0;
}

void snapshot_free(struct snapshot *snapshot)
{
	unsigned i, j;

	if (!snapshot)
		return;
	for (i = 0; i < NTABLES; i++)
		for (j = 0; j < PARTS_KEPT; j++)
			free(snapshot->tables[i].kept[j].bytes);
	for (i = 0; i < FRAMES_KEPT; i++)
		free(snapshot->frames[i].bytes);
	free(snapshot->answers);
	free(snapshot->names);
	free(snapshot->parts);
	free(snapshot->packed);
	ZSTD_freeDCtx(snapshot->context);
	free(snapshot->path);
	close(snapshot->fd);
	free(snapshot);
}

int snapshot_pid(const struct snapshot *snapshot)
{
	return snapshot->pid;
}

const char *snapshot_path(const struct snapshot *snapshot)
{
	return snapshot->path;
}
