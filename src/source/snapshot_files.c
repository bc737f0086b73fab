#include "source/snapshot_files.h"

#include "source/core_files.h"
#include "source/snapshot.h"

#include <errno.h>

struct kept {
	struct reader reader; /* its first member */
	struct snapshot *snapshot;
};

static int read_kept(struct reader *reader, plat_addr from, void *to, size_t size)
{
	return snapshot_read(((struct kept *)reader)->snapshot, from, to, size);
}

int snapshot_file_open(const struct procdir *dir, const struct space *space,
		       const struct region *region)
{
	struct kept kept = {{.read = read_kept}, dir->snapshot};
	struct snapshot_mapping mapping;
	char build_id[SNAPSHOT_BUILD_ID];

	if (snapshot_mapping(dir->snapshot, region->start, &mapping, build_id) == 0 && build_id[0])
		return core_file_open_by_id(space, region, build_id);
	return core_file_open(&kept.reader, space, region);
}
