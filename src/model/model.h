/*
 * The kernel's rules for an address space, as a program: a space and a request in, a new space or
 * an errno out, with the rule that refused.
 *
 *	model_init(&model);
 *	model.machine.max_map_count = 1000;		what the machine is like
 *	model.limits[LIMIT_AS].soft = 1 << 30;		what the process may
 *	exec_layout() or model_from_space()		what is mapped at the start
 *	model_do(&model, &request);			what it asks for, again and again
 *
 * Pure: no system call, no clock, no file, no chance. The same request in the same model gives the
 * same answer. Only memory can run out: then model.out_of_memory is set, and nothing that the model
 * says holds any more.
 *
 * Rules hold for Linux 6.12 to 6.18 on x86-64, 64-bit and ia32; docs/kernel-rules.md has the origin
 * of each. Numbers are bytes, counters are pages. Sums wrap where the kernel's do.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "model/pages.h"
#include "model/rules.h"
#include "model/vmas.h"
#include "space/space.h"

#define MODEL_PAGE UINT64_C(4096)

/* Flags of a VMA. All of them must be equal for two to become one. */
enum vma_flag {
	VMA_READ = 1 << 0,
	VMA_WRITE = 1 << 1,
	VMA_EXEC = 1 << 2,
	VMA_SHARED = 1 << 3,
	VMA_MAYREAD = 1 << 4,
	VMA_MAYWRITE = 1 << 5,
	VMA_MAYEXEC = 1 << 6,
	VMA_MAYSHARE = 1 << 7,
	VMA_GROWSDOWN = 1 << 8,
	VMA_LOCKED = 1 << 9,
	VMA_LOCKONFAULT = 1 << 10,
	VMA_SEQUENTIAL = 1 << 11,
	VMA_RANDOM = 1 << 12,
	VMA_DONTCOPY = 1 << 13,
	VMA_DONTEXPAND = 1 << 14,
	VMA_ACCOUNT = 1 << 15,
	VMA_NORESERVE = 1 << 16,
	VMA_WIPEONFORK = 1 << 17,
	VMA_DONTDUMP = 1 << 18,
	VMA_HUGEPAGE = 1 << 19,
	VMA_NOHUGEPAGE = 1 << 20,
	VMA_MERGEABLE = 1 << 21,
	VMA_PFNMAP = 1 << 22,
	VMA_IO = 1 << 23,
	VMA_MIXEDMAP = 1 << 24,
	VMA_DROPPABLE = 1 << 25,
	VMA_SEALED = 1 << 26,
	VMA_EXECUTE_ONLY = 1 << 27, /* the protection key that PROT_EXEC alone gets */
};

#define VMA_RIGHTS (VMA_READ | VMA_WRITE | VMA_EXEC)
#define VMA_MAY (VMA_MAYREAD | VMA_MAYWRITE | VMA_MAYEXEC)
/* No merging, no growing, no border inside. */
#define VMA_SPECIAL (VMA_IO | VMA_DONTEXPAND | VMA_PFNMAP | VMA_MIXEDMAP)

/* The personality's bits that the rules ask for; numbers of <sys/personality.h>. */
enum model_personality {
	PERSONALITY_NO_ASLR = 0x0040000,
	PERSONALITY_LEGACY_LAYOUT = 0x0200000,
	PERSONALITY_READ_IMPLIES_EXEC = 0x0400000,
	PERSONALITY_LIMIT_3GB = 0x8000000,
};

enum model_capability {
	MODEL_CAP_IPC_LOCK = 1,
	MODEL_CAP_SYS_RAWIO = 2,
	MODEL_CAP_SYS_ADMIN = 4,
	MODEL_CAP_SYS_RESOURCE = 8,
};

/* What is equal for all processes of a machine. */
struct model_machine {
	unsigned version;	  /* VERSION(6, 18) */
	uint64_t lowest_hint;	  /* hints, searches and stacks stay above; vm.mmap_min_addr or
				     what a security module asks for, whatever is more */
	uint64_t mmap_min_addr;	  /* below, CAP_SYS_RAWIO is needed */
	uint64_t stack_guard_gap; /* 256 pages, or the boot parameter */
	unsigned mmap_rnd_bits;	  /* vm.mmap_rnd_bits */
	unsigned mmap_rnd_compat_bits;
	unsigned randomize_va_space; /* 0 to 2 */
	bool legacy_va_layout;
	uint64_t max_map_count;
	unsigned overcommit_mode; /* vm.overcommit_memory */
	uint64_t ram, swap;	  /* bytes that overcommit counts with */
	uint64_t commit_limit;	  /* mode 2: bytes, as CommitLimit of meminfo; 0 unknown */
	uint64_t committed;	  /* mode 2: bytes, by others too; moves with each request */
	uint64_t admin_reserve, user_reserve; /* bytes */
	bool huge_pages;      /* transparent huge pages are compiled in: large private maps are
				 placed at multiples of 2 MiB */
	bool protection_keys; /* PROT_EXEC alone gets a key of its own */
	uint64_t vdso_pages, vvar_pages; /* that exec places, 64-bit and ia32 alike */
};

/* An open file description: two opens of one file are two, and never merge. */
struct model_file {
	bool readable, writable;
	bool huge_aligned; /* the file system asks for huge pages' alignment: ext4, xfs, btrfs */
	bool shmem;	   /* memfd, tmpfs, shared anonymous: charged and resident by object */
	bool anonymous;	   /* made by MAP_SHARED | MAP_ANONYMOUS */
	bool unmappable;   /* its driver maps nothing: ENODEV */
	bool noexec;	   /* lies on a mount without exec */
	bool is_unused;	   /* the model's own: nothing names it any more */
	bool whole;	   /* its mappings cannot be cut: vdso, vvar */
	uint64_t size;	   /* bytes; an access to a page behind it is SIGBUS */
	uint32_t name;	   /* index in the space's files that it came from, or NO_FILE */
	struct pages_present resident; /* shmem: bytes of the object that are in memory */
};

/* The size of a file of which it is not known: no access lies behind its end. */
#define MODEL_SIZE_UNKNOWN (UINT64_MAX / 2)

enum model_limit { MODEL_AS, MODEL_DATA, MODEL_STACK, MODEL_MEMLOCK, NMODEL_LIMITS };

#define MODEL_INFINITE UINT64_MAX

struct model_limits {
	uint64_t soft, hard; /* bytes, or MODEL_INFINITE */
};

/* Pages. */
struct model_counters {
	uint64_t total;	 /* VmSize */
	uint64_t data;	 /* VmData */
	uint64_t stack;	 /* VmStk */
	uint64_t exec;	 /* the kernel's exec_vm; /proc tells it only as a sum */
	uint64_t locked; /* VmLck */
};

struct model {
	struct model_machine machine;
	unsigned bits;	       /* 64 or 32: of the calls as well as of the program */
	unsigned capabilities; /* of enum model_capability */
	unsigned personality;
	struct model_limits limits[NMODEL_LIMITS];

	plat_addr task_size; /* one past the last address */
	bool top_down;
	plat_addr mmap_base;   /* where the search from above begins */
	plat_addr legacy_base; /* where the search from below begins */
	plat_addr start_brk, brk, start_data, end_data;
	plat_addr start_code, end_code, start_stack;
	plat_addr arg_start, arg_end, env_start, env_end;

	struct vmas vmas;
	struct model_counters counters;
	uint32_t new_flags;	      /* that every new mapping gets: after mlockall(MCL_FUTURE) */
	struct pages_present present; /* pages of private anonymous memory, by address */

	struct model_file *files;
	size_t nfiles, files_room, first_unused;
	int *descriptors; /* index in files of each file descriptor, or -1 */
	size_t ndescriptors, descriptors_room;
	uint32_t last_anon; /* identities given so far */

	enum rule refused; /* of the last request: the rule that refused it, or RULE_NONE */
	bool out_of_memory;
};

/* A model of an empty 64-bit space on the newest machine that the rules know; nothing is mapped. */
void model_init(struct model *model);
void model_fini(struct model *model);

/* A copy that shares nothing. 0 or -ENOMEM; then *ret needs no fini. */
int model_copy(const struct model *model, struct model *ret);

/*
 * A new open file description under the lowest free descriptor, as open() and memfd_create() give
 * it. The descriptor, or -ENOMEM.
 */
int model_open(struct model *model, const struct model_file *file);
void model_close(struct model *model, int descriptor);
/* The same file description under a descriptor of the caller's choice: what dup2() does. */
int model_open_at(struct model *model, const struct model_file *file, int descriptor);

enum model_call {
	CALL_MMAP,     /* addr length prot flags fd offset */
	CALL_MUNMAP,   /* addr length */
	CALL_BRK,      /* addr */
	CALL_MPROTECT, /* addr length prot */
	CALL_MREMAP,   /* addr old new flags new-addr */
	CALL_MADVISE,  /* addr length advice */
	CALL_MLOCK,    /* addr length */
	CALL_MLOCK2,   /* addr length flags */
	CALL_MUNLOCK,  /* addr length */
	CALL_MLOCKALL, /* flags */
	CALL_MUNLOCKALL,
	CALL_MSEAL,	/* addr length flags */
	CALL_MINCORE,	/* addr length; value: how many of the pages are resident */
	CALL_SETRLIMIT, /* enum model_limit, soft, hard */
	CALL_FORK,	/* the model becomes the child */
	CALL_SET_MM,	/* start_brk, brk, start_data, end_data as PR_SET_MM_MAP sets them */
	CALL_READ,	/* addr: one byte is read */
	CALL_WRITE,	/* addr: one byte is written */
	CALL_EXECUTE,	/* addr: jumped to */
	NCALLS
};

/* A call of the kernel, or an access to memory. */
struct model_request {
	enum model_call call;
	uint64_t arg[6];
};

/* A signal instead of a value: an access that faults. */
enum model_fault {
	FAULT_NONE,
	FAULT_UNMAPPED, /* SIGSEGV, SEGV_MAPERR */
	FAULT_RIGHTS,	/* SIGSEGV, SEGV_ACCERR */
	FAULT_KEY,	/* SIGSEGV, SEGV_PKUERR */
	FAULT_BUS,	/* SIGBUS: behind the end of the file */
};

/* What the caller sees. */
struct model_result {
	int64_t value; /* what the call returns, or a negative errno; brk: where the break is now */
	enum model_fault fault;
	enum rule refused; /* RULE_NONE if it was not */
};

/* Carries the request out. */
struct model_result model_do(struct model *model, const struct model_request *request);

/* "mmap", "read". */
const char *model_call_name(enum model_call call);

/* Whether the counters are the sums over the VMAs, and these are in order. For tests. */
bool model_valid(const struct model *model);

#endif
