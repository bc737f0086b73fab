#include "source/track.h"

#include "source/maps.h"
#include "source/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Linux 6.7 include/uapi/linux/userfaultfd.h */
#define FEATURE_ASYNC (1 << 15)

struct watch {
	int fd;
	uint64_t bytes;
	plat_addr end; /* of the last mapping that is watched */
};

/* What cannot be watched, as huge pages of a pool, counts as written to. */
static void watch_mapping(struct watch *watch, const struct maps_line *line)
{
	struct uffdio_register request = {
		.range = {line->start, line->end - line->start},
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	if (ioctl(watch->fd, UFFDIO_REGISTER, &request) < 0)
		return;
	watch->bytes += line->end - line->start;
	watch->end = line->end;
}

static bool take_mapping(void *context, const struct maps_line *line)
{
	if ((line->rights & RIGHT_WRITE) && !(line->rights & RIGHT_SHARED))
		watch_mapping(context, line);
	return false;
}

/* All pages that are there count as not written to from now on. */
static int clear(const struct procdir *dir, plat_addr end)
{
	struct scan_arg arg = {
		.size = sizeof(arg),
		.flags = SCAN_PROTECT,
		.end = end,
		.category_mask = SCAN_PRESENT,
		.category_anyof_mask = SCAN_WRITTEN,
	};
	int fd = procdir_open_file(dir, "pagemap"), r = 0;

	if (fd < 0)
		return fd;
	while (r == 0 && arg.start < arg.end) {
		uint64_t at = arg.start;

		if (ioctl(fd, SCAN_REQUEST, &arg) < 0 && errno != EINTR)
			r = -errno;
		if (arg.walk_end <= at)
			break;
		arg.start = arg.walk_end;
	}
	close(fd);
	return r;
}

static int begin(const struct procdir *dir, struct track *track, struct error *err)
{
	struct watch watch = {.fd = track->fd};
	struct uffdio_api api = {.api = UFFD_API, .features = FEATURE_ASYNC};
	int r;

	if (ioctl(track->fd, UFFDIO_API, &api) < 0)
		return fail(err, errno, "the kernel cannot tell which pages are written to");
	r = maps_each(dir, take_mapping, &watch);
	if (r == 0)
		r = clear(dir, watch.end);
	track->bytes = watch.bytes;
	return r < 0 ? fail(err, -r, "%d: its pages cannot be watched", dir->pid) : 0;
}

int track_begin(const struct procdir *dir, struct track *ret, struct error *err)
{
	struct track track = TRACK_NONE;
	int r;

	track.fd = inject_userfaultfd(dir, &track.told, err);
	if (track.fd < 0)
		return track.fd;
	r = begin(dir, &track, err);
	if (r < 0) {
		track_end(&track);
		return r;
	}
	*ret = track;
	return 0;
}

void track_end(struct track *track)
{
	if (track->fd >= 0)
		close(track->fd);
	*track = TRACK_NONE;
}
