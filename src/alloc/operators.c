/*
 * C++'s operators new and delete, by their mangled names and without a C++ library. Where there is
 * no memory, the program's C++ library knows whom to ask and what to throw; it is the one that the
 * program is linked with, or one that came later with a plugin.
 *
 * Those that do not throw are in operators_shared.c.
 */
#include "alloc/operators.h"

#include "alloc/hard.h"
#include "alloc/line.h"
#include "alloc/malloc.h"
#include "base/compiler.h"

#include <stdlib.h>

#define EXPORT __attribute__((visibility("default")))
#define NAME(mangled) __asm__(mangled)
#define ALIAS(mangled) __attribute__((alias(mangled)))
#define STDERR 2

typedef void new_handler(void);
typedef new_handler *handler_getter(void);

extern handler_getter get_new_handler NAME("_ZSt15get_new_handlerv") __attribute__((weak));
extern void throw_bad_alloc(void) NAME("_ZSt17__throw_bad_allocv") __attribute__((weak, noreturn));

static void *late(const char *name)
{
	return plat__plugin_symbol ? plat__plugin_symbol(name) : NULL;
}

new_handler *plat__new_handler(void)
{
	handler_getter *get = get_new_handler;

	if (!get)
		get = (handler_getter *)late("_ZSt15get_new_handlerv");
	return get ? get() : NULL;
}

static __attribute__((noreturn)) void fail(size_t bytes)
{
	void (*throw)(void) = throw_bad_alloc;
	struct line line = {.length = 0};

	if (!throw)
		throw = (void (*)(void))late("_ZSt17__throw_bad_allocv");
	if (throw)
		throw();
	plat__line_add(&line, "plat-malloc: operator new: there is no memory for ");
	plat__line_number(&line, bytes, 0);
	plat__line_add(&line, " bytes, and nobody to throw bad_alloc");
	plat__line_write(&line, STDERR);
	abort();
}

/* --- new --- */

/* The handler makes room, throws, or gives up by removing itself. */
static __attribute__((noinline)) void *insist(size_t bytes, size_t alignment)
{
	void *p;

	do {
		new_handler *handler = plat__new_handler();

		if (!handler)
			fail(bytes);
		handler();
		p = plat__aligned(alignment, bytes);
	} while (!p);
	return p;
}

EXPORT void *new_one(size_t bytes) NAME("_Znw" SIZE_LETTER);
EXPORT void *new_array(size_t bytes) NAME("_Zna" SIZE_LETTER);
EXPORT void *new_aligned(size_t bytes, size_t alignment) NAME("_Znw" SIZE_LETTER "St11align_val_t");
EXPORT void *new_aligned_array(size_t bytes, size_t alignment)
	NAME("_Zna" SIZE_LETTER "St11align_val_t");

void *new_one(size_t bytes)
{
	void *p = plat__malloc(bytes);

	if (unlikely(!p))
		p = insist(bytes, 1);
	plat__set_kind(p, KIND_NEW);
	return p;
}

void *new_array(size_t bytes)
{
	void *p = plat__malloc(bytes);

	if (unlikely(!p))
		p = insist(bytes, 1);
	plat__set_kind(p, KIND_NEW_ARRAY);
	return p;
}

void *new_aligned(size_t bytes, size_t alignment)
{
	void *p;

	if (alignment == 0 || (alignment & (alignment - 1)) != 0)
		fail(bytes);
	p = plat__aligned(alignment, bytes);
	if (unlikely(!p))
		p = insist(bytes, alignment);
	plat__set_kind(p, KIND_NEW);
	return p;
}

void *new_aligned_array(size_t bytes, size_t alignment)
{
	void *p = new_aligned(bytes, alignment);

	plat__set_kind(p, KIND_NEW_ARRAY);
	return p;
}

/* --- delete --- */

/* std::nothrow comes as a further argument, and says nothing here. */
#define ONE "_ZdlPv"
#define ARRAY "_ZdaPv"
#define ALIGNED "St11align_val_t"
#define NOTHROW "RKSt9nothrow_t"

EXPORT void delete_one(void *p) NAME(ONE);
EXPORT void delete_nothrow(void *p) NAME(ONE NOTHROW) ALIAS(ONE);
EXPORT void delete_aligned(void *p, size_t alignment) NAME(ONE ALIGNED);
EXPORT void delete_aligned_nothrow(void *p, size_t alignment) NAME(ONE ALIGNED NOTHROW)
	ALIAS(ONE ALIGNED);
EXPORT void delete_sized(void *p, size_t bytes) NAME(ONE SIZE_LETTER);
EXPORT void delete_sized_aligned(void *p, size_t bytes, size_t alignment)
	NAME(ONE SIZE_LETTER ALIGNED);

EXPORT void delete_array(void *p) NAME(ARRAY);
EXPORT void delete_nothrow_array(void *p) NAME(ARRAY NOTHROW) ALIAS(ARRAY);
EXPORT void delete_aligned_array(void *p, size_t alignment) NAME(ARRAY ALIGNED);
EXPORT void delete_aligned_nothrow_array(void *p, size_t alignment) NAME(ARRAY ALIGNED NOTHROW)
	ALIAS(ARRAY ALIGNED);
EXPORT void delete_sized_array(void *p, size_t bytes) NAME(ARRAY SIZE_LETTER);
EXPORT void delete_sized_aligned_array(void *p, size_t bytes, size_t alignment)
	NAME(ARRAY SIZE_LETTER ALIGNED);

void delete_one(void *p)
{
	plat__check_kind(p, KIND_NEW);
	plat__free(p);
}

void delete_array(void *p)
{
	plat__check_kind(p, KIND_NEW_ARRAY);
	plat__free(p);
}

void delete_sized(void *p, size_t bytes)
{
	plat__check_kind(p, KIND_NEW);
	plat__free_sized(p, bytes);
}

void delete_sized_array(void *p, size_t bytes)
{
	plat__check_kind(p, KIND_NEW_ARRAY);
	plat__free_sized(p, bytes);
}

void delete_aligned(void *p, size_t alignment)
{
	plat__check_alignment(p, alignment);
	delete_one(p);
}

void delete_aligned_array(void *p, size_t alignment)
{
	plat__check_alignment(p, alignment);
	delete_array(p);
}

void delete_sized_aligned(void *p, size_t bytes, size_t alignment)
{
	plat__check_alignment(p, alignment);
	delete_sized(p, bytes);
}

void delete_sized_aligned_array(void *p, size_t bytes, size_t alignment)
{
	plat__check_alignment(p, alignment);
	delete_sized_array(p, bytes);
}
