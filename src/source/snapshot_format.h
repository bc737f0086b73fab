/*
 * What a snapshot file is made of; docs/snapshot-format.md says it in words. Little-endian.
 *
 *     | head | frames of memory, parts of tables, as they came | directory |
 *         '---------------------------------------------------------^
 *
 * A table is a row of bytes, cut into parts of TABLE_PART_BYTES that zstd has packed one by one;
 * the directory lists all parts. So what is looked for is found by unpacking one part or two.
 */
#ifndef SOURCE_SNAPSHOT_FORMAT_H
#define SOURCE_SNAPSHOT_FORMAT_H

#include <assert.h>
#include <stdint.h>

#define SNAPSHOT_MAGIC                                                                             \
	"\x89PLAT\r\n\x1a" /* neither a text nor a program; broken by what mends texts */
#define SNAPSHOT_VERSION 1

enum snapshot_table {
	TABLE_NAMES, /* struct snapshot_name, each followed by its name; sorted by kind and name */
	TABLE_TEXT,  /* the bytes of answers */
	TABLE_RUNS,  /* struct snapshot_run: pages that are somewhere, in order of addresses */
	TABLE_EXTENTS, /* struct snapshot_extent: pages whose content is kept, as well */
	TABLE_FRAMES,  /* struct snapshot_frame: where that content lies */
	NTABLES
};

#define TABLE_PART_BYTES 98304	 /* a whole number of rows of each table */
#define FRAME_BYTES (256 * 1024) /* of memory, in one frame */

struct snapshot_head {
	unsigned char magic[8];
	uint32_t version;
	uint32_t head_bytes;
	uint64_t file_bytes;
	uint64_t directory_at;
	uint32_t directory_packed, directory_bytes;
	uint64_t reserved[3];
};

struct snapshot_part {
	uint32_t table;
	uint32_t packed;   /* bytes in the file */
	uint64_t position; /* of its first byte in the table */
	uint64_t key;	   /* address of its first row, in RUNS and EXTENTS */
	uint64_t offset;   /* in the file */
	uint32_t bytes;	   /* unpacked */
	uint32_t reserved;
};

/*
 * An answer: what the kernel said when plat asked it, or what plat notes itself.
 */
enum answer_kind {
	ANSWER_FACT = 'n',	/* plat's own notes */
	ANSWER_FILE = 'f',	/* a file below /proc/PID */
	ANSWER_ROOT = 'r',	/* a file below /proc, or any other by its whole name */
	ANSWER_LINK = 'l',	/* where a link below /proc/PID leads */
	ANSWER_LIST = 'd',	/* the numbers in a folder below /proc/PID, each with a newline */
	ANSWER_STAT = 's',	/* struct snapshot_stat of a file below /proc/PID */
	ANSWER_CACHE = 'c',	/* struct snapshot_cache: of a file, MAJOR:MINOR:INODE */
	ANSWER_REGISTERS = 'g', /* struct snapshot_registers: of a thread; its name is its number */
	ANSWER_QUERY = 'q', /* struct snapshot_mapping: PROCMAP_QUERY; its name is in hexadecimal */
};

struct snapshot_name {
	uint32_t kind;		 /* enum answer_kind */
	int32_t result;		 /* 0, or -errno: then there are no bytes */
	uint64_t position, size; /* in TEXT */
	uint32_t length;	 /* of the name, which follows with a NUL behind it */
	uint32_t reserved;
};

struct snapshot_stat {
	uint64_t inode;
	uint64_t file_system; /* f_type of statfs(2), or 0 */
	uint32_t mode;
	uint32_t reserved;
};

/* The name of the answer is its start, in 16 digits; its build-id follows as text. */
struct snapshot_mapping {
	uint64_t start, end, page_size, offset, inode;
	uint32_t rights; /* enum right */
	uint32_t reserved;
};

/* Followed by `size` bytes: the general registers and the vector ones, as ptrace(2) gives them. */
struct snapshot_registers {
	uint64_t pc, sp, tls; /* or UINT64_MAX */
	uint64_t general;     /* bytes of the former */
	uint64_t size;
};

/* Of a file, followed by one struct for each run of cached pages. */
struct snapshot_cache {
	uint64_t file_bytes;
};

struct snapshot_cached {
	uint64_t offset, npages; /* in the file, in order */
};

/*
 * Pages.
 */
struct snapshot_run {
	uint64_t start;
	uint32_t npages;
	uint32_t state; /* of enum page_state, or STATE_NOT_TOLD alone */
};

#define STATE_NOT_TOLD                                                                             \
	(UINT32_C(1) << 31) /* the kernel was not asked: the mapping is too large                  \
			     */

/* Page n of all extents is page n % PER of frame n / PER, PER = FRAME_BYTES / page size. */
struct snapshot_extent {
	uint64_t start;
	uint64_t npages;
	uint64_t first; /* its first page's number */
};

struct snapshot_frame {
	uint64_t offset; /* in the file */
	uint32_t packed; /* bytes there; 0: no page is stored */
	uint32_t reserved;
	uint64_t stored; /* a bit for each page: it is in the frame; one that is not holds zeros */
	uint64_t unread; /* as well: it could not be read */
};

static_assert(sizeof(struct snapshot_head) == 64, "the format");
static_assert(sizeof(struct snapshot_part) == 40, "the format");
static_assert(sizeof(struct snapshot_name) == 32, "the format");
static_assert(sizeof(struct snapshot_stat) == 24, "the format");
static_assert(sizeof(struct snapshot_mapping) == 48, "the format");
static_assert(sizeof(struct snapshot_run) == 16, "the format");
static_assert(sizeof(struct snapshot_extent) == 24, "the format");
static_assert(sizeof(struct snapshot_frame) == 32, "the format");
static_assert(TABLE_PART_BYTES % 16 == 0 && TABLE_PART_BYTES % 24 == 0 &&
		      TABLE_PART_BYTES % 32 == 0,
	      "no row is cut in two");

#endif
