/* The compiler's extensions that have no standard form, each wrapped once. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#define PRINTF_LIKE(nformat, nfirst) __attribute__((format(printf, nformat, nfirst)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define FOR_PROCESSORS_WITH(features) __attribute__((target(features)))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define FALLTHROUGH __attribute__((fallthrough))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
