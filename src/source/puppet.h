/*
 * A process without a program of its own: it does the system calls that we ask for, one by one, so
 * that its address space can be made what we like, down to the last mapping.
 *
 * It begins as a program that is one mapping of the size and at the address that the caller
 * chooses, with one system call instruction at its start; stack and vdso are the kernel's, and may
 * be unmapped. It is traced, stands still between calls, and ends with plat.
 */
#ifndef SOURCE_PUPPET_H
#define SOURCE_PUPPET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"

enum puppet_call {
	PUPPET_BRK,
	PUPPET_CAPSET,
	PUPPET_GETCPU,
	PUPPET_MADVISE,
	PUPPET_MLOCK2,
	PUPPET_MLOCKALL,
	PUPPET_MMAP, /* the offset is 0 */
	PUPPET_MPROTECT,
	PUPPET_MSYNC,
	PUPPET_MUNLOCKALL,
	PUPPET_MUNMAP,
	PUPPET_PERSONALITY,
	PUPPET_PRCTL,
	NPUPPET_CALLS
};

struct puppet {
	int pid;
	unsigned bits;
	plat_addr code; /* the instruction */
	plat_addr data; /* PUPPET_DATA_MOST bytes for structs that calls take */
};

#define PUPPET_NONE ((struct puppet){.pid = -1})
#define PUPPET_DATA_MOST 256

struct puppet_start {
	unsigned bits;	      /* 64 or 32 */
	plat_addr start, end; /* of its mapping: whole pages, private, readable, executable */
	unsigned personality;
	uint64_t stack_limit; /* while it is executed: decides where the mmap zone is */
};

/* 0, and *ret is the caller's to puppet_end(); -ENOTSUP on other processors; -errno. */
int puppet_start(const struct puppet_start *start, struct puppet *ret,
		 struct error *err) MUST_CHECK;
void puppet_end(struct puppet *puppet);

/*
 * Does a system call. What it returns, a negative errno included; -ESRCH where the puppet is gone,
 * and then all later calls say the same.
 */
int64_t puppet_call(struct puppet *puppet, enum puppet_call call, const uint64_t arg[6]);
/* With three arguments; the others are 0. */
int64_t puppet_call3(struct puppet *puppet, enum puppet_call call, uint64_t a, uint64_t b,
		     uint64_t c);
/* mmap of anonymous memory. */
int64_t puppet_map(struct puppet *puppet, plat_addr addr, uint64_t size, uint64_t prot,
		   uint64_t flags);

/* Whether a call has returned an errno. */
static inline bool puppet_failed(int64_t value)
{
	return value < 0 && value > -4096;
}

/* Writes to its data; `size` is a multiple of 8. 0 or -errno. */
int puppet_put(struct puppet *puppet, const void *from, unsigned size) MUST_CHECK;

#endif
