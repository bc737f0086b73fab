#include "source/query.h"

#include "base/procmap.h"
#include "source/maps.h"
#include "source/pages.h"
#include "source/snapshot.h"
#include "space/figures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BUILD_ID_BYTES 64

static void put_build_id(const unsigned char *bytes, size_t n, char *to)
{
	size_t i;

	to[0] = '\0';
	for (i = 0; i < n && 2 * i + 3 <= BUILD_ID_SIZE; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

/* Not every file can be asked for its build-id: then the question is repeated without it. */
static int ask(int fd, struct procmap_query *query)
{
	int r = ioctl(fd, PROCMAP_REQUEST, query) < 0 ? -errno : 0;

	if (r == 0 || r == -ENOENT || r == -ENOTTY || r == -ESRCH || !query->build_id_size)
		return r;
	query->build_id_size = 0;
	query->build_id_addr = 0;
	return ioctl(fd, PROCMAP_REQUEST, query) < 0 ? -errno : 0;
}

static int query_snapshot(struct snapshot *snapshot, plat_addr addr, struct query_mapping *ret)
{
	struct snapshot_mapping mapping;
	char build_id[SNAPSHOT_BUILD_ID];
	int r = snapshot_mapping(snapshot, addr, &mapping, build_id);

	if (r < 0)
		return r;
	*ret = (struct query_mapping){
		.start = mapping.start,
		.end = mapping.end,
		.rights = mapping.rights,
		.page_size = mapping.page_size,
		.offset = mapping.offset,
		.inode = mapping.inode,
	};
	snprintf(ret->build_id, sizeof(ret->build_id), "%.*s", BUILD_ID_SIZE - 1, build_id);
	return 0;
}

int query_mapping(const struct procdir *dir, plat_addr addr, struct query_mapping *ret)
{
	unsigned char build_id[BUILD_ID_BYTES];
	struct query_mapping found = {0};
	struct procmap_query query = {
		.size = sizeof(query),
		.query_addr = addr,
		.vma_name_size = sizeof(found.name) - 1,
		.vma_name_addr = (uintptr_t)found.name,
		.build_id_size = sizeof(build_id),
		.build_id_addr = (uintptr_t)build_id,
	};
	int fd, r;

	if (dir->snapshot)
		return query_snapshot(dir->snapshot, addr, ret);
	if (!dir->live)
		return -ENOTTY;
	fd = procdir_open_file(dir, "maps");
	if (fd < 0)
		return fd;
	r = ask(fd, &query);
	close(fd);
	if (r < 0)
		return r;
	found.start = query.vma_start;
	found.end = query.vma_end;
	found.rights = query.vma_flags & PROCMAP_RIGHTS; /* enum right has the same bits */
	found.page_size = query.vma_page_size;
	found.offset = query.vma_offset;
	found.inode = query.inode;
	if (query.build_id_size <= sizeof(build_id))
		put_build_id(build_id, query.build_id_size, found.build_id);
	*ret = found;
	return 0;
}

static const char *reason(const struct procdir *dir, int r)
{
	if (r == -ENODATA)
		return procdir_missing(dir);
	return r == -EACCES || r == -EPERM ? "not permitted" : strerror(-r);
}

static int take_piece(void *context, const char *bytes, size_t size)
{
	struct maps_reader *reader = context;
	int r = maps_feed(reader, bytes, size);

	return r < 0 ? r : reader->at >= reader->to;
}

/* The kernel makes the text as it is read, so small pieces keep it from walking too far. */
static int read_smaps(const struct procdir *dir, struct maps_reader *reader)
{
	int r = procdir_feed(dir, "smaps", 4096, take_piece, reader);

	return r < 0 ? r : maps_finish(reader);
}

int query_details(const struct procdir *dir, struct space *space, plat_addr from, plat_addr to)
{
	struct maps_reader reader = {
		.space = space,
		.with_details = true,
		.number = SIZE_MAX,
		.from = from,
		.to = to,
	};
	int r;

	if (!space->details)
		space->details = calloc(space->nmappings + 1, sizeof(*space->details));
	if (!space->details)
		return -ENOMEM;
	r = read_smaps(dir, &reader);
	if (r < 0)
		space_why(&space->why.details, "smaps: %s", reason(dir, r));
	return r == -ENOMEM ? r : 0;
}

static int take_run(void *context, const struct page_run *run)
{
	return figures_add(context, run);
}

static void forget_pages(struct space *space, const char *why)
{
	size_t i;

	for (i = 0; i < space->nregions; i++)
		space->regions[i].no_pages = true;
	free(space->why.pages);
	space->why.pages = NULL;
	if (why)
		space_why(&space->why.pages, "%s", why);
}

int query_pages(const struct procdir *dir, struct space *space, const struct query_range *ranges,
		size_t n)
{
	struct figures walk;
	struct error why;
	size_t i, at;
	int r = figures_init(&walk, space, false);

	if (r < 0)
		return r;
	forget_pages(space, NULL);
	for (i = 0; i < n && r == 0; i++) {
		at = space_at_or_above(space, ranges[i].start);
		for (; at < space->nregions && space->regions[at].start < ranges[i].end; at++)
			space->regions[at].no_pages = false;
		r = pages_walk(dir, space, ranges[i].start, ranges[i].end, PAGES_ANY, take_run,
			       &walk, &why);
	}
	if (r == 0)
		r = figures_finish(&walk);
	else if (r != -ENOMEM)
		forget_pages(space, why.text);
	figures_fini(&walk);
	return r == -ENOMEM ? r : 0;
}

static int take_state(void *context, const struct page_run *run)
{
	*(unsigned *)context |= run->state;
	return 0;
}

int query_page(const struct procdir *dir, struct space *space, plat_addr page, unsigned *ret,
	       bool *exclusive_known, struct error *err)
{
	plat_addr end = add_capped(page, space->machine.page_size);
	unsigned state = 0;
	int r = pages_walk(dir, space, page, end, PAGES_EXCLUSIVE, take_state, &state, err);

	if (r == 0) {
		*ret = state;
		*exclusive_known = pages_told(dir, PAGES_EXCLUSIVE) & PAGE_EXCLUSIVE;
	}
	return r;
}

void query_kernel(const struct procdir *dir, char *to, size_t size)
{
	static const char begin[] = "Linux version ";
	size_t length;
	char *text;

	to[0] = '\0';
	if (procdir_read_root(dir, "version", 4096, &text, NULL) < 0)
		return;
	if (strncmp(text, begin, strlen(begin)) == 0) {
		length = strcspn(text + strlen(begin), " \n");
		snprintf(to, size, "%.*s", (int)length, text + strlen(begin));
	}
	free(text);
}
