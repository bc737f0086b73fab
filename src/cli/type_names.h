/* Names of C++ types as the source has them. */
#ifndef CLI_TYPE_NAMES_H
#define CLI_TYPE_NAMES_H

#include "base/compiler.h"
#include "heap/types.h"

/*
 * One for each type, by number; one that cannot be read as a type's stays as typeinfo has it. It
 * takes its time, and nothing of it needs the process to stand still. 0, and *ret is the caller's
 * to type_names_free(); or -ENOMEM.
 */
int type_names_of(const struct types *types, char ***ret) MUST_CHECK;

/* The types must still be there. */
void type_names_free(const struct types *types, char **names);

#endif
