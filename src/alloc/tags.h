/* Looks at 64 tags at once. Which way is the processor's. */
#ifndef PLAT_ALLOC_TAGS_H
#define PLAT_ALLOC_TAGS_H

#include "alloc/atomic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __SANITIZE_THREAD__
#include "alloc/tags_tsan.h"
#elif defined(__SSE2__)
#include "alloc/tags_sse2.h"
#else
#include "alloc/tags_any.h"
#endif

#ifndef __SANITIZE_THREAD__
/* All of so many bytes are 0, and so are those behind them up to the next multiple of 32. */
static inline bool tags_none(const uint8_t *tags, size_t bytes)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < bytes && !sum; i += 32) {
		const uint64_t *words = (const uint64_t *)(tags + i);

		sum = load_relaxed(&words[0]) | load_relaxed(&words[1]) | load_relaxed(&words[2]) |
		      load_relaxed(&words[3]);
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return sum == 0;
}
#endif

#endif
