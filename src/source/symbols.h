/* Names of functions and variables, from the files of programs and libraries. */
#ifndef SOURCE_SYMBOLS_H
#define SOURCE_SYMBOLS_H

#include "source/procdir.h"
#include "space/space.h"
#include "space/symbol.h"

/*
 * What the symbol tables say of `addr`: .symtab and .dynsym of the file that is mapped (also if it
 * is deleted or replaced), of its debug file, or of its image in the process's memory; where debug
 * information is installed, also the line of the source. debuginfod is asked only if
 * DEBUGINFOD_URLS is set.
 *
 * Always fills *ret. The files are a stranger's: they are read in a child process that has little
 * time and memory, so that the worst of them costs an answer and not us.
 */
void symbols_find(const struct procdir *dir, const struct space *space, plat_addr addr,
		  struct symbol *ret);

/*
 * The same of many addresses, ret[i] of addrs[i]: each program or library is opened once. With
 * DEBUGINFOD_URLS set it may take its time for each of these.
 */
void symbols_find_many(const struct procdir *dir, const struct space *space, const plat_addr *addrs,
		       size_t n, struct symbol *ret);

#endif
