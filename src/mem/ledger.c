/*
 * Entries stand in shelves, each twice as long as the one before it, which are made when all are
 * full. The first is part of the library: few programs need more.
 *
 * A free entry is looked for from where the last one was found, so that many maps are made in about
 * constant time each.
 */
#include "mem/ledger.h"
#include "base/compiler.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#define FIRST_SHELF 32u
#define NSHELVES 24 /* half a thousand million entries */

enum { FREE, OPEN, CLOSING, STATES = 4 };

static struct plat__entry first_shelf[FIRST_SHELF];
static struct plat__entry *shelves[NSHELVES] = {first_shelf};
static uint32_t next; /* where to look first; any number will do */

static uint32_t length_of(unsigned shelf)
{
	return FIRST_SHELF << shelf;
}

/* Entries are numbered through all shelves: shelf n begins with FIRST_SHELF * (2^n - 1). */
static struct plat__entry *entry_at(uint32_t number)
{
	uint32_t place = number / FIRST_SHELF + 1;
	unsigned shelf = 31 - (unsigned)__builtin_clz(place);
	struct plat__entry *entries;

	if (shelf >= NSHELVES)
		return NULL;
	entries = __atomic_load_n(&shelves[shelf], __ATOMIC_ACQUIRE);
	return entries ? &entries[number - FIRST_SHELF * ((1u << shelf) - 1)] : NULL;
}

static unsigned state_of(uint32_t life)
{
	return life % STATES;
}

static bool change(struct plat__entry *entry, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&entry->life, &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static bool take(struct plat__entry *entry)
{
	uint32_t life = __atomic_load_n(&entry->life, __ATOMIC_RELAXED);

	return state_of(life) == FREE && change(entry, life, life + OPEN);
}

/* How many there are, and in how many shelves. */
static uint32_t capacity(unsigned *nshelves)
{
	unsigned n = 1;

	while (n < NSHELVES && __atomic_load_n(&shelves[n], __ATOMIC_ACQUIRE))
		n++;
	*nshelves = n;
	return FIRST_SHELF * ((1u << n) - 1);
}

/* One more shelf. Who comes second uses the first one's. */
static int grow(unsigned shelf)
{
	size_t size = length_of(shelf) * sizeof(struct plat__entry);
	struct plat__entry *none = NULL, *entries;

	if (shelf >= NSHELVES)
		return -ENOMEM;
	entries = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (entries == MAP_FAILED)
		return -errno;
	if (!__atomic_compare_exchange_n(&shelves[shelf], &none, entries, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		munmap(entries, size);
	return 0;
}

static struct plat__entry *find_free(uint32_t count)
{
	uint32_t begin = __atomic_load_n(&next, __ATOMIC_RELAXED), i;

	for (i = 0; i < count; i++) {
		uint32_t number = (begin + i) % count;
		struct plat__entry *entry = entry_at(number);

		if (take(entry)) {
			__atomic_store_n(&next, number + 1, __ATOMIC_RELAXED);
			entry->number = number;
			return entry;
		}
	}
	return NULL;
}

static void clear(struct plat__entry *entry)
{
	entry->fd = -1;
	entry->flags = entry->protection = entry->sharing = 0;
	entry->huge = PLAT_HUGE_NONE;
	entry->is_file = entry->is_shm = entry->is_temporary = false;
	entry->unit = entry->asked = entry->mapped = entry->size = 0;
	entry->base = entry->data = NULL;
	entry->offset = 0;
}

int plat__entry_new(struct plat__entry **ret)
{
	struct plat__entry *entry;
	unsigned nshelves;
	int r;

	while (entry = find_free(capacity(&nshelves)), !entry) {
		r = grow(nshelves);
		if (r < 0)
			return r;
	}
	clear(entry);
	*ret = entry;
	return 0;
}

void plat__entry_free(struct plat__entry *entry)
{
	uint32_t life = __atomic_load_n(&entry->life, __ATOMIC_RELAXED);

	__atomic_store_n(&entry->life, life - state_of(life) + STATES, __ATOMIC_RELEASE);
}

/* --- tokens --- */

/* No entry that is open has life 0, so no token of one is 0. */
static uint64_t token_of(const struct plat__entry *entry, uint32_t life)
{
	return (uint64_t)entry->number << 32 | life;
}

static bool is_as_told(const struct plat__entry *entry, const struct plat_map *map)
{
	return entry->data == map->data && entry->size == map->size && entry->offset == map->offset;
}

struct plat__entry *plat__entry_of(const struct plat_map *map)
{
	struct plat__entry *entry = entry_at((uint32_t)(map->token >> 32));
	uint32_t life = (uint32_t)map->token;

	if (!entry || state_of(life) != OPEN ||
	    __atomic_load_n(&entry->life, __ATOMIC_ACQUIRE) != life || !is_as_told(entry, map))
		return NULL;
	return entry;
}

struct plat__entry *plat__entry_close(const struct plat_map *map)
{
	struct plat__entry *entry = plat__entry_of(map);
	uint32_t life = (uint32_t)map->token;

	return entry && change(entry, life, life - OPEN + CLOSING) ? entry : NULL;
}

void plat__entry_reopen(struct plat__entry *entry)
{
	uint32_t life = __atomic_load_n(&entry->life, __ATOMIC_RELAXED);

	__atomic_store_n(&entry->life, life - CLOSING + OPEN, __ATOMIC_RELEASE);
}

void plat__entry_tell(const struct plat__entry *entry, struct plat_map *ret)
{
	uint32_t life = __atomic_load_n(&entry->life, __ATOMIC_RELAXED);

	ret->data = entry->data;
	ret->size = entry->size;
	ret->offset = entry->offset;
	ret->token = token_of(entry, life - state_of(life) + OPEN);
}
