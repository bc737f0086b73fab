#include "source/snapshot_pack.h"

#include "base/compiler.h"
#include "base/pagemap.h"
#include "source/snapshot_filter.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define WORKERS 2
#define FRAMES_UNDERWAY 8
#define FRAME_LEVEL (1) /* of zstd: what costs little */
#define PAGES_MOST 64

enum frame_state { FRAME_EMPTY, FRAME_WAITING, FRAME_AT_WORK, FRAME_READY };

/* Pages that follow each other. */
struct piece {
	plat_addr start;
	unsigned npages;
};

struct frame {
	enum frame_state state;
	struct piece pieces[PAGES_MOST];
	unsigned npieces, npages;
	struct snapshot_frame row;
	unsigned char *raw, *kept, *packed;
	size_t packed_bytes;
	int error;
};

struct snapshot_packer {
	struct snapshot_writer *writer;
	const struct snapshot_filter *filter;
	struct reader *memory;
	int pagemap;
	uint64_t page_size;
	unsigned frame_pages;
	struct snapshot_packed sums;
	struct snapshot_extent extent; /* not yet written */
	int error;

	pthread_t workers[WORKERS];
	unsigned nworkers;
	pthread_mutex_t lock;
	pthread_cond_t is_waiting, is_ready;
	bool is_over;
	struct frame frames[FRAMES_UNDERWAY];
	uint64_t filling, writing; /* numbers of frames: that gets pages, that is written next */
	uint64_t taking;	   /* that a worker takes next */
};

/*
 * One frame, in a worker.
 */

static bool read_far(void *context, plat_addr at, unsigned word, uint64_t *ret)
{
	const struct snapshot_packer *packer = context;
	uint64_t entry;

	/* To read a page that is not there would bring it. */
	if (pread(packer->pagemap, &entry, sizeof(entry),
		  (off_t)(at / packer->page_size * sizeof(entry))) != sizeof(entry) ||
	    !(entry & PAGEMAP_PRESENT))
		return false;
	*ret = 0;
	return reader_read(packer->memory, at, ret, word) == 0;
}

/* Reads pages; what cannot be read has its bit in `unread`. */
static void read_piece(const struct snapshot_packer *packer, struct frame *frame, unsigned first,
		       const struct piece *piece)
{
	size_t page = packer->page_size;
	unsigned char *to = frame->raw + first * page;
	unsigned i;

	if (reader_read(packer->memory, piece->start, to, piece->npages * page) == 0)
		return;
	for (i = 0; i < piece->npages; i++, to += page) {
		if (reader_read(packer->memory, piece->start + i * page, to, page) == 0)
			continue;
		memset(to, 0, page);
		frame->row.unread |= UINT64_C(1) << (first + i);
	}
}

static bool is_zero(const unsigned char *bytes, size_t size)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static void filter_piece(const struct snapshot_packer *packer, struct frame *frame, unsigned first,
			 const struct piece *piece)
{
	size_t page = packer->page_size;
	const struct filter_window window = {
		.start = piece->start,
		.bytes = frame->raw + first * page,
		.size = piece->npages * page,
		.far = read_far,
		.context = (void *)packer,
	};

	snapshot_filter_apply(packer->filter, &window, frame->kept + first * page);
}

/* Moves pages that hold something together. How many bytes they are. */
static size_t gather(const struct snapshot_packer *packer, struct frame *frame)
{
	size_t page = packer->page_size, used = 0;
	unsigned char *bytes = packer->filter ? frame->kept : frame->raw;
	unsigned i;

	for (i = 0; i < frame->npages; i++) {
		unsigned char *at = bytes + i * page;

		if ((frame->row.unread >> i & 1) || is_zero(at, page))
			continue;
		frame->row.stored |= UINT64_C(1) << i;
		if (at != bytes + used)
			memmove(bytes + used, at, page);
		used += page;
	}
	return used;
}

static void work_on(const struct snapshot_packer *packer, struct frame *frame, ZSTD_CCtx *context)
{
	unsigned i, first = 0;
	size_t size, n = 0;

	frame->row = (struct snapshot_frame){0};
	frame->error = 0;
	for (i = 0; i < frame->npieces; first += frame->pieces[i++].npages) {
		read_piece(packer, frame, first, &frame->pieces[i]);
		if (packer->filter)
			filter_piece(packer, frame, first, &frame->pieces[i]);
	}
	size = gather(packer, frame);
	if (size)
		n = ZSTD_compress2(context, frame->packed, ZSTD_COMPRESSBOUND(FRAME_BYTES),
				   packer->filter ? frame->kept : frame->raw, size);
	if (ZSTD_isError(n))
		frame->error = -EIO;
	frame->packed_bytes = n;
}

static struct frame *take_frame(struct snapshot_packer *packer)
{
	struct frame *frame = NULL;

	pthread_mutex_lock(&packer->lock);
	for (;;) {
		frame = &packer->frames[packer->taking % FRAMES_UNDERWAY];
		if (frame->state == FRAME_WAITING)
			break;
		frame = NULL;
		if (packer->is_over)
			break;
		pthread_cond_wait(&packer->is_waiting, &packer->lock);
	}
	if (frame) {
		frame->state = FRAME_AT_WORK;
		packer->taking++;
	}
	pthread_mutex_unlock(&packer->lock);
	return frame;
}

static void *work(void *argument)
{
	struct snapshot_packer *packer = argument;
	ZSTD_CCtx *context = ZSTD_createCCtx();
	struct frame *frame;

	if (context) {
		ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, FRAME_LEVEL);
		ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	}
	while ((frame = take_frame(packer)) != NULL) {
		if (context)
			work_on(packer, frame, context);
		else
			frame->error = -ENOMEM;
		pthread_mutex_lock(&packer->lock);
		frame->state = FRAME_READY;
		pthread_cond_signal(&packer->is_ready);
		pthread_mutex_unlock(&packer->lock);
	}
	ZSTD_freeCCtx(context);
	return NULL;
}

/*
 * Who adds pages.
 */

/* Waits for the oldest frame under way, and writes it. */
static void write_oldest(struct snapshot_packer *packer)
{
	struct frame *frame = &packer->frames[packer->writing % FRAMES_UNDERWAY];
	unsigned stored, unread;

	pthread_mutex_lock(&packer->lock);
	while (frame->state != FRAME_READY)
		pthread_cond_wait(&packer->is_ready, &packer->lock);
	pthread_mutex_unlock(&packer->lock);
	if (packer->error == 0)
		packer->error = frame->error;
	stored = (unsigned)__builtin_popcountll(frame->row.stored);
	unread = (unsigned)__builtin_popcountll(frame->row.unread);
	packer->sums.pages += frame->npages - unread;
	packer->sums.zero_pages += frame->npages - unread - stored;
	packer->sums.unread += unread;
	snapshot_put_frame(packer->writer, frame->packed, frame->packed_bytes, frame->row);
	frame->state = FRAME_EMPTY;
	frame->npieces = frame->npages = 0;
	packer->writing++;
}

static void hand_over(struct snapshot_packer *packer)
{
	struct frame *frame = &packer->frames[packer->filling % FRAMES_UNDERWAY];

	pthread_mutex_lock(&packer->lock);
	frame->state = FRAME_WAITING;
	pthread_cond_signal(&packer->is_waiting);
	pthread_mutex_unlock(&packer->lock);
	packer->filling++;
	if (packer->filling - packer->writing == FRAMES_UNDERWAY)
		write_oldest(packer);
}

static void put_extent(struct snapshot_packer *packer)
{
	if (packer->extent.npages)
		snapshot_put_row(packer->writer, TABLE_EXTENTS, packer->extent.start,
				 &packer->extent, sizeof(packer->extent));
	packer->extent.first += packer->extent.npages;
	packer->extent.npages = 0;
}

void snapshot_pack_pages(struct snapshot_packer *packer, plat_addr start, uint64_t npages)
{
	if (packer->extent.npages == 0 ||
	    start != packer->extent.start + packer->extent.npages * packer->page_size) {
		put_extent(packer);
		packer->extent.start = start;
	}
	packer->extent.npages += npages;
	while (npages) {
		struct frame *frame = &packer->frames[packer->filling % FRAMES_UNDERWAY];
		unsigned n = (unsigned)min_u64(npages, packer->frame_pages - frame->npages);

		frame->pieces[frame->npieces++] = (struct piece){start, n};
		frame->npages += n;
		start += n * packer->page_size;
		npages -= n;
		if (frame->npages == packer->frame_pages)
			hand_over(packer);
	}
}

static void free_packer(struct snapshot_packer *packer)
{
	unsigned i;

	for (i = 0; i < FRAMES_UNDERWAY; i++) {
		free(packer->frames[i].raw);
		free(packer->frames[i].kept);
		free(packer->frames[i].packed);
	}
	pthread_cond_destroy(&packer->is_ready);
	pthread_cond_destroy(&packer->is_waiting);
	pthread_mutex_destroy(&packer->lock);
	free(packer);
}

static void end_workers(struct snapshot_packer *packer)
{
	unsigned i;

	pthread_mutex_lock(&packer->lock);
	packer->is_over = true;
	pthread_cond_broadcast(&packer->is_waiting);
	pthread_mutex_unlock(&packer->lock);
	for (i = 0; i < packer->nworkers; i++)
		pthread_join(packer->workers[i], NULL);
}

int snapshot_packer_finish(struct snapshot_packer *packer, struct snapshot_packed *ret)
{
	int r;

	if (packer->frames[packer->filling % FRAMES_UNDERWAY].npages)
		hand_over(packer);
	while (packer->writing < packer->filling)
		write_oldest(packer);
	put_extent(packer);
	end_workers(packer);
	*ret = packer->sums;
	r = packer->error;
	free_packer(packer);
	return r;
}

/* Signals are for the thread that was there before. */
static int start_workers(struct snapshot_packer *packer)
{
	sigset_t all, before;
	int r = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (; r == 0 && packer->nworkers < WORKERS; packer->nworkers += r == 0)
		r = pthread_create(&packer->workers[packer->nworkers], NULL, work, packer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return packer->nworkers ? 0 : -r; /* one is enough */
}

static int make_room(struct snapshot_packer *packer)
{
	unsigned i;

	for (i = 0; i < FRAMES_UNDERWAY; i++) {
		struct frame *frame = &packer->frames[i];

		frame->raw = malloc(FRAME_BYTES);
		frame->kept = packer->filter ? malloc(FRAME_BYTES) : NULL;
		frame->packed = malloc(ZSTD_COMPRESSBOUND(FRAME_BYTES));
		if (!frame->raw || !frame->packed || (packer->filter && !frame->kept))
			return -ENOMEM;
	}
	return 0;
}

int snapshot_packer_new(struct snapshot_writer *writer, struct reader *memory, int pagemap,
			uint64_t page_size, const struct snapshot_filter *filter,
			struct snapshot_packer **ret)
{
	struct snapshot_packer *packer = calloc(1, sizeof(*packer));
	int r;

	if (!packer)
		return -ENOMEM;
	packer->writer = writer;
	packer->memory = memory;
	packer->pagemap = pagemap;
	packer->page_size = page_size;
	packer->frame_pages = (unsigned)(FRAME_BYTES / page_size);
	packer->filter = filter;
	pthread_mutex_init(&packer->lock, NULL);
	pthread_cond_init(&packer->is_waiting, NULL);
	pthread_cond_init(&packer->is_ready, NULL);
	r = make_room(packer);
	if (r == 0)
		r = start_workers(packer);
	if (r < 0) {
		end_workers(packer);
		free_packer(packer);
		return r;
	}
	*ret = packer;
	return 0;
}
