#include "keep.h"

#include "source/freeze.h"
#include "source/snapshot_take.h"

#include <stdio.h>

/* It stands still already, stopped by us: nothing more is to be done to it. */
static int take(const struct procdir *dir, const char *path, struct error *err)
{
	const struct freeze_wish wish = {.rung = FREEZE_NEVER};
	struct snapshot_request request = {.content = CONTENT_FULL};
	struct snapshot_taken taken;
	struct space space;
	int r = freeze_begin(dir, &wish, &request.freeze, err);

	if (r < 0)
		return r;
	r = snapshot_take(dir, &request, path, &space, &taken, err);
	if (r == 0)
		space_fini(&space);
	freeze_free(request.freeze);
	return r;
}

void keep_snapshot(int process, const char *path)
{
	struct procdir dir;
	struct error err;
	int r = procdir_open(NULL, process, &dir, &err);

	if (r == 0) {
		r = take(&dir, path, &err);
		procdir_close(&dir);
	}
	if (r == 0)
		printf("# kept: %s\n", path);
	else
		printf("# not kept: %s\n", err.text);
}
