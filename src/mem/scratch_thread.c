/*
 * A thread's own arena, and a second one for handlers that interrupt it while it is changed. Both
 * stand at the start of their first memory, one mapping:
 *
 *     | struct own | handlers' first memory | first memory |
 */
#include "mem/own_tls.h"
#include "mem/scratch.h"

#include <errno.h>
#include <pthread.h>

#define HANDLERS_FIRST ((size_t)16 * 1024)

struct own {
	struct plat_scratch arena, handlers;
	char memory[];
};

#define OWN_SIZE (HANDLERS_FIRST + PLAT__SCRATCH_FIRST)

/* What can be asked, and has nothing. It never changes but for its level, which nobody looks at. */
static struct plat_scratch nothing;

/* What a thread has; and its arena, while that is not busy. */
static PLAT__OWN_TLS struct own *own;
PLAT__OWN_TLS struct plat_scratch *plat__scratch_own;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_error = ENOMEM;

/* Destructors that come later may take scratch: then there is a new arena, and another round. */
static void free_own(void *data)
{
	struct own *gone = data;

	own = NULL;
	plat__scratch_own = NULL;
	plat_scratch_fini(&gone->handlers);
	plat_scratch_fini(&gone->arena);
	plat__scratch_unmap(PLAT__SCRATCH_PLAIN, (char *)gone, OWN_SIZE);
}

static void make_key(void)
{
	key_error = pthread_key_create(&key, free_own);
}

static struct own *make_own(void)
{
	struct own *made = (void *)plat__scratch_map(PLAT__SCRATCH_PLAIN, OWN_SIZE, 0);
	char *border;

	if (!made)
		return NULL;
	border = (char *)made + HANDLERS_FIRST;
	if (plat_scratch_init(&made->handlers, made->memory, (size_t)(border - made->memory),
			      SIZE_MAX) == 0 &&
	    plat_scratch_init(&made->arena, border, PLAT__SCRATCH_FIRST, SIZE_MAX) == 0 &&
	    pthread_setspecific(key, made) == 0)
		return made;
	free_own(made);
	return NULL;
}

static struct plat_scratch *make_mine(void)
{
	int before = errno;
	struct own *made = NULL;

	pthread_once(&once, make_key);
	if (key_error == 0)
		made = make_own();
	errno = before;
	if (!made)
		return &nothing;
	own = made;
	plat__scratch_own = &made->arena;
	return &made->arena;
}

struct plat_scratch *plat__scratch_find_slowly(void)
{
	if (!own)
		return make_mine();
	if (!own->arena.busy)
		return &own->arena;
	return own->handlers.busy ? &nothing : &own->handlers;
}

struct plat_scratch *plat_scratch_find_mine(void)
{
	return plat_scratch_mine();
}

bool plat__scratch_hide_own(const struct plat_scratch *scratch)
{
	if (plat__scratch_own != scratch)
		return false;
	plat__scratch_own = NULL;
	return true;
}

void plat__scratch_show_own(struct plat_scratch *scratch)
{
	plat__scratch_own = scratch;
}
