/* ELF files of every shape, so that the kernel's loader has something to load. */
#ifndef EXEC_IMAGE_H
#define EXEC_IMAGE_H

#include "model/exec.h"

#include "random.h"

#define ELF_SEGMENTS_MOST 6

struct elf_plan {
	unsigned bits; /* 0: nothing to write */
	bool fixed;
	enum exec_stack stack;
	struct exec_segment segments[ELF_SEGMENTS_MOST];
	size_t nsegments;
	const char *interpreter; /* NULL: none */
	uint64_t file_size;	 /* 0: as much as the segments ask for */
};

/* Headers, code and data with .bss, as a linker lays them out, from `base` on. */
struct elf_plan elf_plain(unsigned bits, bool fixed, plat_addr base);

/*
 * Anything that a header can say, mostly near what makes sense. Interpreters begin with a part of
 * their file, as all do. (The kernel takes the address at which an interpreter's segment failed for
 * that of the interpreter, and can go on with it; the model does not follow it there.)
 */
struct elf_plan elf_random(struct random *random, unsigned bits, bool is_program);

/* Writes the file anew, executable. 0 or -errno. */
int elf_write(const struct elf_plan *plan, const char *path);

#endif
