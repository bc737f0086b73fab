/*
 * The symbols of a program or a library, as elfutils (libdwfl) finds them: in its file, in mini
 * debug information, in a separate debug file. If its file cannot be reached, a file is made from
 * memory: the ELF header and what each PT_LOAD holds, put where the file had it.
 *
 * The files are a stranger's: only for who runs an errand (errand.h).
 */
#ifndef SOURCE_SYMBOL_FILE_H
#define SOURCE_SYMBOL_FILE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>

#include "source/procdir.h"
#include "space/space.h"

struct symbol_file {
	Dwfl_Module *module; /* NULL: it could not be opened */
	bool from_memory;
	char why[160];
	/* For libdwfl, as long as the child lives. */
	Dwfl_Callbacks callbacks;
	char debug_path[128], *debug_path_at;
};

/* *ret stays where it is; nothing of it need be freed, as the errand ends by _exit(). */
void symbol_file_open(const struct procdir *dir, const struct space *space,
		      const struct module *module, struct symbol_file *ret);

#endif
