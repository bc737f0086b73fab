/*
 * Secret memory: for keys and passwords, in pages of their own.
 *
 *	| guard | canary ............ | secret | guard |
 *	        |<----- whole pages, locked --->|
 *
 * The secret ends where a guard begins: the first byte behind it faults. What lies before it up to
 * the other guard is a canary, which is looked at when the secret is freed. Between uses nobody
 * can read or write it, not even the program by accident: plat_secret_open gives access, and
 * plat_secret_close takes it back.
 *
 * What a secret is protected from depends on the memory it is in:
 *
 *					hidden			anonymous
 *	made by				memfd_secret(2)		mmap(2)
 *	never in swap			yes			if locked
 *	not in cores, by kernel or gdb	yes			yes
 *	read in the child of a fork	as zeros		as zeros
 *	/proc/PID/mem, ptrace, root	cannot read it		can
 *	read(2) and write(2)		take it			take it
 *	O_DIRECT, io_uring's buffers	-EFAULT			take it
 *	hibernation			prevented		writes it to disk
 *	counts in RLIMIT_MEMLOCK	yes			yes
 *
 * By default a secret is hidden where the kernel has that (Linux 5.14, and since 6.5 unless it was
 * switched off), and anonymous elsewhere.
 *
 * Nothing protects a secret from the program while it is open, nor what the program copies of it:
 * to registers, stacks, buffers of others.
 *
 * Any thread may call these functions, but not a signal handler, which may not fork either: they
 * take a lock, and a fork waits for it. The child of fork(3) may call them at any time, and reads
 * zeros where secrets were. Of vfork, clone and _Fork
 * nobody is told: in their children a hidden secret is not mapped, and none may be opened or freed.
 */
#ifndef PLAT_SECRET_H
#define PLAT_SECRET_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a secret is made. */
enum plat_secret_flag {
	/* Where RLIMIT_MEMLOCK does not allow to lock it, it is made all the same, and is not
	 * locked, so that it can get into swap. plat_secret_state tells. */
	PLAT_SECRET_MAY_BE_UNLOCKED = 1,
	PLAT_SECRET_HIDDEN = 2,	  /* hidden, or not at all */
	PLAT_SECRET_ANONYMOUS = 4 /* anonymous, also where it could be hidden */
};

/*
 * Makes a secret of `size` bytes, which are 0 and closed, and writes where it is to *ret.
 *
 * It is aligned as an object of this size may want to be: to the largest power of two that divides
 * size, 16 at most. `alignment` asks for more, a power of two, a page at most; 0 for nothing. What
 * that leaves between the secret's end and the guard is canary, too, and no access to it faults.
 *
 * It takes whole pages: the secret's, which are locked, and one of addresses on each side.
 *
 * -EDQUOT: it is more than is left of RLIMIT_MEMLOCK (plat/lock.h tells how much is); while all
 * future memory is locked, the guards count, too, and MAY_BE_UNLOCKED does not help. -EINVAL: no
 * bytes, an alignment that is none, or flags that are not known or exclude each other. -ENOSYS:
 * HIDDEN, and the kernel has no memfd_secret, or not switched on. -ENOMEM, -EMFILE, -ENFILE:
 * memory, mappings or, for HIDDEN, descriptors have run out. On error nothing is left.
 */
int plat_secret_new(size_t size, size_t alignment, int flags, void **ret);

/*
 * Looks at the canary, overwrites the secret with zeros, and gives its memory back, whether it is
 * open or closed: nobody may use it any more. NULL is fine.
 *
 * A canary that was overwritten is a bug that may have done more: after the zeros one line is
 * written to stderr, and the program is aborted:
 *
 *	plat: underflow: 0x7f0c1b2a3fdf, 1 byte before the secret of 32 bytes at 0x7f0c1b2a3fe0
 *
 * -EINVAL: it is not a secret: freed already, or never one. -ENOMEM: it cannot be made writable,
 * and is still there.
 */
int plat_secret_free(void *secret);

/* What a secret can be opened for. */
enum plat_secret_access { PLAT_SECRET_READ = 1, PLAT_SECRET_WRITE = 2 };

/*
 * Opens it, for reading or for reading and writing, until it is closed for the same. That is
 * counted: it can be read while anybody has it open, and written to while anybody has it open for
 * writing. An access beyond that is SIGSEGV. Rights hold for all threads, not only for who opens.
 *
 * -EINVAL: it is not a secret, or there is no such access. -EALREADY, of close: it is not open for
 * this. -ENOMEM, -EOVERFLOW: the kernel does not give the rights; it was opened too often.
 */
int plat_secret_open(void *secret, enum plat_secret_access access);
int plat_secret_close(void *secret, enum plat_secret_access access);

/* What protects a secret. */
enum plat_secret_protection {
	PLAT_SECRET_IS_HIDDEN = 1,
	PLAT_SECRET_IS_LOCKED = 2, /* in memory, and never in swap */
	PLAT_SECRET_IS_NOT_IN_CORES = 4,
	PLAT_SECRET_IS_INHERITED = 8 /* this is the child of a fork: it is zeros, and not locked */
};

struct plat_secret_state {
	size_t size;
	unsigned protection; /* of enum plat_secret_protection */
	unsigned readers;    /* how often it is open for reading */
	unsigned writers;    /* and for writing */
	void *pages;	     /* between the guards */
	size_t pages_size;
};

/* Fills *ret, of which the caller knows `size` bytes: sizeof(*ret). -EINVAL: it is not a secret. */
int plat_secret_state(const void *secret, struct plat_secret_state *ret, size_t size);

#ifdef __cplusplus
}
#endif

#endif
