/*
 * Where our allocator keeps what it knows: in blocks apart from the program's, which are in a list,
 * the newest first. Slabs and windows, which stand there, lead to the program's blocks.
 *
 * A version that has no list is older than this file; nothing is told of it.
 */
#include "heap/own_parts.h"

#include "base/circle.h"

#define METAS_MOST (1u << 20)

/* One of them; *at is the next. 0, or what the visitor returned. */
static int show_one(struct own *own, const struct heap_visitor *visitor, plat_addr *at)
{
	unsigned char bytes[256];
	plat_addr start = *at, end;

	*at = 0;
	if (reader_read(own->reading.reader, start, bytes,
			own->layout.rows[OWN_META_BLOCK].offset) < 0) {
		own->reading.proofs.unreadable++;
		return 0;
	}
	end = own_get(&own->layout, bytes, OWN_META_BLOCK_END);
	*at = own_get(&own->layout, bytes, OWN_META_BLOCK_OLDER);
	return heap_show_state(visitor, start, end);
}

int own_show_states(struct own *own, const struct heap_visitor *visitor)
{
	const struct own_layout *layout = &own->layout;
	const struct own_row *row = &layout->rows[OWN_META_BLOCK];
	struct circle circle = {0};
	plat_addr at = 0;
	unsigned n;
	int r = 0;

	if (!visitor || !visitor->state || !own->metas_at || !row->is_known || row->offset > 256 ||
	    !layout->rows[OWN_META_BLOCK_END].is_known)
		return 0;
	if (own_read_number(own->reading.reader, layout, own->metas_at, layout->pointer_bytes,
			    &at) < 0)
		own->reading.proofs.unreadable++;
	for (n = 0; r == 0 && at && n < METAS_MOST && !circle_closes(&circle, at); n++)
		r = show_one(own, visitor, &at);
	if (r == 0 && at)
		own_say_broken(own, at, "the list of what the allocator keeps has no end");
	return r;
}
