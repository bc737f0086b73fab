/*
 * An address space as plain data. No system calls here: `source` fills it, `view` shows it.
 *
 *     start                                                   end
 *       | region | region |     gap     | region |  gap  | region |
 *       '---- mapping ----'             '-mapping'
 *
 * A mapping is what the kernel lists in one line of maps. A region is the part of one mapping that
 * has one kind. Regions are cut to the byte: .bss begins where the file's bytes end, not at a page.
 *
 * Always: regions are in order of their addresses, none is empty, and none overlaps another; the
 * regions of a mapping touch each other; the gaps are what is left between the regions.
 *
 * What could not be learnt is UNKNOWN, never 0, and `why` says the reason.
 */
#ifndef SPACE_SPACE_H
#define SPACE_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/compiler.h"

#define UNKNOWN UINT64_MAX	    /* a figure that could not be learnt */
#define LIMIT_INFINITE (UINT64_MAX) /* a limit that does not limit */
#define NO_FILE UINT32_MAX
#define NO_MODULE UINT32_MAX
#define NO_THREAD UINT32_MAX
#define TOP_OF_MEMORY 0 /* as the end of a gap: 2^64, so that end - start is its size */

enum kind {
	KIND_NONE, /* not yet decided; no region has it once kinds_assign() has run */
	KIND_TEXT,
	KIND_RODATA,
	KIND_RELRO,
	KIND_DATA,
	KIND_BSS,
	KIND_HEAP,
	KIND_ANON,
	KIND_FILE,
	KIND_SHM,
	KIND_STACK,
	KIND_THREAD_STACK,
	KIND_GUARD,
	KIND_TLS,
	KIND_VDSO,
	KIND_VVAR,
	KIND_VSYSCALL,
	KIND_SECRET,
	KIND_HUGETLB,
	KIND_DEVICE,
	KIND_RESERVED,
	KIND_ARGS,
	KIND_ENV,
	KIND_AUXV,
	NKINDS
};

enum right {
	RIGHT_READ = 1,
	RIGHT_WRITE = 2,
	RIGHT_EXEC = 4,
	RIGHT_SHARED = 8,
};

/* What stands behind a mapping, as far as its name and the file system tell. */
enum file_type {
	FILE_ORDINARY,
	FILE_SPECIAL, /* a name the kernel made: [heap], [stack], [vdso], [anon:...] */
	FILE_POSIX_SHM,
	FILE_SYSV_SHM,
	FILE_MEMFD,
	FILE_SHARED_ANON, /* MAP_SHARED | MAP_ANONYMOUS */
	FILE_SECRET,	  /* memfd_secret */
	FILE_HUGETLB,
	FILE_DEVICE,
};

struct file {
	char *name; /* as the kernel prints it: a newline is \012; without " (deleted)" */
	uint64_t inode;
	uint32_t major, minor;
	enum file_type type;
	bool deleted;
};

/* Bytes of a region by what its pages are. A page cut by a region's border counts by its bytes. */
struct pages {
	uint64_t rss;  /* counted in VmRSS */
	uint64_t swap; /* in swap */
	uint64_t file; /* of rss: pages of files and shared memory; the rest is anonymous */
	uint64_t huge; /* mapped by huge page-table entries */
	uint64_t zero; /* the shared page of zeros: present, not counted in VmRSS */
};

#define STRIP_CELLS 16

/*
 * Where in a region its pages are: STRIP_CELLS equal parts, each with the share that is resident,
 * swapped and huge in 1/255. A part that holds a single page is at least 1.
 */
struct strip {
	uint8_t resident[STRIP_CELLS];
	uint8_t swapped[STRIP_CELLS];
	uint8_t huge[STRIP_CELLS];
};

struct region {
	plat_addr start, end;
	uint64_t offset;  /* of `start` in the file */
	uint32_t file;	  /* index in space->files, or NO_FILE */
	uint32_t mapping; /* number of the mapping it is part of, from 0 */
	uint32_t module;  /* index in space->modules, or NO_MODULE */
	uint32_t thread;  /* index in space->threads, or NO_THREAD */
	uint8_t kind;	  /* enum kind */
	uint8_t rights;	  /* of enum right */
	bool no_pages;	  /* its pages were not read although others were */
	struct pages pages;
};

enum gap_kind {
	GAP_FREE,	  /* can be mapped */
	GAP_STACK_GUARD,  /* kept free by the kernel below a stack that grows */
	GAP_LOW,	  /* below vm.mmap_min_addr: cannot be mapped without privilege */
	GAP_NONCANONICAL, /* no address at all on this processor */
	GAP_KERNEL,	  /* the kernel's half */
	NGAP_KINDS
};

struct gap {
	plat_addr start, end; /* end may be TOP_OF_MEMORY */
	enum gap_kind kind;
};

#define THREAD_NAME_SIZE 64

struct thread {
	int tid;       /* as our /proc shows it; 0: a stack kept for a later thread */
	int inner_tid; /* as the process itself sees it */
	char state;    /* as in /proc/PID/stat, or 0 */
	bool is_main;
	bool is_whole_mapping; /* where in the mapping it stands in its stack lies is not known */
	char name[THREAD_NAME_SIZE];
	plat_addr sp;	      /* stack pointer, or UNKNOWN */
	const char *sp_why;   /* static text */
	plat_addr pc;	      /* what it executes next, where sp is known; 0: not known */
	plat_addr descriptor; /* the C library's struct pthread, or UNKNOWN */
	/* Whole numbers of pages. 0 and 0 where not known. The guard lies below the stack. */
	plat_addr guard_start, stack_start, stack_end;
	plat_addr tls_start, tls_end; /* static TLS and descriptor; 0 and 0 where not known */
	plat_addr deepest; /* lowest page of the stack that was ever touched, or UNKNOWN */
};

enum module_role { MODULE_PROGRAM, MODULE_INTERPRETER, MODULE_LIBRARY, MODULE_VDSO };

#define MODULE_SEGMENTS 16
#define MODULE_NOTES 4

struct segment {
	plat_addr start;    /* p_vaddr + bias */
	plat_addr file_end; /* end of the bytes that come from the file */
	plat_addr end;	    /* end of the memory */
	uint64_t offset;    /* of `start` in the file */
	uint8_t rights;
};

struct module {
	uint32_t file; /* index in space->files, or NO_FILE */
	enum module_role role;
	plat_addr bias;	  /* what is added to addresses of the file */
	plat_addr header; /* where the ELF header is mapped */
	size_t nsegments;
	struct segment segments[MODULE_SEGMENTS];
	plat_addr relro_start, relro_end; /* whole pages; equal where there is none */
	uint64_t tls_size, tls_align;
	bool is_64;
	bool has_interpreter;
	plat_addr dynamic_start, dynamic_end; /* what the dynamic linker reads; equal: nothing */
	size_t nnotes;
	struct {
		plat_addr start, end;
	} notes[MODULE_NOTES];
};

/* The figures of /proc/PID/status, in bytes, or UNKNOWN. */
enum figure {
	VM_PEAK,
	VM_SIZE,
	VM_LCK,
	VM_PIN,
	VM_HWM,
	VM_RSS,
	RSS_ANON,
	RSS_FILE,
	RSS_SHMEM,
	VM_DATA,
	VM_STK,
	VM_EXE,
	VM_LIB,
	VM_PTE,
	VM_SWAP,
	HUGETLB_PAGES,
	NFIGURES
};

enum limit_name {
	LIMIT_AS,
	LIMIT_DATA,
	LIMIT_STACK,
	LIMIT_MEMLOCK,
	LIMIT_RSS,
	LIMIT_CORE,
	NLIMITS
};

struct limit {
	uint64_t soft, hard; /* in bytes, LIMIT_INFINITE, or UNKNOWN with known = false */
	bool known;
};

enum direction { DIRECTION_UNKNOWN, DIRECTION_TOP_DOWN, DIRECTION_BOTTOM_UP };

/* The facts of a process that are not mappings. Addresses are UNKNOWN where not known. */
struct process {
	int pid;
	int ppid;
	int inner_pid; /* as the process itself sees it */
	bool is_kernel_thread;
	bool is_loading;     /* within exec: its new memory is not whole yet */
	uint64_t start_time; /* clock ticks since boot */
	char state;
	char command[THREAD_NAME_SIZE]; /* comm */
	unsigned uid;
	unsigned bits;	      /* 64 or 32; 0 unknown */
	uint64_t personality; /* or UNKNOWN */
	/* Bit n: capability n of capabilities(7), as the whole machine grants it; or UNKNOWN. */
	uint64_t capabilities;
	plat_addr start_code, end_code, start_data, end_data;
	plat_addr start_stack; /* stack pointer at the start of the program: argc lies there */
	plat_addr arg_start, arg_end, env_start, env_end;
	plat_addr auxv_start, auxv_end;	   /* where the vector lies in the stack */
	plat_addr phdr, base, entry, vdso; /* from the auxiliary vector */
	uint64_t secure; /* as well: whether it gained rights when it began, or UNKNOWN */
	unsigned phent;
};

/* Versions compare as numbers: VERSION(6, 17). */
#define VERSION(major, minor) ((unsigned)(major)*1000 + (minor))

/* The settings of the machine. Sizes are in bytes; what is not known is UNKNOWN. */
struct machine {
	unsigned kernel; /* VERSION(6, 18), or 0 */
	uint64_t page_size;
	uint64_t mmap_min_addr;
	uint64_t lowest_hint; /* hints, searches and stacks stay above; no file tells it */
	uint64_t max_map_count;
	uint64_t legacy_va_layout;   /* 0, 1 */
	uint64_t randomize_va_space; /* 0 to 2 */
	uint64_t stack_guard_gap;
	uint64_t overcommit;		      /* vm.overcommit_memory: 0 to 2 */
	uint64_t admin_reserve, user_reserve; /* what overcommit 2 keeps back */
	/* Of meminfo. */
	uint64_t ram, swap;		  /* MemTotal, SwapTotal */
	uint64_t available, swap_free;	  /* MemAvailable, SwapFree */
	uint64_t commit_limit, committed; /* CommitLimit, Committed_AS */
};

/* Figures of one mapping that only smaps tells, in bytes. */
struct detail {
	bool known;
	uint64_t pss, private_clean, private_dirty, shared_clean, shared_dirty;
	uint64_t anonymous, referenced, lazy_free, locked, ksm, anon_huge, file_huge, hugetlb;
	uint64_t swap_pss;
	uint32_t page_size; /* the kernel's page size here */
	int protection_key; /* or -1 */
	char flags[96];	    /* VmFlags: two letters and a space each */
};

#define SHARE_ARENAS 64

/* What allocators have in one region, in bytes. */
struct share {
	uint64_t held, live, free;
	char arenas[SHARE_ARENAS]; /* "main", "thread 1, shared", "5 arenas"; "" for none */
};

/* Why something is unknown: a sentence for people, or NULL where it is known. */
struct why {
	char *maps;    /* the mappings themselves */
	char *pages;   /* page figures */
	char *memory;  /* what had to be read from the process's memory */
	char *threads; /* stack pointers and names */
	char *details; /* figures of smaps */
	char *shares;  /* what allocators have */
	char *process; /* fields of stat and auxv */
};

struct space {
	char *core;	/* the core that it is from, as it was named; NULL: a process, or a model */
	char *snapshot; /* the same of a snapshot */
	struct process process;
	struct machine machine;

	struct region *regions;
	size_t nregions, regions_room;
	size_t nmappings;
	struct gap *gaps;
	size_t ngaps, gaps_room;
	struct file *files;
	size_t nfiles, files_room;
	uint32_t *file_index; /* finds a file again; private to space.c */
	size_t file_slots;
	struct module *modules;
	size_t nmodules, modules_room;
	struct thread *threads;
	size_t nthreads, threads_room;
	struct strip *strips; /* one a region, or NULL */
	/*
	 * Why pages.huge and pages.zero are not known although the others are: static text, or
	 * NULL.
	 */
	const char *huge_why, *zero_why;
	struct detail *details; /* one a mapping, or NULL */
	struct share *shares;	/* one a region, or NULL */

	plat_addr start_brk, brk; /* UNKNOWN where not known; brk as far as pages tell */
	plat_addr mmap_base;	  /* where the mmap zone begins, or UNKNOWN */
	plat_addr user_end;	  /* one past the last address a process can map */
	enum direction direction;
	char direction_reason[160];

	uint64_t figures[NFIGURES];
	struct limit limits[NLIMITS];
	struct why why;
};

/* A space with nothing in it: every figure unknown. */
void space_init(struct space *space);
void space_fini(struct space *space);

/* The rules above, for assertions and tests. */
bool space_valid(const struct space *space);

/* Makes room for `more` regions. 0 or -ENOMEM. */
int space_reserve(struct space *space, size_t more) MUST_CHECK;

/*
 * Appends a mapping as one region without a kind. Mappings come in order of addresses. 0, -ENOMEM
 * or -EINVAL where it is empty, out of order, or ends where no mapping can; nothing has changed
 * then.
 */
int space_add_mapping(struct space *space, plat_addr start, plat_addr end, unsigned rights,
		      uint64_t offset, uint32_t file) MUST_CHECK;

/* Cuts region i in two at `at`, which lies inside it. Page figures stay with the low part. */
int space_split(struct space *space, size_t i, plat_addr at) MUST_CHECK;

/* The index of the region that holds `addr`, or of the first one above it, or nregions. */
size_t space_at_or_above(const struct space *space, plat_addr addr);

/* The region that holds `addr`, or NULL. */
struct region *space_find(const struct space *space, plat_addr addr);

/* The range of the mapping that region i is part of. */
void space_mapping_range(const struct space *space, size_t i, plat_addr *start, plat_addr *end);

/*
 * The index of the file with this identity, added if it is new. `name` is as in maps, and is
 * copied; " (deleted)" at its end is cut off and becomes file.deleted. 0 or -ENOMEM.
 */
int space_add_file(struct space *space, const char *name, uint32_t major, uint32_t minor,
		   uint64_t inode, uint32_t *ret) MUST_CHECK;

/* Sets *why to a copy of the sentence. Keeps the first reason; forgets quietly without memory. */
void space_why(char **why, const char *format, ...) PRINTF_LIKE(2, 3);

/* Fills space->gaps from the regions, user_end and the machine's settings. 0 or -ENOMEM. */
int space_find_gaps(struct space *space) MUST_CHECK;

/* A figure's name as in /proc/PID/status: "VmPeak". */
const char *figure_name(enum figure figure);

/* A state of /proc/PID/stat in words: "sleeping". NULL for one that is not known. */
const char *process_state_word(char state);

/* "RLIMIT_AS". */
const char *limit_name(enum limit_name limit);

static inline uint64_t region_size(const struct region *region)
{
	return region->end - region->start;
}

static inline uint64_t gap_size(const struct gap *gap)
{
	return gap->end - gap->start;
}

/* Whether figures of the region's pages are known. */
static inline bool region_pages_known(const struct space *space, const struct region *region)
{
	return !region->no_pages && region->pages.rss != UNKNOWN &&
	       (space->strips || !space->why.pages);
}

static inline const struct file *region_file(const struct space *space, const struct region *region)
{
	return region->file == NO_FILE ? NULL : &space->files[region->file];
}

static inline const struct thread *region_thread(const struct space *space,
						 const struct region *region)
{
	return region->thread == NO_THREAD ? NULL : &space->threads[region->thread];
}

#endif
