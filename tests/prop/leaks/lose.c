/*
 * Places that hold nothing, though they may look as if they did.
 */
#include "build.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define WORD sizeof(uintptr_t)
#define DEPTH 16384 /* below all that is called later, and no longer in use */

typedef void *volatile word;

static bool put_nowhere(struct standing *standing, struct structure *structure)
{
	(void)standing;
	(void)structure;
	return true;
}

/*
 * What has been freed.
 */

/* Behind what allocators write into it. */
static bool put_freed(struct structure *structure, size_t size, uint64_t *seed)
{
	void **holder = malloc(size);
	size_t first = 6, n = size / sizeof(*holder);

	if (!holder)
		return false;
	block_fill(holder, size);
	holder[first + draw_below(seed, n - first)] = structure->entry;
	note_block(holder, size, NOTE_FREED, "freed");
	free(forget(holder));
	return true;
}

static bool put_freed_small(struct standing *standing, struct structure *structure)
{
	return put_freed(structure, 8 * WORD + draw_below(&standing->seed, 400), &standing->seed);
}

static bool put_freed_medium(struct standing *standing, struct structure *structure)
{
	return put_freed(structure, 1100 + draw_below(&standing->seed, 6000), &standing->seed);
}

static bool put_freed_large(struct standing *standing, struct structure *structure)
{
	return put_freed(structure, 140000 + draw_below(&standing->seed, 600000), &standing->seed);
}

/* So many of one size that thread's caches are full, and lists, fast ones too, get the rest. */
static bool put_freed_many(struct standing *standing, struct structure *structure)
{
	size_t i, size = 8 * WORD + draw_below(&standing->seed, 2) * 300;
	void *blocks[24];

	for (i = 0; i < 24; i++) {
		blocks[i] = malloc(size);
		if (!blocks[i])
			return false;
		block_fill(blocks[i], size);
		((word *)blocks[i])[6] = structure->entry;
		note_block(blocks[i], size, NOTE_FREED, "freed");
	}
	for (i = 0; i < 24; i++)
		free(forget(blocks[i]));
	return true;
}

/* The old place still has it, the new one does not. */
static bool put_moved(struct standing *standing, struct structure *structure)
{
	size_t size = 10 * WORD;
	word *holder = malloc(size);

	if (!holder)
		return false;
	block_fill((void *)holder, size);
	holder[6] = structure->entry;
	holder = realloc(forget((void *)holder), size + 2000 + draw_below(&standing->seed, 3000));
	if (!holder)
		_exit(3);
	block_fill((void *)holder, size);
	hold_in_bss((void *)holder);
	return true;
}

/*
 * What stands in lists of what is free points to what begins before it: to the last word of the
 * block in front.
 */
static bool put_before_free(struct standing *standing, struct structure *structure)
{
	void *blocks[3];
	size_t i, size = 2000 + draw_below(&standing->seed, 300);

	(void)structure;
	for (i = 0; i < 3; i++) {
		blocks[i] = malloc(size);
		if (!blocks[i])
			return false;
		block_fill(blocks[i], size);
	}
	note_block(blocks[0], size, NOTE_LOST, "before_free");
	note_block(blocks[2], size, NOTE_LOST, "behind_free");
	note_block(blocks[1], size, NOTE_FREED, "freed");
	free(forget(blocks[1]));
	return true;
}

/*
 * What is over.
 */

static __attribute__((noinline)) void go_deep(void *p)
{
	word below[DEPTH / sizeof(word)];

	below[draw_below(&(uint64_t){(uintptr_t)p}, 64)] = p;
	__asm__ volatile("" : : "r"(below) : "memory");
}

static bool put_stale_stack(struct standing *standing, struct structure *structure)
{
	(void)standing;
	go_deep(structure->entry);
	return true;
}

static word global;
static __thread word tls;

static bool put_cleared(struct standing *standing, struct structure *structure)
{
	word *at = draw_below(&standing->seed, 2) ? &global : &tls;

	*at = structure->entry;
	__asm__ volatile("" : : : "memory");
	*at = NULL;
	return true;
}

static bool put_unmapped(struct standing *standing, struct structure *structure)
{
	word *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return false;
	*page = structure->entry;
	if (draw_below(&standing->seed, 2))
		return munmap((void *)page, PAGE) == 0;
	return madvise((void *)page, PAGE, MADV_DONTNEED) == 0;
}

/*
 * What is no pointer.
 */

static unsigned char packed[64][3 * WORD];
static uintptr_t turned[64], behind[64];
static unsigned npacked, nturned, nbehind;

static unsigned take_slot(unsigned *n)
{
	return __atomic_fetch_add(n, 1, __ATOMIC_SEQ_CST);
}

static bool put_misaligned(struct standing *standing, struct structure *structure)
{
	unsigned i = take_slot(&npacked);

	(void)standing;
	if (i >= 64 || WORD == 4)
		return false;
	memcpy(packed[i] + 1, &structure->entry, WORD);
	return true;
}

static bool put_turned(struct standing *standing, struct structure *structure)
{
	unsigned i = take_slot(&nturned);

	(void)standing;
	if (i >= 64 || WORD == 4)
		return false;
	turned[i] = ~(uintptr_t)structure->entry;
	return true;
}

/* A pointer to the end is none. Of other allocators' blocks the next begins there. */
static bool put_end(struct standing *standing, struct structure *structure)
{
	unsigned i = take_slot(&nbehind);

	(void)standing;
#ifndef __GLIBC__
	return false;
#endif
	if (i >= 64 || is_own)
		return false;
	behind[i] = (uintptr_t)structure->entry + malloc_usable_size(structure->entry);
	return true;
}

/*
 * Threads that are gone.
 */

struct goner {
	uint64_t seed;
	pthread_key_t key;
};

static __attribute__((noinline)) void lose_here(struct goner *goner)
{
	struct structure structure;

	structure_make(&structure, &goner->seed);
	structure_note(&structure, NOTE_LOST, "ended_thread");
	switch (draw_below(&goner->seed, 3)) {
	case 0:
		tls = structure.entry;
		break;
	case 1:
		pthread_setspecific(goner->key, structure.entry);
		break;
	default:
		break; /* its stack has it all */
	}
}

static void *be_gone(void *context)
{
	lose_here(context);
	return NULL;
}

void lose_with_threads(uint64_t *seed)
{
	unsigned i, n = (unsigned)(draw_below(seed, 4));
	struct goner goner = {.seed = draw(seed)};
	pthread_t thread;

	pthread_key_create(&goner.key, NULL);
	for (i = 0; i < n; i++)
		if (pthread_create(&thread, NULL, be_gone, &goner) == 0)
			pthread_join(thread, NULL);
}

const struct place lose_places[] = {
	{.name = NULL, .put = put_nowhere},
	{.name = NULL, .put = put_nowhere},
	{.name = NULL, .put = put_nowhere},
	{.name = NULL, .put = put_before_free},
	{.name = "cleared", .put = put_cleared},
	{.name = "end", .put = put_end, .single = 1},
	{.name = "freed_large", .put = put_freed_large},
	{.name = "freed_many", .put = put_freed_many},
	{.name = "freed_medium", .put = put_freed_medium},
	{.name = "freed_small", .put = put_freed_small},
	{.name = "misaligned", .put = put_misaligned},
	{.name = "moved", .put = put_moved},
	{.name = "stale_stack", .put = put_stale_stack},
	{.name = "turned", .put = put_turned},
	{.name = "unmapped", .put = put_unmapped},
};
const size_t nlose_places = sizeof(lose_places) / sizeof(lose_places[0]);
