#include "base/list.h"

#include <errno.h>
#include <stdlib.h>

int list_reserve_bytes(void **items, size_t *room, size_t count, size_t more, size_t size)
{
	size_t need, target, bytes;
	void *moved;

	if (__builtin_add_overflow(count, more, &need))
		return -ENOMEM;
	if (need <= *room)
		return 0;

	target = *room + *room / 2;
	if (target < need)
		target = need;
	if (target < 8)
		target = 8;
	if (__builtin_mul_overflow(target, size, &bytes))
		return -ENOMEM;
	moved = realloc(*items, bytes);
	if (!moved)
		return -ENOMEM;
	*items = moved;
	*room = target;
	return 0;
}
