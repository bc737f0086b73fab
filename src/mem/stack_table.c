/*
 * Slots in chunks that are never given back: as many as there were stacks at one time. A slot's
 * word counts how often it was changed, and says what it is; who reads a slot looks at the word
 * before and after.
 */
#include "mem/stack_table.h"

#include <errno.h>
#include <sys/mman.h>

enum { FREE, CHANGING, LIVE, CLAIMED, STATES }; /* the rest of a word modulo STATES */

struct plat__stack_slot {
	uintptr_t word;
	struct plat__known_stack stack;
};

#define FIRST_SLOTS 32
#define CHUNK_SLOTS 409 /* with the pointer, what fits into 16 KiB where words have 8 bytes */

struct chunk {
	struct chunk *next;
	size_t nslots;
	struct plat__stack_slot *slots;
};

struct large_chunk {
	struct chunk chunk;
	struct plat__stack_slot slots[CHUNK_SLOTS];
};

static struct plat__stack_slot first_slots[FIRST_SLOTS];
static struct chunk first = {NULL, FIRST_SLOTS, first_slots};

static uintptr_t load(const uintptr_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store(uintptr_t *word, uintptr_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static bool change(uintptr_t *word, uintptr_t from, uintptr_t to)
{
	return __atomic_compare_exchange_n(word, &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static bool is_there(uintptr_t word)
{
	return word % STATES == LIVE || word % STATES == CLAIMED;
}

static struct chunk *next_chunk(struct chunk *chunk)
{
	return __atomic_load_n(&chunk->next, __ATOMIC_ACQUIRE);
}

/* A copy that is whole; false: there is none. */
static bool read_slot(const struct plat__stack_slot *slot, struct plat__known_stack *ret)
{
	uintptr_t before = load(&slot->word);

	if (!is_there(before))
		return false;
	ret->start = __atomic_load_n(&slot->stack.start, __ATOMIC_RELAXED);
	ret->base = __atomic_load_n(&slot->stack.base, __ATOMIC_RELAXED);
	ret->end = __atomic_load_n(&slot->stack.end, __ATOMIC_RELAXED);
	ret->mapping_end = __atomic_load_n(&slot->stack.mapping_end, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	/* One that was claimed meanwhile is still the same. */
	return load(&slot->word) / STATES == before / STATES;
}

static void write_slot(struct plat__stack_slot *slot, const struct plat__known_stack *stack)
{
	__atomic_store_n(&slot->stack.start, stack->start, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->stack.base, stack->base, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->stack.end, stack->end, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->stack.mapping_end, stack->mapping_end, __ATOMIC_RELAXED);
}

static bool add_to(struct plat__stack_slot *slot, const struct plat__known_stack *stack)
{
	uintptr_t word = load(&slot->word);

	if (word % STATES != FREE || !change(&slot->word, word, word + STATES + CHANGING - FREE))
		return false;
	write_slot(slot, stack);
	store(&slot->word, word + STATES + LIVE - FREE);
	return true;
}

/* Another thread may add one at the same time: then both are in the list. */
static int add_chunk(void)
{
	struct large_chunk *large = mmap(NULL, sizeof(*large), PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct chunk *next;

	if (large == MAP_FAILED)
		return -errno;
	large->chunk.slots = large->slots;
	large->chunk.nslots = CHUNK_SLOTS;
	do {
		next = next_chunk(&first);
		large->chunk.next = next;
	} while (!__atomic_compare_exchange_n(&first.next, &next, &large->chunk, false,
					      __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	return 0;
}

int plat__stack_table_add(const struct plat__known_stack *stack)
{
	struct chunk *chunk;
	int r = 0;
	size_t i;

	while (r == 0) {
		for (chunk = &first; chunk; chunk = next_chunk(chunk))
			for (i = 0; i < chunk->nslots; i++)
				if (add_to(&chunk->slots[i], stack))
					return 0;
		r = add_chunk();
	}
	return r;
}

bool plat__stack_table_find(uintptr_t address, struct plat__known_stack *ret)
{
	struct plat__known_stack stack;
	struct chunk *chunk;
	size_t i;

	for (chunk = &first; chunk; chunk = next_chunk(chunk)) {
		for (i = 0; i < chunk->nslots; i++) {
			if (!read_slot(&chunk->slots[i], &stack) || address < stack.start ||
			    address >= stack.mapping_end)
				continue;
			*ret = stack;
			return true;
		}
	}
	return false;
}

struct plat__stack_slot *plat__stack_table_claim(uintptr_t base, struct plat__known_stack *ret)
{
	struct plat__known_stack stack;
	struct chunk *chunk;
	size_t i;

	for (chunk = &first; chunk; chunk = next_chunk(chunk)) {
		for (i = 0; i < chunk->nslots; i++) {
			struct plat__stack_slot *slot = &chunk->slots[i];
			uintptr_t word = load(&slot->word);

			if (word % STATES != LIVE || !read_slot(slot, &stack) ||
			    stack.base != base || !change(&slot->word, word, word + CLAIMED - LIVE))
				continue;
			*ret = stack;
			return slot;
		}
	}
	return NULL;
}

void plat__stack_table_unclaim(struct plat__stack_slot *slot)
{
	store(&slot->word, slot->word + LIVE - CLAIMED);
}

void plat__stack_table_drop(struct plat__stack_slot *slot)
{
	store(&slot->word, slot->word + STATES + FREE - CLAIMED);
}
