/*
 * What the files about secrets share.
 *
 *	secret		what a program calls
 *	secret_table	which secrets there are, and what becomes of them at a fork
 *	secret_pages	the memory of one
 *	secret_canary	what lies around it there
 *
 * Always, while nobody holds the table's lock: the rights of a secret's pages are what its readers
 * and writers need, and a record is in the table or free.
 */
#ifndef MEM_SECRET_PARTS_H
#define MEM_SECRET_PARTS_H

#include <stdbool.h>
#include <stddef.h>

struct plat__secret {
	struct plat__secret *next; /* in the table, or of the free ones */
	unsigned char *data;
	size_t size;
	unsigned char *pages; /* whole pages; a guard of one page lies on each side */
	size_t pages_size;
	unsigned protection; /* of enum plat_secret_protection */
	bool is_left_out;    /* children get no copy of the pages, so that they need others */
	bool is_copied;	     /* children get a copy, which they overwrite */
	bool is_gone;	     /* in a child that could not get any: not ours to unmap */
	unsigned readers, writers;
};

/* --- secret_table --- */

/* A record, not in the table yet; the first call prepares for forks. -ENOMEM. */
int plat__secret_record_new(struct plat__secret **ret);
void plat__secret_record_free(struct plat__secret *secret);

void plat__secrets_lock(void);
void plat__secrets_unlock(void);

/* With the lock held. A record is found by where its data begin; NULL: there is none. */
void plat__secret_add(struct plat__secret *secret);
struct plat__secret *plat__secret_find(const void *data);
void plat__secret_remove(struct plat__secret *secret);

/* --- secret_pages --- */

/* Fills pages, protection and is_left_out; pages_size is known. They can be written to, and are
 * zeros. Errors of plat_secret_new. */
int plat__secret_pages_new(struct plat__secret *secret, int flags);
/* Zeros, and gives them back. They have to be writable. */
void plat__secret_pages_free(struct plat__secret *secret);
/* As readers and writers say; `writers` may be ahead of what is so. 0 or -errno. */
int plat__secret_pages_open(const struct plat__secret *secret);
/* In the child of a fork: sees to it that they are zeros. */
void plat__secret_pages_inherit(struct plat__secret *secret);

/* --- secret_canary --- */

/* All bytes of the pages that are not the secret's. */
void plat__secret_canary_fill(const struct plat__secret *secret);
/* The byte that was overwritten, the nearest one to the secret; NULL: none. */
const unsigned char *plat__secret_canary_broken(const struct plat__secret *secret);
/* The line about it, and abort. */
void plat__secret_canary_abort(const struct plat__secret *secret, const unsigned char *byte)
	__attribute__((noreturn));

#endif
