/*
 * What the programs of this folder share: each does what a script beside it says, on the running
 * kernel, and says what came of it in the words of the script. `plat model run` says what the rules
 * make of the same lines; tests/cli/collisions.bats compares.
 *
 *	begin();
 *	TRY(try_mmap(0x10000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 0x10000000);
 *	TRY(try_write(0x10000000), ACCERR);
 *	return end();
 *
 * prints
 *
 *	mmap(0x10000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = 0x10000000
 *	write(0x10000000) = SIGSEGV {SEGV_ACCERR}
 *
 * Nothing here allocates: the heap is what is tried.
 */
#ifndef COLLIDE_H
#define COLLIDE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000 /* Linux 4.17 */
#endif

/* In place of a value: the access has faulted. */
enum { MAPERR = -10001, ACCERR = -10002 };

/* $start_brk, $stack_start and so on of the scripts. The break is at start_brk after begin(). */
extern uint64_t start_brk, stack_start, stack_end, elsewhere;

void begin(void);
/* The program's exit status: 0 if all came as it should. */
int end(void);

/* Each returns what the kernel says, or -errno. */
int64_t try_mmap(uint64_t addr, uint64_t length, int prot, int flags, int fd, uint64_t offset);
int64_t try_munmap(uint64_t addr, uint64_t length);
int64_t try_mprotect(uint64_t addr, uint64_t length, int prot);
int64_t try_brk(uint64_t addr);
/* The soft limit; the hard one stays. */
int64_t try_setrlimit(int limit, uint64_t soft);
/* One byte: 0, or how it faulted. */
int64_t try_read(uint64_t addr);
int64_t try_write(uint64_t addr);

/* What TRY and PLACE make of their text. */
void report(const char *call, int64_t value, const char *wanted_text, int64_t wanted);
void report_place(const char *call, int64_t value, const char *name, uint64_t *to);

#define TRY(call, wanted) report(#call, (call), #wanted, (int64_t)(wanted))
/* The kernel chooses the address, and it gets the name. */
#define PLACE(call, name) report_place(#call, (call), #name, &(name))

/* The byte that is there; and whether all bytes of that range are 0. */
unsigned char peek(uint64_t addr);
bool is_empty(uint64_t start, uint64_t end);

/* Says a sentence behind #, and whether it is so. */
void note(const char *sentence, bool is_so);

#endif
