/* Looks at 64 tags at once. Which way is the processor's. */
#ifndef PLAT_ALLOC_TAGS_H
#define PLAT_ALLOC_TAGS_H

#include <stdint.h>

#ifdef __SSE2__
#include "alloc/tags_sse2.h"
#else
#include "alloc/tags_any.h"
#endif

#endif
