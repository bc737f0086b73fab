/* Strings, each kept once, with a number. */
#ifndef BASE_NAMES_H
#define BASE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/slots.h"

struct names {
	char **items; /* by their numbers */
	size_t n, room;
	struct slots slots;
};

/* The string's number: the one that it had, or the next. 0 or -ENOMEM. */
int names_add(struct names *names, const char *string, uint32_t *ret) MUST_CHECK;
/* The number that it has, or NO_SLOT. */
uint32_t names_find(const struct names *names, const char *string);
void names_fini(struct names *names);

#endif
