/* What an ELF file's headers say of the space that exec would make of it. */
#ifndef SOURCE_ELF_FILE_H
#define SOURCE_ELF_FILE_H

#include "base/error.h"
#include "model/exec.h"

struct elf_file {
	struct exec_program program; /* with strings as if it was run by its path alone */
	uint64_t entry, interpreter_entry;
	char *interpreter_path;				      /* NULL: none */
	struct exec_segment *segments, *interpreter_segments; /* that program points to */
};

#define ELF_FILE_EMPTY ((struct elf_file){0})

/*
 * Reads the file and the interpreter that it names. 0, and *ret is the caller's; -ENOEXEC where the
 * kernel would not run it on x86-64; or -errno. A sentence is in err.
 */
int elf_file_read(const char *path, struct elf_file *ret, struct error *err) MUST_CHECK;
void elf_file_fini(struct elf_file *file);

#endif
