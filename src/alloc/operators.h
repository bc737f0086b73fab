/* What operator new does when there is no memory. */
#ifndef PLAT_ALLOC_OPERATORS_H
#define PLAT_ALLOC_OPERATORS_H

#include <stddef.h>
#include <stdint.h>

/* The letter of size_t in mangled names. */
#if SIZE_MAX > UINT32_MAX
#define SIZE_LETTER "m"
#else
#define SIZE_LETTER "j"
#endif

/*
 * What a C++ library calls so that came with a plugin, where only that plugin sees its names; NULL:
 * there is none. Not in the static library.
 */
void *plat__plugin_symbol(const char *name) __attribute__((weak, visibility("hidden")));

/* std::get_new_handler() of the C++ library, if there is one; NULL: there is no handler. */
void (*plat__new_handler(void))(void);

#endif
