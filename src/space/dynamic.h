/*
 * How a module is linked: its symbols, what it takes from others, and its notes, as memory holds
 * them. All of it is hostile input: what is not whole is not there.
 */
#ifndef SPACE_DYNAMIC_H
#define SPACE_DYNAMIC_H

#include "base/reader.h"
#include "space/space.h"

/* The dynamic section of one module. Addresses are those of memory, 0 where there is none. */
struct dynamic {
	const struct module *module;
	plat_addr symbols, strings, hash, gnu_hash;
	uint64_t strings_size;
	struct {
		plat_addr start;
		uint64_t size;
		bool has_addend;
	} relocations[3]; /* of functions; of data, in both forms */
	plat_addr debug;  /* where the dynamic linker says what it has loaded */
	plat_addr soname; /* its name for others: a string */
};

/* 0; -ENOENT where the module has no dynamic section; else what the reader said. */
int dynamic_read(struct reader *reader, const struct module *module,
		 struct dynamic *ret) MUST_CHECK;

/* Where the module defines this symbol. 0; -ENOENT where it does not; else as the reader. */
int dynamic_find(struct reader *reader, const struct dynamic *dynamic, const char *name,
		 plat_addr *ret) MUST_CHECK;

/*
 * The last function or variable that the module defines for others and that begins below `at`.
 * *ret_end is where it ends, as its symbol says. 0; -ENOENT; or as the reader.
 */
int dynamic_below(struct reader *reader, const struct dynamic *dynamic, plat_addr at,
		  plat_addr *ret_start, plat_addr *ret_end) MUST_CHECK;

/* A place that the dynamic linker filled with the address of a symbol, and what stands there. */
struct binding {
	plat_addr place, target;
};

/*
 * The first places where the module keeps the address of this symbol, at most `most`; their number,
 * or -errno as the reader.
 */
int dynamic_bindings(struct reader *reader, const struct dynamic *dynamic, const char *name,
		     struct binding *ret, size_t most) MUST_CHECK;

/*
 * The modules in the order in which the dynamic linker searches them, as indices of
 * space->modules, NO_MODULE for those that are none of ours. `program` is the dynamic section of
 * the program itself. Their number, or -errno; -ENOENT where nothing has been loaded yet.
 */
int dynamic_order(struct reader *reader, const struct space *space, const struct dynamic *program,
		  uint32_t *ret, size_t most) MUST_CHECK;

/*
 * The words of a note: the first `size` bytes of the one with this owner and type. *ret_at is where
 * they begin. 0; -ENOENT; or as the reader.
 */
int dynamic_note(struct reader *reader, const struct module *module, const char *owner,
		 uint32_t type, void *to, size_t size, plat_addr *ret_at) MUST_CHECK;

/* The module whose segments hold the address, or NO_MODULE. */
uint32_t dynamic_module_at(const struct space *space, plat_addr addr);

#endif
