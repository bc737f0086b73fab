/*
 * Which pages of a process are there, and in what state: as runs, in order of addresses.
 *
 * PAGEMAP_SCAN (Linux 6.7) walks all page tables in the kernel and answers with runs; before it,
 * and where single bits are wanted that it does not tell, pagemap is read, 8 bytes a page.
 */
#ifndef SOURCE_PAGES_H
#define SOURCE_PAGES_H

#include "base/error.h"
#include "source/procdir.h"
#include "space/figures.h"

/* Takes a run. 0 to go on; anything else ends the walk and is returned by it. */
typedef int (*page_run_fn)(void *context, const struct page_run *run);

enum pages_how {
	PAGES_ANY,	 /* the fastest */
	PAGES_EXCLUSIVE, /* with PAGE_EXCLUSIVE: reads pagemap too, for pages that are there */
};

/*
 * Walks the pages in [start, end) of the space's mappings. Neighbouring runs of one state may come
 * in pieces. Mappings too large to be read page by page, where that is the only way, are passed
 * over and get region.no_pages. 0; what `run` returned; or -errno with a sentence.
 */
int pages_walk(const struct procdir *dir, struct space *space, plat_addr start, plat_addr end,
	       enum pages_how how, page_run_fn run, void *context, struct error *err) MUST_CHECK;

/*
 * The states, of enum page_state, that such a walk tells: those it does not are missing from runs.
 */
unsigned pages_told(const struct procdir *dir, enum pages_how how);

#endif
