/* What the text and the document of plat explain have in common: words for pieces of a space. */
#ifndef VIEW_EXPLAIN_WORDS_H
#define VIEW_EXPLAIN_WORDS_H

#include "view/explain.h"

/* "rw-p", in the caller's 5 bytes. */
char *explain_permissions(unsigned rights, char *to);

/* The last part of a path. */
const char *explain_last_part(const char *name);

/* "main thread town (TID 4711)". */
void explain_thread(const struct thread *thread, char *to, size_t size);

/* "bss of town", "thread-stack of thread smith (TID 4712)", "shm POSIX /town". Escaped. */
void explain_region(const struct space *space, const struct region *region, bool paths, char *to,
		    size_t size);

/* "free"; NULL where that cannot be told: EXPLAIN_GAP_WHY. */
const char *explain_gap_name(const struct space *space, const struct gap *gap, plat_addr addr);
#define EXPLAIN_GAP_WHY "vm.mmap_min_addr is not known"

/* What sort of gap it is, and why. */
void explain_gap(const struct space *space, const struct gap *gap, char *to, size_t size);

/* "free, stack-guard-gap": the sorts of gaps in [start, end), from below. */
void explain_gaps(const struct space *space, plat_addr start, plat_addr end, char *to, size_t size);

/* The gap that holds `addr`, or NULL. */
const struct gap *explain_gap_at(const struct space *space, plat_addr addr);

/* What smaps says of the region's mapping, or NULL (also for no region), and why it does not. */
const struct detail *explain_detail(const struct space *space, const struct region *region);
const char *explain_details_why(const struct space *space, const struct region *region);

/*
 * Anonymous memory kept as libplat keeps a closed secret, and other libraries theirs: between
 * guards, without rights, locked, in no core, not for children. Only smaps tells it, and it is no
 * proof: so it is no kind.
 */
bool explain_is_like_secret(const struct space *space, const struct region *region);

/* "program", "library". */
const char *explain_role(const struct module *module);

static inline bool has_inode(const struct file *file)
{
	return file && file->inode;
}

static inline uint64_t file_offset(const struct region *region, plat_addr addr)
{
	return add_capped(region->offset, addr - region->start);
}

static inline plat_addr page_of(const struct space *space, plat_addr addr)
{
	return align_down(addr, space->machine.page_size);
}

#endif
