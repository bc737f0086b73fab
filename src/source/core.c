/*
 * The file is read by pread() and never mapped: it may be cut off while we look, and what would be
 * a SIGBUS is then an error like any other. Nothing is allocated because a header asks for it; the
 * file must really hold what lists are made from.
 */
#include "source/core.h"

#include "base/list.h"
#include "source/core_notes.h"
#include "source/core_unpack.h"
#include "source/exact.h"
#include "space/space.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENTS_MOST (UINT64_C(2) << 20) /* twice the largest default of vm.max_map_count */
#define HEADERS_AT_ONCE 64
#define HOLE_UNIT 4096
#define LOOKS_MOST 1000000 /* for holes */

/* Of either class. */
struct image {
	unsigned type, phentsize, shnum;
	uint64_t phoff, shoff, phnum;
};

struct header {
	uint32_t type, flags;
	uint64_t offset, vaddr, filesz, memsz;
};

static int read_at(const struct core *core, uint64_t offset, void *to, size_t size)
{
	if (offset > core->size || size > core->size - offset)
		return -ENODATA;
	return read_exactly(core->fd, offset, to, size);
}

/*
 * Reading memory.
 */

const struct core_segment *core_find(const struct core *core, plat_addr addr)
{
	size_t low = 0, high = core->nsegments;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (core->segments[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == core->nsegments || core->segments[low].start > addr)
		return NULL;
	return &core->segments[low];
}

static int read_memory(struct reader *reader, plat_addr from, void *to, size_t size)
{
	const struct core *core = (const struct core *)reader; /* its first member */
	char *out = to;

	while (size) {
		const struct core_segment *segment = core_find(core, from);
		uint64_t at, part;
		int r;

		if (!segment)
			return -EFAULT;
		at = from - segment->start;
		if (at >= segment->there)
			return -ENODATA;
		part = min_u64(size, segment->there - at);
		r = read_at(core, segment->offset + at, out, (size_t)part);
		if (r < 0)
			return r;
		out += part;
		from += part;
		size -= (size_t)part;
	}
	return 0;
}

/*
 * Headers.
 */

static const char *packer_of(const unsigned char *ident)
{
	static const struct {
		const char *magic;
		size_t size;
		const char *name;
	} packers[] = {
		{"\x1f\x8b", 2, "gzip"},
		{"\xfd"
		 "7zXZ",
		 5, "xz"},
		{"\x04\x22\x4d\x18", 4, "lz4"},
		{"BZh", 3, "bzip2"},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(packers); i++)
		if (memcmp(ident, packers[i].magic, packers[i].size) == 0)
			return packers[i].name;
	return NULL;
}

static int check_ident(struct core *core, const unsigned char *ident, struct error *err)
{
	const char *packer = packer_of(ident);

	if (packer)
		return fail(err, -ENOEXEC, "%s: is packed by %s: unpack it first", core->path,
			    packer);
	if (memcmp(ident, ELFMAG, SELFMAG) != 0)
		return fail(err, -ENOEXEC, "%s: is neither a core nor a snapshot", core->path);
	if (ident[EI_DATA] != ELFDATA2LSB)
		return fail(err, -ENOEXEC, "%s: is of a big-endian machine, which cannot be read",
			    core->path);
	if (ident[EI_CLASS] != ELFCLASS64 && ident[EI_CLASS] != ELFCLASS32)
		return fail(err, -ENOEXEC, "%s: is no core file: neither 64 nor 32 bits",
			    core->path);
	core->is_64 = ident[EI_CLASS] == ELFCLASS64;
	return 0;
}

/* More segments than e_phnum has room for are counted in the first section's header. */
static int read_phnum(const struct core *core, struct image *image)
{
	Elf64_Shdr h64;
	Elf32_Shdr h32;
	int r;

	if (image->phnum != PN_XNUM)
		return 0;
	if (core->is_64)
		r = read_at(core, image->shoff, &h64, sizeof(h64));
	else
		r = read_at(core, image->shoff, &h32, sizeof(h32));
	if (r == 0)
		image->phnum = core->is_64 ? h64.sh_info : h32.sh_info;
	return r;
}

static int read_image(struct core *core, struct image *ret, struct error *err)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr h64;
		Elf32_Ehdr h32;
	} header = {{0}};
	size_t size = (size_t)min_u64(core->size, sizeof(header));
	int r = read_at(core, 0, &header, size);

	if (r < 0)
		return fail(err, -r, "%s: cannot be read", core->path);
	r = check_ident(core, header.ident, err);
	if (r < 0)
		return r;
	if (size < (core->is_64 ? sizeof(header.h64) : sizeof(header.h32)))
		return fail(err, -ENOEXEC, "%s: is cut off within its first header", core->path);
	if (core->is_64)
		*ret = (struct image){header.h64.e_type,  header.h64.e_phentsize,
				      header.h64.e_shnum, header.h64.e_phoff,
				      header.h64.e_shoff, header.h64.e_phnum};
	else
		*ret = (struct image){header.h32.e_type,  header.h32.e_phentsize,
				      header.h32.e_shnum, header.h32.e_phoff,
				      header.h32.e_shoff, header.h32.e_phnum};
	core->machine = core->is_64 ? header.h64.e_machine : header.h32.e_machine;
	if (ret->type != ET_CORE)
		return fail(err, -ENOEXEC, "%s: is a program, a library or an object, but no core",
			    core->path);
	if (ret->phentsize != (core->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return fail(err, -ENOEXEC, "%s: its program headers have an unknown size",
			    core->path);
	/* The kernel writes none, or one that counts segments; gdb one for each note and segment.
	 */
	core->by_debugger = ret->shnum > 1;
	return 0;
}

static struct header header_at(const struct core *core, const void *bytes)
{
	Elf64_Phdr h64;
	Elf32_Phdr h32;

	if (core->is_64) {
		memcpy(&h64, bytes, sizeof(h64));
		return (struct header){h64.p_type,  h64.p_flags,  h64.p_offset,
				       h64.p_vaddr, h64.p_filesz, h64.p_memsz};
	}
	memcpy(&h32, bytes, sizeof(h32));
	return (struct header){h32.p_type,  h32.p_flags,  h32.p_offset,
			       h32.p_vaddr, h32.p_filesz, h32.p_memsz};
}

static int add_segment(struct core *core, const struct header *header)
{
	struct core_segment segment = {
		.start = header->vaddr,
		.offset = header->offset,
		.filled = min_u64(header->filesz, header->memsz),
		.rights = (uint8_t)((header->flags & PF_R ? RIGHT_READ : 0) |
				    (header->flags & PF_W ? RIGHT_WRITE : 0) |
				    (header->flags & PF_X ? RIGHT_EXEC : 0)),
	};
	int r;

	if (header->memsz == 0 ||
	    __builtin_add_overflow(header->vaddr, header->memsz, &segment.end) ||
	    segment.end == UNKNOWN) {
		core->nodd++;
		return 0;
	}
	segment.there = min_u64(segment.filled, sub_floored(core->size, segment.offset));
	r = list_reserve(&core->segments, &core->segments_room, core->nsegments, 1);
	if (r == 0)
		core->segments[core->nsegments++] = segment;
	return r;
}

/* Calls `take` for all headers of one type. The list is known to be within the file. */
static int for_each_header(struct core *core, const struct image *image, uint32_t type,
			   int (*take)(struct core *core, const struct header *header))
{
	unsigned char bytes[HEADERS_AT_ONCE * sizeof(Elf64_Phdr)];
	uint64_t i, j, n;
	int r = 0;

	for (i = 0; r == 0 && i < image->phnum; i += n) {
		n = min_u64(image->phnum - i, HEADERS_AT_ONCE);
		r = read_at(core, image->phoff + i * image->phentsize, bytes,
			    (size_t)n * image->phentsize);
		for (j = 0; r == 0 && j < n; j++) {
			struct header header = header_at(core, bytes + j * image->phentsize);

			if (header.type == type)
				r = take(core, &header);
		}
	}
	return r;
}

static int by_start(const void *a, const void *b)
{
	const struct core_segment *one = a, *other = b;

	return (one->start > other->start) - (one->start < other->start);
}

/* What lies on an earlier segment is left out: then each byte has one place in the file. */
static void order_segments(struct core *core)
{
	size_t i, n = 0;

	if (core->nsegments)
		qsort(core->segments, core->nsegments, sizeof(*core->segments), by_start);
	for (i = 0; i < core->nsegments; i++) {
		const struct core_segment *segment = &core->segments[i];

		if (n && core->segments[n - 1].end > segment->start) {
			core->nodd++;
			continue;
		}
		core->missing = add_capped(core->missing, segment->filled - segment->there);
		core->segments[n++] = *segment;
	}
	core->nsegments = n;
}

/*
 * gdb (gcore_copy_callback, seen with 13) ends a mapping where it meets a page that it cannot read,
 * as one that MADV_GUARD_INSTALL made inaccessible, and goes on with the next. So what ends with a
 * hole may be lost; a hole before other bytes was zeros, where zeros were not written.
 *
 *     | data |  hole: zeros  | data |       hole: lost, or zeros        |
 */
static uint64_t end_of_data(const struct core *core, const struct core_segment *segment,
			    unsigned *looks)
{
	uint64_t end = segment->offset + segment->there, last = segment->offset;
	uint64_t last_block = max_u64(align_down(end, HOLE_UNIT), segment->offset);
	off_t at = (off_t)segment->offset, hole;

	while ((uint64_t)at < end && (*looks)++ < LOOKS_MOST) {
		at = lseek(core->fd, at, SEEK_DATA);
		if (at < 0 && errno != ENXIO)
			return end; /* this file system does not tell */
		/* The last block may be data for the sake of what comes next. */
		if (at < 0 || ((uint64_t)at >= last_block && (uint64_t)at > last))
			return last;
		hole = lseek(core->fd, at, SEEK_HOLE);
		if (hole < 0)
			return end;
		at = hole;
		last = min_u64((uint64_t)hole, end);
	}
	return *looks < LOOKS_MOST ? last : end;
}

static void find_lost(struct core *core)
{
	unsigned looks = 0;
	size_t i;

	for (i = 0; i < core->nsegments; i++) {
		struct core_segment *segment = &core->segments[i];
		uint64_t there = end_of_data(core, segment, &looks) - segment->offset;

		if (there == segment->there)
			continue;
		there = align_down(there, HOLE_UNIT);
		core->lost = add_capped(core->lost, segment->there - there);
		segment->there = there;
	}
}

static int take_notes(struct core *core, const struct header *header)
{
	uint64_t there = min_u64(header->filesz, sub_floored(core->size, header->offset));

	core->notes_cut |= there < header->filesz;
	return core_notes_read(core, header->offset, there);
}

static int read_core(struct core *core, struct error *err)
{
	struct image image;
	uint64_t size;
	int r = read_image(core, &image, err);

	if (r < 0)
		return r;
	r = read_phnum(core, &image);
	if (r == 0 && (__builtin_mul_overflow(image.phnum, image.phentsize, &size) ||
		       image.phoff > core->size || size > core->size - image.phoff))
		r = -ENODATA;
	if (r == -ENODATA)
		return fail(err, -ENOEXEC, "%s: is cut off before its list of mappings ends",
			    core->path);
	if (r == 0 && image.phnum > SEGMENTS_MOST)
		return fail(err, -ENOEXEC, "%s: has %" PRIu64 " segments, which are too many",
			    core->path, image.phnum);
	if (r == 0)
		r = for_each_header(core, &image, PT_LOAD, add_segment);
	if (r == 0)
		order_segments(core);
	if (r == 0 && core->by_debugger)
		find_lost(core);
	if (r == 0)
		r = for_each_header(core, &image, PT_NOTE, take_notes);
	return r < 0 ? fail(err, -r, "%s: cannot be read", core->path) : 0;
}

/*
 * Opening.
 */

static int check_file(int fd, const char *path, uint64_t *size, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(err, errno, "%s: cannot look at it", path);
	if (!S_ISREG(st.st_mode))
		return fail(err, -ENOEXEC, "%s: is no regular file, as cores and snapshots are",
			    path);
	if (st.st_size == 0)
		return fail(err, -ENOEXEC, "%s: is empty", path);
	*size = (uint64_t)st.st_size;
	return 0;
}

int core_open_fd(int fd, const char *path, struct core **ret, struct error *err)
{
	struct core *core = calloc(1, sizeof(*core));
	int r;

	if (!core) {
		close(fd);
		return fail(err, ENOMEM, "%s", path);
	}
	core->reader = (struct reader){.read = read_memory};
	core->fd = fd;
	core->path = strdup(path);
	r = core->path ? check_file(fd, path, &core->size, err) : fail(err, ENOMEM, "%s", path);
	if (r == 0)
		r = core_unpack(path, &core->fd, &core->size, err);
	if (r == 0)
		r = read_core(core, err);
	if (r < 0) {
		core_free(core);
		return r;
	}
	*ret = core;
	return 0;
}

void core_free(struct core *core)
{
	if (!core)
		return;
	if (core->fd >= 0)
		close(core->fd);
	free(core->path);
	free(core->segments);
	free(core->mapped);
	free(core->names);
	free(core->threads);
	free(core->auxv);
	free(core);
}
