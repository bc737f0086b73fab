/*
 * What libplat and libplat-checked ask before they copy: the functions that the allocator exports
 * for them. Both declare them weak, and ask nobody where they are not there.
 *
 * A fault if bytes lie where the allocator puts blocks, and not all of them in one live block, said
 * with the name of who asks and what it was about to do. Addresses of others are not judged, and no
 * bytes lie nowhere. If all is well, or a fault is not to end the program, `then` does what was
 * meant, with the same arguments, and what it returns is returned: so the asker need not come back,
 * and keeps nothing meanwhile. Takes no lock and does not allocate; may be called from a signal
 * handler.
 */
#ifndef PLAT_ALLOC_RANGES_H
#define PLAT_ALLOC_RANGES_H

#include <stdbool.h>
#include <stddef.h>

typedef void *plat__move_function(void *to, const void *from, size_t bytes);
typedef void *plat__set_function(void *to, int byte, size_t bytes);
typedef int plat__compare_function(const void *a, const void *b, size_t bytes);

/* Who asks: its name, and where the address of what does it stands, which may be found out late. */
struct plat__mover {
	const char *by;
	plat__move_function *const *then;
};

struct plat__setter {
	const char *by;
	plat__set_function *const *then;
};

struct plat__comparer {
	const char *by;
	plat__compare_function *const *then;
};

/* Writes to `to` and reads at `from`. */
void *plat_check_move(void *to, const void *from, size_t bytes, const struct plat__mover *mover);

/* The same; also a fault if both overlap, but are not the same: compilers copy a thing to itself.
 */
void *plat_check_copy(void *to, const void *from, size_t bytes, const struct plat__mover *mover);

/* Writes to `to`. */
void *plat_check_set(void *to, int byte, size_t bytes, const struct plat__setter *setter);

/* Reads at both. */
int plat_check_compare(const void *a, const void *b, size_t bytes,
		       const struct plat__comparer *comparer);

/* `by` writes or reads; nothing is done. */
void plat_check_access(const void *p, size_t bytes, const char *by, bool writes);

/* The same for those that are called most, by what the C library has for them. */
void *plat_check_memcpy(void *to, const void *from, size_t bytes);
void *plat_check_memmove(void *to, const void *from, size_t bytes);
void *plat_check_memset(void *to, int byte, size_t bytes);
int plat_check_memcmp(const void *a, const void *b, size_t bytes);

struct plat__behind {
	plat__move_function *move;
	plat__set_function *set;
	plat__compare_function *compare;
};

/*
 * For who stands in front of the C library, before it asks: what those four call is behind it. And
 * callers in these bytes of code are the allocator, which writes into free
 * slots, and is not judged. Who asks in place of its caller does it last, so that who is asked
 * returns there.
 */
void plat_check_begin(const void *start, size_t bytes, const struct plat__behind *functions);

#endif
