#include "space/mangle.h"

#include <string.h>

/*
 * tcbhead_t, in words: itself, dtv, itself, multiple_threads, sysinfo, stack guard, pointer guard
 * (glibc sysdeps/x86_64/nptl/tls.h; i386 has the same). In musl's the fourth word is a list's link,
 * which leads to the thread itself where there is no other.
 */
#define VECTOR 1
#define SELF 2
#define SINGLE 3
#define GUARD 6
#define WORDS 7

static bool read_words(struct reader *reader, plat_addr at, unsigned width, uint64_t to[WORDS])
{
	unsigned char bytes[WORDS * 8];
	unsigned i;

	if (reader_read(reader, at, bytes, (size_t)WORDS * width) < 0)
		return false;
	for (i = 0; i < WORDS; i++) {
		to[i] = 0;
		memcpy(&to[i], bytes + (size_t)i * width, width);
	}
	return true;
}

static bool read_glibc(struct reader *reader, plat_addr at, unsigned width, uint64_t to[WORDS])
{
	return read_words(reader, at, width, to) && to[0] == at && to[SELF] == at &&
	       to[SINGLE] != at;
}

bool mangle_is_glibc(struct reader *reader, plat_addr descriptor, unsigned width, plat_addr *vector)
{
	uint64_t words[WORDS];

	if (!read_glibc(reader, descriptor, width, words))
		return false;
	*vector = words[VECTOR];
	return true;
}

/*
 * Where addresses have 32 bits nearly any word would be a pointer once it is turned, so they are
 * left as they are there. What hides in these is code and stack pointers, seldom a block.
 */
struct mangle mangle_find(const struct space *space, struct reader *reader)
{
	unsigned width = sizeof(uint64_t);
	uint64_t words[WORDS];
	size_t i;

	for (i = 0; space->process.bits != 32 && i < space->nthreads; i++) {
		plat_addr at = space->threads[i].descriptor;

		if (at != UNKNOWN && read_glibc(reader, at, width, words) && words[GUARD])
			return (struct mangle){width, words[GUARD]};
	}
	return MANGLE_NONE;
}
