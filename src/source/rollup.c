#include "source/rollup.h"

#include <errno.h>
#include <stdlib.h>

#define ROLLUP_MOST (64 * 1024)

int rollup_load(const struct procdir *dir, struct rollup *ret, struct error *err)
{
	char *text;
	int r = procdir_read(dir, "smaps_rollup", ROLLUP_MOST, &text, NULL);

	rollup_init(ret);
	if (r == -EACCES || r == -EPERM)
		return fail(err, r, "smaps_rollup: not permitted");
	if (r == -ENOENT && dir->live && procdir_read(dir, "stat", ROLLUP_MOST, &text, NULL) == 0) {
		free(text);
		return fail(err, r, "smaps_rollup: the kernel has none (Linux 4.14)");
	}
	if (r < 0)
		return fail(err, -r, "smaps_rollup");
	rollup_parse(ret, text);
	free(text);
	return 0;
}
