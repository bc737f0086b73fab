/*
 * The kernel, asked past whatever a program has put around libc's wrappers: those may allocate.
 * Every function keeps errno and returns 0 or a negative errno.
 */
#ifndef PLAT_ALLOC_SYSTEM_H
#define PLAT_ALLOC_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a page of the kernel; known after plat__system_init. */
extern size_t plat__page_bytes;
extern unsigned plat__page_shift; /* the same as a power of two */

void plat__system_init(void);

/* Private anonymous memory, readable and writable, anywhere. */
int plat__system_map(size_t bytes, uintptr_t *ret);
int plat__system_unmap(uintptr_t start, size_t bytes);
/* Grows or shrinks a mapping: where it is (target 0), or over the mapping at target. */
int plat__system_remap(uintptr_t start, size_t bytes, size_t wanted, uintptr_t target);
/* The range stays taken, of nothing: touching it ends in SIGSEGV. */
int plat__system_fence(uintptr_t start, size_t bytes);
/* The pages are given back, and read as zeros afterwards. */
int plat__system_drop(uintptr_t start, size_t bytes);
/* Asks for huge pages in the range, or against them. */
int plat__system_huge(uintptr_t start, size_t bytes, bool is_on);
/* Makes the pages resident, to be written. */
int plat__system_populate(uintptr_t start, size_t bytes);
/* Who gets huge pages of the kernel: nobody, who asks for them, everybody. */
enum system_huge { SYSTEM_HUGE_NEVER, SYSTEM_HUGE_ASKED, SYSTEM_HUGE_ALWAYS };
enum system_huge plat__system_huge_way(void);
/* A byte for each page: 1 if it is resident, else 0. */
int plat__system_resident(uintptr_t start, size_t bytes, unsigned char *ret);
/* How often memory was unmapped or dropped. */
size_t plat__system_nreturned(void);
/* Touching these pages ends in SIGSEGV, or no longer. */
int plat__system_guard(uintptr_t start, size_t bytes);
int plat__system_unguard(uintptr_t start, size_t bytes);
/* The range can be touched, or not; its pages stay. It splits the mapping. */
int plat__system_protect(uintptr_t start, size_t bytes, bool is_on);
/* This thread blocks some signal, as handlers do. */
bool plat__system_blocks_signals(void);
/* False: part of the range is not mapped. Where the kernel does not tell, it is taken to be. */
bool plat__system_is_mapped(uintptr_t start, size_t bytes);
/* A word can be read there. */
bool plat__system_is_readable(uintptr_t at);

/* A file that is mapped, and what an address in it is an offset of. */
struct code_module {
	char name[64]; /* without the path, and cut off if it is too long */
	uintptr_t offset;
};

/* false: the address is in no mapped file. Works in a signal handler. */
bool plat__system_module(uintptr_t address, struct code_module *ret);
void plat__system_write(int fd, const char *text, size_t length);
void plat__system_yield(void);
/* A file for reading and writing: its descriptor. */
int plat__system_open(const char *path);
void plat__system_close(int fd);
/* Maps shared memory (memfd_create) of this size; of any other file, -EINVAL. */
int plat__system_share(int fd, size_t bytes, uintptr_t *ret);
int plat__system_pid(void);

#endif
