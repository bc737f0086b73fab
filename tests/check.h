/*
 * What the tests of libplat-malloc and libplat share. They are plain programs that know malloc by
 * its interface alone, so that they run on whatever malloc is preloaded, glibc's too.
 *
 *	PROGRAM				all tests, in TAP
 *	PROGRAM NAME...			these
 *	PROGRAM --list			their names
 *	PROGRAM --here NAME		this one in this process itself, for gdb
 *	PROGRAM --WORD N		a number the program asks for, see its head
 *	PROGRAM --everything		also what is known to break another malloc than plat's
 *	PROGRAM --seconds N		for one test; what takes longer is killed and has failed
 *
 * Each test is a process of its own, that may crash, use up its limits or rearrange its address
 * space. The first check that does not hold ends it, from any thread. Nothing here allocates.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

struct test {
	const char *name;
	void (*run)(void);
};

/* {TEST(the_function)} is one of a table. */
#define TEST(function) #function, function

/* --NAME N writes to value. */
struct number {
	const char *name;
	unsigned long *value;
};

int tests_main(int argc, char **argv, const struct test *tests, size_t ntests,
	       const struct number *numbers, size_t nnumbers);

#define check(condition)                                                                           \
	((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition, NULL))

/* The same, and what is said with it when it does not hold: check_with(p, "size %zu", size). */
#define check_with(condition, ...)                                                                 \
	((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition, __VA_ARGS__))

void check_failed(const char *file, int line, const char *condition, const char *format, ...)
	__attribute__((noreturn, format(printf, 4, 5)));

/* A line of its own among the results. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* This test cannot be run here. */
void skip(const char *why) __attribute__((noreturn));

/* Whether the malloc in use is plat's, and whether it is the C library's own. */
bool is_ours(void);
bool is_libc(void);

/* What holds of plat's malloc, and is not asked of others. */
void needs_ours(const char *why);

/*
 * What plat's malloc was told by the environment: hard mode, which takes more memory; and guards
 * around every block, which have each take pages and addresses of its own.
 */
bool is_hard(void);
bool is_guard_all(void);

/* A function that not every C library has; NULL if this one does not. With plat's malloc it must be
 * there. */
void *entry_point(const char *name);

/* Waits for it. NULL if it ended with status 0, else how it ended; the text is the thread's own. */
const char *child_failed(pid_t child);

/* Numbers of /proc/self, in bytes. */
size_t resident(void);
size_t address_space(void);

/* Sizes with something special about them: borders of classes, of pages, of the mmap threshold;
 * then 0. */
extern const size_t edges[];

/* What gcc is not to see through: a misuse it would warn about, a call it would leave out. */
static inline void *opaque(const void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return (void *)p;
}

static inline size_t opaque_size(size_t size)
{
	__asm__ volatile("" : "+r"(size));
	return size;
}

/* The bytes of a block follow from a number, so that a byte of another block or place is seen. */
void fill(void *block, size_t size, uint64_t pattern);
/* The offset of the first byte that is another; size if there is none. */
size_t first_wrong(const void *block, size_t size, uint64_t pattern);
/* The offset of the first byte that is not zero; size if there is none. */
size_t first_set(const void *block, size_t size);

static inline bool filled(const void *block, size_t size, uint64_t pattern)
{
	return first_wrong(block, size, pattern) == size;
}

static inline bool is_aligned(const void *p, size_t alignment)
{
	return (uintptr_t)p % alignment == 0;
}

#ifdef __cplusplus
}
#endif

#endif
