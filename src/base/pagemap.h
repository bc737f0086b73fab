/*
 * /proc/PID/pagemap: its entries, Linux Documentation/admin-guide/mm/pagemap.rst; and PAGEMAP_SCAN,
 * Linux 6.7 include/uapi/linux/fs.h, newer than the headers we build with.
 */
#ifndef BASE_PAGEMAP_H
#define BASE_PAGEMAP_H

#include <stdint.h>
#include <sys/ioctl.h>

#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)
#define PAGEMAP_FILE (UINT64_C(1) << 61) /* or shared memory's */
#define PAGEMAP_GUARD (UINT64_C(1) << 58)
#define PAGEMAP_EXCLUSIVE (UINT64_C(1) << 56)
#define PAGEMAP_SOFT_DIRTY (UINT64_C(1) << 55)
#define PAGEMAP_FRAME ((UINT64_C(1) << 55) - 1) /* the page frame's number; 0 without privilege */

struct scan_region {
	uint64_t start, end, categories;
};

struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN_REQUEST _IOWR('f', 16, struct scan_arg)

#define SCAN_PROTECT 1 /* a flag: pages that are found are watched from now on */

#define SCAN_WRITTEN (1 << 1) /* written to since, or not watched */
#define SCAN_FILE (1 << 2)
#define SCAN_PRESENT (1 << 3)
#define SCAN_SWAPPED (1 << 4)
#define SCAN_ZERO (1 << 5)
#define SCAN_HUGE (1 << 6)
#define SCAN_SOFT_DIRTY (1 << 7)
#define SCAN_GUARD (1 << 8) /* Linux 6.15 */

#endif
