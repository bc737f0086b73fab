/* Names as the source has them, from those that compilers make of them. */
#ifndef SOURCE_DEMANGLE_H
#define SOURCE_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "space/symbol.h"

/*
 * The plain form of one name, cut to `size`. How long it is uncut; 0, and *ret is as it was, where
 * it has none. The demangler is a library that nobody promises anything of: only for who runs an
 * errand (errand.h). A type's name, as typeinfo has it, has no _Z before it.
 */
size_t demangle(const char *name, bool is_type, char *ret, size_t size);

/*
 * The same of many names of types, by an errand: ret[i] is the caller's to free, or NULL where
 * there is no plain form, or it did not come in time. 0 or -ENOMEM.
 */
int demangle_types(const char *const *names, size_t n, char **ret) MUST_CHECK;

#endif
