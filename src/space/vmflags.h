/* The two-letter flags that smaps prints in its line VmFlags, in words. */
#ifndef SPACE_VMFLAGS_H
#define SPACE_VMFLAGS_H

#include <stdbool.h>
#include <stddef.h>

struct vmflag {
	char letters[3];
	bool usual;  /* rights and bookkeeping that nearly every mapping has: not worth a word */
	bool merges; /* does not keep neighbours apart */
	const char *words;
};

/* The flag of these two letters, or NULL where we do not know it. */
const struct vmflag *vmflag_find(const char *letters);

/* Whether the line `flags`, letters and blanks, holds it. */
bool vmflags_have(const char *flags, const char *letters);

/* Copies the next flag of the line into `letters`, which has room for 3, and moves on. */
bool vmflags_next(const char **flags, char *letters);

#endif
