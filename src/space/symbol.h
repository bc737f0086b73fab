/*
 * What the symbol tables and the debug information of a module say of one address. Names come from
 * the file of a stranger: cut to the room that there is here, but not escaped.
 */
#ifndef SPACE_SYMBOL_H
#define SPACE_SYMBOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

enum symbol_type { SYMBOL_OTHER, SYMBOL_FUNCTION, SYMBOL_OBJECT, SYMBOL_TLS };

#define SYMBOL_NAME_SIZE 1024
#define BUILD_ID_SIZE 160 /* 64 bytes are the kernel's most, 20 are usual: in hexadecimal */

struct symbol {
	bool known;
	bool cut; /* the name is longer than what is here */
	bool demangled;
	bool from_memory; /* the file was out of reach: read from the process's memory */
	enum symbol_type type;
	plat_addr start;
	uint64_t size; /* 0: the table does not say */
	char name[SYMBOL_NAME_SIZE];
	unsigned line;		       /* 0: not known */
	char source[SYMBOL_NAME_SIZE]; /* file of the source */
	char build_id[BUILD_ID_SIZE];  /* hexadecimal, or "" */
	char why[160];		       /* why there is no symbol */
	char line_why[160];	       /* why there is no line, where that is remarkable; or "" */
};

#endif
