/*
 * How much memory the program uses, and how far its limits allow it to go. In bytes: a kB in /proc
 * is 1024 of them.
 */
#ifndef PLAT_USAGE_H
#define PLAT_USAGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the kernel does not tell. */
#define PLAT_UNKNOWN SIZE_MAX

/* The comments have the names in /proc/self/status, proc(5). */
struct plat_usage {
	size_t address_space;	   /* VmSize: all mappings, whether in memory or not */
	size_t address_space_peak; /* VmPeak */
	size_t resident;	   /* VmRSS: pages in memory, the three below */
	size_t resident_peak;	   /* VmHWM */
	size_t resident_anonymous; /* RssAnon, since Linux 4.5 */
	size_t resident_file;	   /* RssFile, since Linux 4.5 */
	size_t resident_shared; /* RssShmem, since Linux 4.5: shared anonymous memory and tmpfs */
	size_t swapped;		/* VmSwap */
	size_t locked;		/* VmLck: what RLIMIT_MEMLOCK counts */
	size_t pinned;		/* VmPin: what the kernel may not move */
	size_t data;		/* VmData: what RLIMIT_DATA counts: private and writable */
	size_t stack;		/* VmStk: the main thread's */
	size_t text;		/* VmExe: code of the program */
	size_t libraries;	/* VmLib: code of libraries */
	size_t page_tables;	/* VmPTE */
	size_t huge;		/* HugetlbPages, since Linux 4.4; in no other figure but VmSize */
};

/*
 * Fills *ret, of which the caller knows `size` bytes: sizeof(*ret). A field the kernel does not
 * tell is PLAT_UNKNOWN. The figures are of about one moment; the kernel counts resident pages per
 * processor, and may be some dozen pages behind.
 *
 * The first call opens a descriptor that stays open (close-on-exec), so that the following ones
 * take a few microseconds; a program that closes it, or closes all, is served by a new one. -ENOENT
 * and the like: there is no /proc. Safe in signal handlers.
 */
int plat_usage(struct plat_usage *ret, size_t size);

/* The two that change most, address space and resident memory, at a fraction of the time. */
int plat_usage_now(size_t *address_space, size_t *resident);

/* A limit of the kernel, getrlimit(2), and what is left of it. */
struct plat_limit {
	size_t soft; /* SIZE_MAX: none */
	size_t hard; /* as far as soft can be raised without privilege; SIZE_MAX: none */
	size_t used; /* what counts against it; PLAT_UNKNOWN where the kernel does not tell */
	size_t left; /* soft - used, SIZE_MAX without a limit; PLAT_UNKNOWN as used is */
};

/*
 * `resource` is RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK (of the main thread), RLIMIT_MEMLOCK, or
 * another of getrlimit(2), of which only the limits are told. -EINVAL: there is none of this
 * number.
 *
 * What is left of RLIMIT_STACK is told without the stack guard gap, which the kernel keeps below.
 */
int plat_limit_get(int resource, struct plat_limit *ret);

/*
 * Sets the soft limit; SIZE_MAX: as high as the hard limit allows, which stays as it is. -EINVAL:
 * above the hard limit, or no such resource. A limit below what is in use can be set: from then on
 * the kernel refuses more.
 */
int plat_limit_set(int resource, size_t soft);

#ifdef __cplusplus
}
#endif

#endif
