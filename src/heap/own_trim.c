#include "heap/own_trim.h"

#include "heap/own_parts.h"

#include <errno.h>

int own_trim_read(struct own *own, struct own_trim *ret, struct error *err)
{
	const struct own_row *row = &own->layout.rows[OWN_TRIM_ASKED];
	struct own_trim trim = {.at = own->trim_at + row->offset};
	size_t i;
	int r;

	if (!own->trim_at || !row->is_known || !own->layout.rows[OWN_HEAP_TRIMMED].is_known)
		return fail(err, -ENOTSUP,
			    "this version of plat's malloc cannot be asked to give back");
	r = own_read_number(own->reading.reader, &own->layout, trim.at, row->width, &trim.asked);
	if (r == 0)
		r = own_read_heaps(own);
	if (r < 0)
		return fail(err, -r, "the state of plat's malloc cannot be read");
	for (i = 0; i < own->nheaps; i++) {
		trim.nheaps += own->heaps[i].is_alive;
		trim.ndone += own->heaps[i].is_alive && own->heaps[i].trimmed == trim.asked;
	}
	*ret = trim;
	return 0;
}
