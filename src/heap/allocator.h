/*
 * Which malloc a process really uses, proved from outside: the dynamic linker's list of modules
 * says in which order symbols are searched, and the tables of each module where its calls go.
 */
#ifndef HEAP_ALLOCATOR_H
#define HEAP_ALLOCATOR_H

#include "base/reader.h"
#include "space/space.h"

enum allocator_kind {
	ALLOCATOR_UNKNOWN,
	ALLOCATOR_PLAT,
	ALLOCATOR_GLIBC,
	ALLOCATOR_MUSL,
	ALLOCATOR_JEMALLOC,
	ALLOCATOR_TCMALLOC,
	ALLOCATOR_MIMALLOC,
	ALLOCATOR_SNMALLOC,
	ALLOCATOR_RPMALLOC,
	ALLOCATOR_SCUDO,
	ALLOCATOR_HARDENED,
	ALLOCATOR_SANITIZER,
	NALLOCATOR_KINDS
};

/* "plat's malloc", "glibc's malloc" ...; for JSON "plat", "glibc" ... */
const char *allocator_words(enum allocator_kind kind);
const char *allocator_name(enum allocator_kind kind);

/* How a program comes to its malloc. */
enum allocator_how {
	ALLOCATOR_NOT_FOUND, /* `why` says why not */
	ALLOCATOR_STATIC,    /* there is no dynamic linker; all is in the program */
	ALLOCATOR_LINKED,    /* the first module in order that defines it */
};

/* Where the calls of one module go. */
struct allocator_binding {
	uint32_t module;
	uint32_t provider; /* or NO_MODULE */
	bool is_lazy;	   /* it has not called yet: the place leads into its own code */
	struct {
		plat_addr place, target;
	} malloc;
	bool is_other; /* not where the process's malloc is */
};

struct allocator {
	enum allocator_how how;
	enum allocator_kind kind;
	uint32_t program;  /* or NO_MODULE */
	uint32_t provider; /* or NO_MODULE */
	plat_addr malloc;  /* 0: not known */
	plat_addr state;   /* of plat's malloc, in the provider, or 0 */
	char why[160];

	uint32_t *order; /* modules as the dynamic linker searches them */
	size_t norder;
	uint32_t *definers; /* of these, those that define malloc */
	size_t ndefiners;
	struct allocator_binding *bindings;
	size_t nbindings, bindings_room;
};

/*
 * Fills *ret, which is the caller's to allocator_fini(). What cannot be found out is not known;
 * that is no failure. 0 or -ENOMEM.
 */
int allocator_find(const struct space *space, struct reader *reader,
		   struct allocator *ret) MUST_CHECK;
void allocator_fini(struct allocator *allocator);

/* The path of a module's file, or "[?]". Not escaped. */
const char *allocator_module_name(const struct space *space, uint32_t module);

#endif
