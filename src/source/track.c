#include "source/track.h"

#include "base/pagemap.h"
#include "source/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Linux 6.7 include/uapi/linux/userfaultfd.h */
#define FEATURE_ASYNC (1 << 15)

/* --- by faults --- */

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

static int begin_by_faults(const struct procdir *dir, struct track *ret, struct error *err)
{
	struct track track = {.how = TRACK_BY_FAULTS};
	int r;

	track.fd = inject_userfaultfd(dir, &track.told, err);
	if (track.fd < 0)
		return track.fd;
	r = begin(dir, &track, err);
	if (r < 0)
		track_end(&track);
	else
		*ret = track;
	return r;
}

/* --- soft-dirty --- */

/* A page that was just written to has the bit, where there is one. */
bool track_has_soft_dirty(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	char *p;

	if (fd < 0)
		return false;
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED) {
		*(volatile char *)p = 1;
		if (pread(fd, &entry, sizeof(entry),
			  (off_t)((uintptr_t)p / page * sizeof(entry))) != sizeof(entry))
			entry = 0;
		munmap(p, page);
	}
	close(fd);
	return entry & PAGEMAP_SOFT_DIRTY;
}

/* Linux Documentation/filesystems/proc.rst: 4 clears the bit of all pages. */
static int begin_by_soft_dirty(const struct procdir *dir, struct track *ret, struct error *err)
{
	int fd = openat(dir->fd, "clear_refs", O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0 || write(fd, "4", 1) != 1)
		r = fail(err, errno, "%d: the soft-dirty bits of its pages cannot be cleared",
			 dir->pid);
	if (fd >= 0)
		close(fd);
	if (r == 0)
		*ret = (struct track){.how = TRACK_SOFT_DIRTY, .fd = -1};
	return r;
}

/* --- both --- */

int track_begin(const struct procdir *dir, bool inject, struct track *ret, struct error *err)
{
	int r = 0;

	*ret = TRACK_NONE;
	if (inject)
		r = begin_by_faults(dir, ret, err);
	if ((r < 0 || !inject) && track_has_soft_dirty())
		r = begin_by_soft_dirty(dir, ret, err);
	return r;
}

void track_end(struct track *track)
{
	if (track->fd >= 0)
		close(track->fd);
	*track = TRACK_NONE;
}
