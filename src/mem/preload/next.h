/*
 * What stands behind libplat-checked: the C library's functions, and the allocator's answer.
 *
 * Before the loader has let anything of ours run there are no functions to call, and nobody to ask:
 * loops do what the program wants. gcc must not make calls of them again.
 */
#ifndef PLAT_MEM_PRELOAD_NEXT_H
#define PLAT_MEM_PRELOAD_NEXT_H

#include "alloc/ranges.h"

#include <stdbool.h>
#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))

extern __typeof__(plat_check_access) plat_check_access __attribute__((weak));
extern __typeof__(plat_check_begin) plat_check_begin __attribute__((weak));
extern __typeof__(plat_check_compare) plat_check_compare __attribute__((weak));
extern __typeof__(plat_check_copy) plat_check_copy __attribute__((weak));
extern __typeof__(plat_check_memcmp) plat_check_memcmp __attribute__((weak));
extern __typeof__(plat_check_memcpy) plat_check_memcpy __attribute__((weak));
extern __typeof__(plat_check_memmove) plat_check_memmove __attribute__((weak));
extern __typeof__(plat_check_memset) plat_check_memset __attribute__((weak));
extern __typeof__(plat_check_move) plat_check_move __attribute__((weak));
extern __typeof__(plat_check_set) plat_check_set __attribute__((weak));

struct plat__next {
	/* The C library's. */
	plat__move_function *memmove;
	plat__set_function *memset;
	plat__compare_function *memcmp;
	void *(*memchr)(const void *p, int byte, size_t n);
	void *(*memrchr)(const void *p, int byte, size_t n);
	size_t (*strlen)(const char *text);
	size_t (*strnlen)(const char *text, size_t most);
	/* The allocator's; without it they do what is meant, and do not ask. */
	__typeof__(plat_check_access) *check_access;
	__typeof__(plat_check_compare) *check_compare;
	__typeof__(plat_check_copy) *check_copy;
	__typeof__(plat_check_memcmp) *check_memcmp;
	__typeof__(plat_check_memcpy) *check_memcpy;
	__typeof__(plat_check_memmove) *check_memmove;
	__typeof__(plat_check_memset) *check_memset;
	__typeof__(plat_check_move) *check_move;
	__typeof__(plat_check_set) *check_set;
};

extern struct plat__next plat__next;

/*
 * Who asks, by the name that the program has called. The allocator calls some of them, too, and is
 * known by where it called them: so what asks in place of its caller does it last.
 */
#define MOVER(name) static const struct plat__mover name##_mover = {#name, &plat__next.memmove}
#define SETTER(name) static const struct plat__setter name##_setter = {#name, &plat__next.memset}
#define COMPARER(name)                                                                             \
	static const struct plat__comparer name##_comparer = {#name, &plat__next.memcmp}

static inline void ask_write(const char *by, const void *to, size_t n)
{
	plat__next.check_access(to, n, by, true);
}

static inline void ask_read(const char *by, const void *from, size_t n)
{
	plat__next.check_access(from, n, by, false);
}

/* Asks, and copies; overlapping bytes too, where that is not to end the program. */
static inline void *move(const struct plat__mover *who, void *to, const void *from, size_t n)
{
	return plat__next.check_move(to, from, n, who);
}

static inline void *copy(const struct plat__mover *who, void *to, const void *from, size_t n)
{
	return plat__next.check_copy(to, from, n, who);
}

static inline void *set(const struct plat__setter *who, void *to, int byte, size_t n)
{
	return plat__next.check_set(to, byte, n, who);
}

#endif
