/* mmap, mremap and munmap, in whole pages, for windows that begin and end anywhere. */
#include "mem/lend.h"
#include "base/assert.h"
#include "mem/copy.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static_assert(sizeof(off_t) == 8, "files are larger than memory: -D_FILE_OFFSET_BITS=64");

bool plat__round_up(size_t size, size_t unit, size_t *ret)
{
	size_t end;

	if (__builtin_add_overflow(size, unit - 1, &end))
		return false;
	*ret = end & ~(unit - 1);
	return true;
}

/* How far into its first page the data begin. */
static size_t lead_of(const struct plat__entry *entry)
{
	return (size_t)(entry->offset % entry->unit);
}

static int whole_pages(const struct plat__entry *entry, size_t size, size_t *ret)
{
	size_t with_lead;

	if (__builtin_add_overflow(size, lead_of(entry), &with_lead) || with_lead > PTRDIFF_MAX ||
	    !plat__round_up(with_lead, entry->unit, ret))
		return -EOVERFLOW;
	return 0;
}

static void set_memory(struct plat__entry *entry, char *base, size_t mapped, size_t size)
{
	entry->base = base;
	entry->mapped = mapped;
	entry->data = base ? base + lead_of(entry) : NULL;
	entry->size = size;
}

static char *map_file(const struct plat__entry *entry, size_t mapped, int sharing)
{
	off_t offset = (off_t)(entry->offset - lead_of(entry));

	return mmap(NULL, mapped, entry->protection, sharing, entry->fd, offset);
}

static char *map_memory(const struct plat__entry *entry, size_t mapped)
{
	int flags = entry->sharing | MAP_ANONYMOUS;

	if (entry->flags & PLAT_MAP_SPARSE)
		flags |= MAP_NORESERVE;
	return mmap(NULL, mapped, entry->protection, flags, -1, 0);
}

/*
 * A file that can only be mapped privately can be read so: a memfd whose pages are sealed against
 * writing, before Linux 6.7, and file systems that keep no pages.
 */
static char *map_to_read(const struct plat__entry *entry, size_t mapped)
{
	char *base = map_file(entry, mapped, MAP_SHARED);

	if (base == MAP_FAILED && (errno == EPERM || errno == ENODEV))
		base = map_file(entry, mapped, MAP_PRIVATE);
	return base;
}

static int lend_plain(struct plat__entry *entry, size_t size)
{
	size_t mapped;
	char *base;
	int r = whole_pages(entry, size, &mapped);

	if (r < 0)
		return r;
	if (!entry->is_file)
		base = map_memory(entry, mapped);
	else if (entry->protection & PROT_WRITE)
		base = map_file(entry, mapped, entry->sharing);
	else
		base = map_to_read(entry, mapped);
	if (base == MAP_FAILED)
		return -errno;
	set_memory(entry, base, mapped, size);
	return 0;
}

int plat__lend(struct plat__entry *entry, size_t size)
{
	if (size == 0) {
		set_memory(entry, NULL, 0, 0);
		return 0;
	}
	/* What it was before it became empty says nothing. */
	entry->unit = (size_t)sysconf(_SC_PAGESIZE);
	entry->huge = PLAT_HUGE_NONE;
	if (entry->flags & PLAT_MAP_HUGE && !entry->is_file && plat__lend_huge(entry, size) == 0)
		return 0;
	return lend_plain(entry, size);
}

int plat__give_back(struct plat__entry *entry)
{
	if (entry->base && munmap(entry->base, entry->mapped) < 0)
		return -errno;
	set_memory(entry, NULL, 0, 0);
	return 0;
}

/* --- another size --- */

/*
 * The part of the last page that is given up, and may come back; of shared memory it is still
 * others'. The kernel writes, since somebody may have made the page one to read.
 */
static void wipe(const struct plat__entry *entry, size_t old_size)
{
	static const char zeros[4096];
	size_t end = entry->mapped - (size_t)(entry->data - entry->base), at, n;

	if (entry->is_file || entry->sharing == MAP_SHARED)
		return;
	if (old_size < end)
		end = old_size;
	for (at = entry->size; at < end; at += n) {
		n = end - at < sizeof(zeros) ? end - at : sizeof(zeros);
		plat__copy(entry->data + at, zeros, n);
	}
}

/*
 * mremap cannot make several mappings longer at once, which parts of other rights or advice are; a
 * shared file shows the same at any place.
 */
static int lend_anew(struct plat__entry *entry, size_t size)
{
	struct plat__entry now = *entry;
	int r;

	if (!entry->is_file || entry->sharing != MAP_SHARED)
		return -EFAULT;
	r = lend_plain(&now, size);
	if (r < 0)
		return r;
	munmap(entry->base, entry->mapped);
	set_memory(entry, now.base, now.mapped, size);
	return 1;
}

static int remap(struct plat__entry *entry, size_t size, size_t mapped, bool stays)
{
	char *before = entry->base, *base;
	int flags = stays ? 0 : MREMAP_MAYMOVE;

	base = mremap(before, entry->mapped, mapped, flags);
	if (base == MAP_FAILED && errno == EFAULT && !stays)
		return lend_anew(entry, size);
	if (base == MAP_FAILED) /* mmap says ENOMEM of what is larger than all addresses */
		return errno == EINVAL ? -ENOMEM : -errno;
	set_memory(entry, base, mapped, size);
	return base != before;
}

static bool can_grow(const struct plat__entry *entry)
{
	return entry->huge != PLAT_HUGE_POOL && (entry->is_file || entry->sharing == MAP_PRIVATE);
}

static int lend_more(struct plat__entry *entry, size_t size, size_t mapped, bool stays)
{
	return can_grow(entry) ? remap(entry, size, mapped, stays) : -EOPNOTSUPP;
}

/* Pages that the kernel does not take back, since it cannot cut a mapping in two, stay for later.
 */
static int lend_no_more(struct plat__entry *entry, size_t size, size_t mapped)
{
	size_t old_size = entry->size;

	if (mapped < entry->mapped && munmap(entry->base + mapped, entry->mapped - mapped) == 0)
		entry->mapped = mapped;
	entry->size = size;
	wipe(entry, old_size);
	return 0;
}

static int lend_other(struct plat__entry *entry, size_t size, bool stays)
{
	size_t mapped;
	int r = whole_pages(entry, size, &mapped);

	if (r < 0)
		return r;
	if (mapped > entry->mapped)
		return lend_more(entry, size, mapped, stays);
	return lend_no_more(entry, size, mapped);
}

int plat__lend_again(struct plat__entry *entry, size_t size, bool stays)
{
	int r;

	if (entry->base && size)
		return lend_other(entry, size, stays);
	if (!entry->base && !size)
		return 0;
	r = size ? plat__lend(entry, size) : plat__give_back(entry);
	return r < 0 ? r : 1;
}
