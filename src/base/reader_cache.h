/* Remembers pages that a reader has read: for what is looked at again and again, and stands still.
 */
#ifndef BASE_READER_CACHE_H
#define BASE_READER_CACHE_H

#include "base/reader.h"

#define READER_CACHE_PAGES 64
#define READER_CACHE_BYTES 4096 /* of a page; the target's may be larger */

struct reader_cache {
	struct reader reader; /* hand this to who wants to read */
	struct reader *from;
	struct {
		bool is_held;
		plat_addr at;
		unsigned char bytes[READER_CACHE_BYTES];
	} pages[READER_CACHE_PAGES];
};

void reader_cache_init(struct reader_cache *cache, struct reader *from);

#endif
