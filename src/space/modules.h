/*
 * ELF headers as the process holds them in memory, so that deleted and replaced files work.
 */
#ifndef SPACE_MODULES_H
#define SPACE_MODULES_H

#include "base/reader.h"
#include "space/space.h"

/*
 * Reads the program headers of the ELF image whose header is mapped at `header` and fills a module:
 * segments, relro, TLS, bias. `file` and `role` are the caller's. 0; -ENOEXEC where it is no ELF
 * image that was loaded; else what the reader said.
 */
int modules_read(struct reader *reader, plat_addr header, uint64_t page_size,
		 struct module *ret) MUST_CHECK;

/*
 * Finds all modules of the space and appends them. `files` reads the first bytes of a file whose
 * header is not to be had from memory, and may be NULL. 0 or -ENOMEM.
 */
struct file_reader {
	int (*read)(struct file_reader *files, const struct space *space,
		    const struct region *region, uint64_t offset, void *to, size_t size);
};
int modules_find(struct space *space, struct reader *reader, struct file_reader *files) MUST_CHECK;

/* Finds the auxiliary vector above process.start_stack, and sets process.auxv_start and _end. */
void modules_find_auxv(struct space *space, struct reader *reader);

#endif
