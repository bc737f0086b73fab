/*
 * What the kernel is asked about single addresses: one mapping, its figures in smaps, its pages.
 * What reading a whole process would cost is not paid here.
 */
#ifndef SOURCE_QUERY_H
#define SOURCE_QUERY_H

#include "source/procdir.h"
#include "space/space.h"
#include "space/symbol.h"

struct query_mapping {
	plat_addr start, end;
	unsigned rights;
	uint64_t page_size, offset, inode;
	char name[4200];	      /* as in maps, but with newlines as they are; "" for none */
	char build_id[BUILD_ID_SIZE]; /* hexadecimal, or "" */
};

/*
 * The mapping that holds `addr`, by PROCMAP_QUERY (Linux 6.11). 0; -ENOENT where there is none;
 * -ENOTTY where the kernel cannot tell, or in a captured tree; -errno.
 */
int query_mapping(const struct procdir *dir, plat_addr addr, struct query_mapping *ret) MUST_CHECK;

/*
 * Reads smaps until all mappings that touch [from, to) were seen, and no further; fills
 * space->details for them. What may not be read leaves its reason in space->why. 0 or -ENOMEM.
 */
int query_details(const struct procdir *dir, struct space *space, plat_addr from,
		  plat_addr to) MUST_CHECK;

struct query_range {
	plat_addr start, end;
};

/*
 * Page figures of the regions in these ranges, which are in order and do not overlap; guards in the
 * page tables cut regions. All other regions have no_pages set. 0 or -ENOMEM.
 */
int query_pages(const struct procdir *dir, struct space *space, const struct query_range *ranges,
		size_t n) MUST_CHECK;

/*
 * The state of the page at `page`, of enum page_state; 0: nothing there. 0, or -errno and a
 * sentence. *exclusive_known: PAGE_EXCLUSIVE would have been told.
 */
int query_page(const struct procdir *dir, struct space *space, plat_addr page, unsigned *ret,
	       bool *exclusive_known, struct error *err) MUST_CHECK;

/* The release of the kernel that the tree is of: "6.1.0-18-amd64"; "" where it does not say. */
void query_kernel(const struct procdir *dir, char *to, size_t size);

#endif
