/* The compiler's extensions that have no standard form, each wrapped once. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#define PRINTF_LIKE(nformat, nfirst) __attribute__((format(printf, nformat, nfirst)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define FOR_PROCESSORS_WITH(features) __attribute__((target(features)))
/* What a resolver consists of runs before anything that a compiler adds to functions could. */
#ifdef __clang__
#define BEFORE_RELOCATION                                                                          \
	__attribute__((no_sanitize("address", "undefined", "thread", "coverage"),                  \
		       no_profile_instrument_function, no_stack_protector))
#else
#define BEFORE_RELOCATION                                                                          \
	__attribute__((no_sanitize("address", "undefined", "thread"), no_sanitize_coverage,        \
		       no_profile_instrument_function, no_stack_protector))
#endif
#define ALWAYS_INLINE inline __attribute__((always_inline))
/*
 * Much of it, of which a program touches a page here and there: it stands behind all else that
 * begins as zeros, so that what is small lies together.
 */
#define MOSTLY_UNTOUCHED __attribute__((section(".bss.untouched")))
/*
 * Runs once, when a program begins, and stands behind all other code: of a file the kernel brings
 * in the 16 pages from a border on, or what there is of them, and of the last ones there are few.
 */
#define WHEN_IT_BEGINS __attribute__((noinline, section(".text.when_it_begins")))
/* Is called then. A constructor is, too, but by a function that may stand in front of all. */
#define CALL_WHEN_IT_BEGINS(function)                                                              \
	__attribute__((section(".init_array"), used)) static void (*call_##function)(void) =       \
		function
#define NOINLINE __attribute__((noinline))
/* What the compiler knows of it: so what it leads to is read again. */
#define FORGET(pointer) __asm__("" : "+r"(pointer))
#define FALLTHROUGH __attribute__((fallthrough))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
