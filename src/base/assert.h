/*
 * Judgements of our own code and state, never of input, the kernel or the process we look at.
 *
 * `assert` is for debug builds, `must` is for all. Both write one fixed line with write(2) and
 * abort: they never format, lock or allocate, so that they can be used anywhere.
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#include <assert.h> /* static_assert */
#undef assert

_Noreturn void assert_failed(const char *line);

#define BASE_STRING_(x) #x
#define BASE_STRING(x) BASE_STRING_(x)
#define must(condition)                                                                            \
	((condition) ? (void)0                                                                     \
		     : assert_failed("plat: " __FILE__ ":" BASE_STRING(                            \
			       __LINE__) ": this must hold: " #condition "\n"))

#ifdef NDEBUG
#define assert(condition) ((void)sizeof(!(condition)))
#else
#define assert(condition) must(condition)
#endif

#endif
