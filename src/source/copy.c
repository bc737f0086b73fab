/*
 * Two lists of pieces, by address:
 *
 *     before   what was there when copying began: each has its bytes in one buffer
 *     held     what is there in the stop: pieces of `before`, their bytes renewed where they were
 *              written to, and what is new, in a second buffer
 *
 * The first buffer has been written to when the stop comes, so that nothing has to be made for it
 * then.
 */
#include "source/copy.h"

#include "base/list.h"
#include "source/clock.h"
#include "source/private_pages.h"
#include "space/space.h"
#include "source/track.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define VECTORS 512		     /* of one read */
#define SAMPLE (UINT64_C(8) << 20)   /* bytes by which the speed is measured */
#define GATHERED ((uint64_t)1 << 30) /* bytes of one read, at most */

struct piece {
	plat_addr start, end;
	unsigned char *bytes; /* NULL: it could not be read */
	bool is_changed;
};

struct pieces {
	struct piece *list;
	size_t n, room;
};

struct buffer {
	unsigned char *bytes;
	uint64_t size;
};

struct copy {
	struct reader reader; /* its first member */
	struct reader *live;
	const struct procdir *dir;
	struct private_pages pages;
	struct track track;
	struct pieces before, held;
	struct buffer first, second;
	struct copy_told told;
};

/* --- what is there --- */

static int add_piece(struct pieces *pieces, const struct piece *piece)
{
	int r = list_reserve(&pieces->list, &pieces->room, pieces->n, 1);

	if (r == 0)
		pieces->list[pieces->n++] = *piece;
	return r;
}

static int take_run(void *context, const struct private_run *run)
{
	return add_piece(context, &(struct piece){.start = run->start,
						  .end = run->end,
						  .is_changed = run->is_written});
}

static int list_pages(struct copy *copy, struct pieces *ret)
{
	ret->n = 0;
	return private_pages_each(&copy->pages, copy->track.how, take_run, ret);
}

static uint64_t sum_of(const struct pieces *pieces)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < pieces->n; i++)
		sum += pieces->list[i].end - pieces->list[i].start;
	return sum;
}

static const struct piece *find_piece(const struct pieces *pieces, plat_addr at)
{
	size_t low = 0, high = pieces->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pieces->list[middle].end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < pieces->n ? &pieces->list[low] : NULL; /* it, or the next one */
}

/* --- buffers --- */

/* Half of what the machine can give is left to all others. */
static int check_room(const struct copy *copy, uint64_t size, struct error *err)
{
	char value[64];
	uint64_t room;

	procdir_root_line(copy->dir, "meminfo", "\nMemAvailable:", value, sizeof(value));
	room = strtoull(value, NULL, 10) * 1024 / 2;
	if (*value && size > room)
		return fail(err, -ENOMEM,
			    "%d: a copy of its memory would take more than half of what there is",
			    copy->dir->pid);
	return 0;
}

static int get_buffer(uint64_t size, struct buffer *ret)
{
	void *p;

	if (size == 0)
		return 0;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	*ret = (struct buffer){p, size};
	return 0;
}

/* --- copying --- */

/* Reads that wait to be done together. */
struct gather {
	const struct copy *copy;
	struct iovec ours[VECTORS], theirs[VECTORS];
	struct piece *pieces[VECTORS];
	size_t n;
	uint64_t bytes;
};

/* One that cannot be read ends a read: it is passed over. */
static void read_gathered(struct gather *gather)
{
	size_t done = 0;

	while (done < gather->n) {
		ssize_t n = process_vm_readv(gather->copy->dir->pid, gather->ours + done,
					     gather->n - done, gather->theirs + done,
					     gather->n - done, 0);
		size_t left = n < 0 ? 0 : (size_t)n;

		while (done < gather->n && left >= gather->ours[done].iov_len)
			left -= gather->ours[done++].iov_len;
		if (done < gather->n)
			gather->pieces[done++]->bytes = NULL;
	}
	gather->n = 0;
	gather->bytes = 0;
}

static void gather_piece(struct gather *gather, struct piece *piece)
{
	size_t size = (size_t)(piece->end - piece->start);

	if (gather->n == VECTORS || gather->bytes + size > GATHERED)
		read_gathered(gather);
	gather->ours[gather->n] = (struct iovec){piece->bytes, size};
	gather->theirs[gather->n] = (struct iovec){(void *)(uintptr_t)piece->start, size};
	gather->pieces[gather->n++] = piece;
	gather->bytes += size;
}

/* Those that have changed. */
static uint64_t read_pieces(const struct copy *copy, struct pieces *pieces, struct gather *gather)
{
	uint64_t bytes = 0;
	size_t i;

	*gather = (struct gather){.copy = copy};
	for (i = 0; i < pieces->n; i++) {
		struct piece *piece = &pieces->list[i];

		if (!piece->is_changed || !piece->bytes)
			continue;
		gather_piece(gather, piece);
		bytes += piece->end - piece->start;
	}
	read_gathered(gather);
	return bytes;
}

static int copy_all(struct copy *copy, struct gather *gather, struct error *err)
{
	uint64_t size, at = 0;
	size_t i;
	int r = list_pages(copy, &copy->before);

	if (r < 0)
		return fail(err, -r, "%d: its pages cannot be listed", copy->dir->pid);
	size = sum_of(&copy->before);
	r = check_room(copy, size, err);
	if (r < 0)
		return r;
	r = get_buffer(size, &copy->first);
	if (r < 0)
		return fail(err, -r, "%d: its memory cannot be copied", copy->dir->pid);
	for (i = 0; i < copy->before.n; i++) {
		struct piece *piece = &copy->before.list[i];

		piece->bytes = copy->first.bytes + at;
		piece->is_changed = true;
		at += piece->end - piece->start;
	}
	read_pieces(copy, &copy->before, gather);
	copy->told.bytes = size;
	return 0;
}

/* --- the stop --- */

/* A run of pages of the stop, cut where the pieces that were before begin and end. */
static int split_run(const struct copy *copy, const struct piece *run, struct pieces *to)
{
	plat_addr at = run->start;
	int r = 0;

	while (r == 0 && at < run->end) {
		const struct piece *old = find_piece(&copy->before, at);
		struct piece piece = {.start = at, .end = run->end, .is_changed = true};

		if (old && old->start <= at && old->bytes) {
			piece.end = min_u64(run->end, old->end);
			piece.bytes = old->bytes + (at - old->start);
			piece.is_changed = run->is_changed;
		} else if (old) {
			piece.end = min_u64(run->end, old->start <= at ? old->end : old->start);
		}
		r = add_piece(to, &piece);
		at = piece.end;
	}
	return r;
}

static uint64_t new_bytes(const struct pieces *pieces)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < pieces->n; i++)
		if (!pieces->list[i].bytes)
			sum += pieces->list[i].end - pieces->list[i].start;
	return sum;
}

static int place_new(struct copy *copy)
{
	uint64_t at = 0;
	size_t i;
	int r = get_buffer(new_bytes(&copy->held), &copy->second);

	for (i = 0; r == 0 && i < copy->held.n; i++) {
		struct piece *piece = &copy->held.list[i];

		if (piece->bytes)
			continue;
		piece->bytes = copy->second.bytes + at;
		at += piece->end - piece->start;
	}
	return r;
}

static int hold_runs(struct copy *copy)
{
	struct pieces runs = {.n = 0};
	size_t i;
	int r = private_pages_load(&copy->pages);

	if (r == 0)
		r = list_pages(copy, &runs);

	copy->held.n = 0;
	for (i = 0; r == 0 && i < runs.n; i++)
		r = split_run(copy, &runs.list[i], &copy->held);
	free(runs.list);
	return r < 0 ? r : place_new(copy);
}

int copy_finish(struct copy *copy, struct error *err)
{
	struct gather *gather = malloc(sizeof(*gather));
	int r = gather ? hold_runs(copy) : -ENOMEM;

	if (r == 0) {
		copy->told.changed = read_pieces(copy, &copy->held, gather);
		copy->told.bytes += copy->second.size;
	}
	free(gather);
	return r < 0 ? fail(err, -r, "%d: its memory cannot be copied", copy->dir->pid) : 0;
}

/* --- reading --- */

/* Up to the next piece that is held. */
static int read_not_held(const struct copy *copy, plat_addr from, void *to, size_t size)
{
	const struct private_area *area = private_pages_area(&copy->pages, from);

	if (!area || area->is_file || area->is_left_out || area->end - from < size)
		return reader_read(copy->live, from, to, size);
	memset(to, 0, size);
	return 0;
}

static int read_copy(struct reader *reader, plat_addr from, void *to, size_t size)
{
	struct copy *copy = (struct copy *)reader; /* its first member */
	char *out = to;
	int r = 0;

	if (from > INT64_MAX || size > INT64_MAX - from)
		return -EFAULT;
	while (r == 0 && size > 0) {
		const struct piece *piece = find_piece(&copy->held, from);
		size_t part = size;

		if (piece && piece->start <= from) {
			part = (size_t)min_u64(size, piece->end - from);
			if (piece->bytes)
				memcpy(out, piece->bytes + (from - piece->start), part);
			else
				r = -EIO;
		} else {
			if (piece)
				part = (size_t)min_u64(size, piece->start - from);
			r = read_not_held(copy, from, out, part);
		}
		from += part;
		out += part;
		size -= part;
	}
	return r;
}

struct reader *copy_reader(struct copy *copy, struct reader *live)
{
	copy->reader.read = read_copy;
	copy->live = live;
	return &copy->reader;
}

/* --- the copy --- */

static int prepare(struct copy *copy, bool inject, struct error *err)
{
	struct gather *gather;
	int r = private_pages_open(copy->dir, &copy->pages);

	if (r < 0)
		return fail(err, -r, "%d: its pages cannot be listed", copy->dir->pid);
	r = private_pages_load(&copy->pages);
	if (r < 0)
		return fail(err, -r, "%d: its map cannot be read", copy->dir->pid);
	r = track_begin(copy->dir, inject, &copy->track, err);
	if (r < 0)
		return r;
	gather = malloc(sizeof(*gather));
	r = gather ? copy_all(copy, gather, err)
		   : fail(err, ENOMEM, "%d: its memory cannot be copied", copy->dir->pid);
	free(gather);
	return r;
}

int copy_new(const struct procdir *dir, bool inject, struct copy **ret, struct error *err)
{
	struct copy *copy = calloc(1, sizeof(*copy));
	int r;

	if (!copy)
		return fail(err, ENOMEM, "%d: its memory cannot be copied", dir->pid);
	copy->dir = dir;
	copy->track = TRACK_NONE;
	r = prepare(copy, inject, err);
	if (r < 0)
		copy_free(copy);
	else
		*ret = copy;
	return r;
}

static void free_buffer(struct buffer *buffer)
{
	if (buffer->bytes)
		munmap(buffer->bytes, buffer->size);
	*buffer = (struct buffer){NULL, 0};
}

void copy_free(struct copy *copy)
{
	if (!copy)
		return;
	track_end(&copy->track);
	private_pages_close(&copy->pages);
	free_buffer(&copy->first);
	free_buffer(&copy->second);
	free(copy->before.list);
	free(copy->held.list);
	free(copy);
}

struct copy_told copy_told(const struct copy *copy)
{
	return copy->told;
}

/* --- how long --- */

/* The time for the first pieces, twice read: the first time makes our own pages. */
static uint64_t time_sample(const struct copy *copy, struct pieces *pieces, struct gather *gather)
{
	struct buffer buffer = {NULL, 0};
	uint64_t sum = sum_of(pieces), size = min_u64(sum, SAMPLE), at = 0, begin;
	size_t i;

	if (size == 0 || get_buffer(size, &buffer) < 0)
		return size == 0 ? 0 : UNKNOWN;
	for (i = 0; i < pieces->n && at < size; i++) {
		struct piece *piece = &pieces->list[i];

		piece->end = piece->start + min_u64(piece->end - piece->start, size - at);
		piece->bytes = buffer.bytes + at;
		piece->is_changed = true;
		at += piece->end - piece->start;
	}
	pieces->n = i;
	read_pieces(copy, pieces, gather);
	begin = clock_now();
	read_pieces(copy, pieces, gather);
	begin = clock_now() - begin;
	free_buffer(&buffer);
	return (uint64_t)((double)begin * ((double)sum / (double)size));
}

uint64_t copy_estimate(const struct procdir *dir)
{
	struct copy copy = {.dir = dir, .track = TRACK_NONE};
	struct gather *gather = malloc(sizeof(*gather));
	struct pieces pieces = {.n = 0};
	uint64_t time = UNKNOWN;

	if (private_pages_open(dir, &copy.pages) == 0 && gather &&
	    private_pages_load(&copy.pages) == 0 && list_pages(&copy, &pieces) == 0)
		time = time_sample(&copy, &pieces, gather);
	private_pages_close(&copy.pages);
	free(pieces.list);
	free(gather);
	return time;
}
