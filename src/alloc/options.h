/* What can be set: by PLAT_* in the environment, by mallopt, by plat_malloc_set. */
#ifndef PLAT_ALLOC_OPTIONS_H
#define PLAT_ALLOC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef CHECKS
#define CHECKS 1
#endif

#define DEFAULT_MMAP_THRESHOLD ((size_t)128 << 10)
#define DEFAULT_TRIM_THRESHOLD ((size_t)128 << 10)
/* Linux glibc 2.36 malloc/malloc.c DEFAULT_MMAP_THRESHOLD_MAX. */
#define MMAP_THRESHOLD_MAX (sizeof(long) == 4 ? (size_t)512 << 10 : (size_t)32 << 20)

struct line;

/*
 * Huge pages: asked for where blocks were full; as the kernel gives them by itself; also asked for
 * by large heaps; never. See huge.h.
 */
enum huge_way { HUGE_FULL, HUGE_KERNEL, HUGE_DENSE, HUGE_OFF };
enum on_error { ON_ERROR_ABORT, ON_ERROR_REPORT, ON_ERROR_IGNORE };

struct options {
	size_t mmap_threshold;
	size_t trim_threshold;
	size_t top_pad;
	size_t mmap_max; /* blocks with a mapping of their own */
	uint64_t random;
	uint64_t seed;	   /* or 0 */
	const char *alone; /* FILE[:FILE], in the environment: not for programs that it starts */
	uint32_t on_error;
	uint32_t huge;
	int perturb;
	bool is_dynamic; /* thresholds follow what is freed, as glibc's */
	bool is_hard;
	bool is_guard_all;
	bool is_guard_off;
	bool is_long; /* hard or guard_all: no call takes the short way */
	bool is_ready;
	bool may_sample; /* somebody wants samples, or may want some later */
};

extern struct options plat__options __attribute__((visibility("hidden")));
/* Of canaries; neither byte is zero or ASCII. */
extern uint16_t plat__key __attribute__((visibility("hidden")));

/*
 * Before anything else; reads the environment. Where libc does not know it yet, is_ready stays
 * false, and another call is due.
 */
void plat__options_init(void);

/* Another number for each n: with PLAT_SEED the same in each run, else nobody knows them. */
uint64_t plat__options_random(uint64_t n);

/* One of the numbers is set for good: thresholds no longer follow what is freed. */
void plat__options_fix(size_t *number, size_t value);

/*
 * By the name that it has in the environment, and as text. -ENOENT: there is none of this name;
 * -EINVAL: it cannot have this value; -EPERM: it can only be set in the environment.
 */
int plat__options_set(const char *name, const char *value);
/* Appends the value. */
int plat__options_get(const char *name, struct line *ret);

#endif
