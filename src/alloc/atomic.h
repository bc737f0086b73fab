/* Single words that threads, signal handlers and a reader outside share. */
#ifndef PLAT_ALLOC_ATOMIC_H
#define PLAT_ALLOC_ATOMIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define load_relaxed(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define fetch_add(p, v) __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL)
#define fetch_sub(p, v) __atomic_fetch_sub(p, v, __ATOMIC_ACQ_REL)
#define fetch_or(p, v) __atomic_fetch_or(p, v, __ATOMIC_ACQ_REL)
#define fetch_and(p, v) __atomic_fetch_and(p, v, __ATOMIC_ACQ_REL)
#define exchange(p, v) __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL)
/* On failure *seen is what stands there. */
#define compare_exchange(p, seen, v)                                                               \
	__atomic_compare_exchange_n(p, seen, v, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

/*
 * Words that race on purpose, where an atomic access would cost an instruction on the short ways:
 * what is read is proven by other means or only says when to look, and a count may be lost.
 * ThreadSanitizer is told that it is on purpose.
 */
#ifdef __SANITIZE_THREAD__
#define guess(p) load_acquire(p) /* what an address leads to is not older than the address */
#define count_down(p) (store_relaxed(p, load_relaxed(p) - 1), load_relaxed(p))
#else
#define guess(p) (*(p))
#define count_down(p) (--*(p))
#endif

/* In each byte: how many bits are set in it and in all lower ones. */
static inline uint64_t sums_of_bits(uint64_t word)
{
	word -= word >> 1 & UINT64_C(0x5555555555555555);
	word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return word * UINT64_C(0x0101010101010101);
}

/* Of all: the highest byte's. */
static inline unsigned sum_of_all(uint64_t sums)
{
	return (unsigned)(sums >> 56);
}

/* __builtin_popcountll without the instruction is a call into libgcc. */
static inline unsigned count_bits(uint64_t word)
{
	return sum_of_all(sums_of_bits(word));
}

/* The lowest n of the set bits, whose sums these are; there are more than n. */
static inline uint64_t lowest_bits(uint64_t word, uint64_t sums, unsigned n)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	/* The highest bit of each byte up to which there are more than n. */
	uint64_t beyond = ~((ones * n | tops) - sums) & tops;
	unsigned shift = (unsigned)__builtin_ctzll(beyond) & ~7u;
	uint64_t rest = word >> shift << shift;

	for (n -= (unsigned)(sums << 8 >> shift) & 0xff; n > 0; n--)
		rest &= rest - 1;
	return word & ~rest;
}

/* The number of the lowest set bit; some word, if none is. Widened at no cost. */
static inline uint64_t lowest_bit(uint64_t word)
{
#ifdef __x86_64__
	uint64_t i;

	/* Without BMI it is bsf, which gives the same. */
	__asm__("rep bsf %1, %0" : "=r"(i) : "r"(word) : "cc");
	return i;
#else
	return (uint64_t)__builtin_ctzll(word);
#endif
}

/* Takes the lowest set bit out of the word, and tells its number; false: there was none. */
static inline bool take_lowest_bit(uint64_t *word, uint64_t *ret)
{
#ifdef __x86_64__
	bool was_set;

	/* Of 0 the first gives some number; then the second finds that bit not set. */
	__asm__("rep bsf %1, %0\n\tbtr %0, %1" : "=&r"(*ret), "+r"(*word), "=@ccc"(was_set));
	return was_set;
#else
	*ret = *word ? (uint64_t)__builtin_ctzll(*word) : 0;
	if (*word == 0)
		return false;
	*word &= *word - 1;
	return true;
#endif
}

/* For a word of this thread alone and its signal handlers: sets bits of it. */
static inline void set_bits(uintptr_t *word, uintptr_t bits)
{
#if defined(__x86_64__) && defined(__LP64__)
	/* All of the word: a load right behind it would wait for a part to arrive. */
	__asm__ volatile("orq %1, %0" : "+m"(*word) : "er"(bits) : "cc");
#else
	store_relaxed(word, load_relaxed(word) | bits);
#endif
}

/*
 * A stack that anybody may push to and pop from. Its head is an address with a count in the 16
 * bits that no address uses, so that a head that has come back is not taken for one that never
 * left. What is pushed keeps, at the place that the caller names, the address of the next.
 */
struct stack {
	uint64_t head;
};

#define STACK_ADDRESS ((UINT64_C(1) << 48) - 1)

static inline void stack_push(struct stack *stack, void *item, size_t next_at)
{
	uint64_t *next = (uint64_t *)((char *)item + next_at);
	uint64_t seen = load_acquire(&stack->head), head;

	do {
		store_relaxed(next, seen & STACK_ADDRESS);
		head = (uint64_t)(uintptr_t)item | ((seen & ~STACK_ADDRESS) + (STACK_ADDRESS + 1));
	} while (!compare_exchange(&stack->head, &seen, head));
}

/* The memory of items is never unmapped, so reading the next of one that has gone is harmless. */
static inline void *stack_pop(struct stack *stack, size_t next_at)
{
	uint64_t seen = load_acquire(&stack->head), head;

	do {
		const char *item = (const char *)(uintptr_t)(seen & STACK_ADDRESS);

		if (!item)
			return NULL;
		head = load_relaxed((const uint64_t *)(item + next_at)) |
		       ((seen & ~STACK_ADDRESS) + (STACK_ADDRESS + 1));
	} while (!compare_exchange(&stack->head, &seen, head));
	return (void *)(uintptr_t)(seen & STACK_ADDRESS);
}

#endif
