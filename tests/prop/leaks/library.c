/* Has thread-local storage that threads get when they first use it. */
#include <stddef.h>

#define WORDS 512

static __thread void *volatile words[WORDS];

void *volatile *library_words(size_t *n);

void *volatile *library_words(size_t *n)
{
	*n = WORDS;
	return words;
}
