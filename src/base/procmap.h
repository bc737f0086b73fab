/*
 * PROCMAP_QUERY: what a descriptor of /proc/PID/maps says of one address. Linux 6.11
 * include/uapi/linux/fs.h, newer than the headers we build with.
 */
#ifndef BASE_PROCMAP_H
#define BASE_PROCMAP_H

#include <stdint.h>
#include <sys/ioctl.h>

struct procmap_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};

#define PROCMAP_REQUEST _IOWR('f', 17, struct procmap_query)

#define PROCMAP_RIGHTS 0xf	    /* of vma_flags: read 1, write 2, execute 4, shared 8 */
#define PROCMAP_COVERING_OR_NEXT 16 /* of query_flags: or else what lies behind */

#endif
