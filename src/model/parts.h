/* What the files of the model share, and nobody else needs. */
#ifndef MODEL_PARTS_H
#define MODEL_PARTS_H

#include "model/model.h"

/* Numbers of the kernel's interface that not every libc's headers have. */
enum {
	PROT_NUMBER_READ = 1,
	PROT_NUMBER_WRITE = 2,
	PROT_NUMBER_EXEC = 4,
	PROT_NUMBER_SEM = 8,
	PROT_NUMBER_GROWSDOWN = 0x01000000,
	PROT_NUMBER_GROWSUP = 0x02000000,
};

enum {
	MAP_NUMBER_SHARED = 1,
	MAP_NUMBER_PRIVATE = 2,
	MAP_NUMBER_SHARED_VALIDATE = 3,
	MAP_NUMBER_DROPPABLE = 8,
	MAP_NUMBER_TYPE = 0xf,
	MAP_NUMBER_FIXED = 0x10,
	MAP_NUMBER_ANONYMOUS = 0x20,
	MAP_NUMBER_32BIT = 0x40,
	MAP_NUMBER_ABOVE4G = 0x80,
	MAP_NUMBER_GROWSDOWN = 0x100,
	MAP_NUMBER_DENYWRITE = 0x800,
	MAP_NUMBER_EXECUTABLE = 0x1000,
	MAP_NUMBER_LOCKED = 0x2000,
	MAP_NUMBER_NORESERVE = 0x4000,
	MAP_NUMBER_POPULATE = 0x8000,
	MAP_NUMBER_NONBLOCK = 0x10000,
	MAP_NUMBER_STACK = 0x20000,
	MAP_NUMBER_HUGETLB = 0x40000,
	MAP_NUMBER_SYNC = 0x80000,
	MAP_NUMBER_FIXED_NOREPLACE = 0x100000,
	MAP_NUMBER_UNINITIALIZED = 0x4000000,
};

#define TASK_SIZE_64 UINT64_C(0x7ffffffff000)
#define TASK_SIZE_32 UINT64_C(0xffffe000)

#define VMA_LOCKS (VMA_LOCKED | VMA_LOCKONFAULT)

static inline uint64_t page_round(uint64_t bytes)
{
	return (bytes + MODEL_PAGE - 1) & ~(MODEL_PAGE - 1); /* wraps as the kernel's does */
}

static inline uint64_t pages_of(uint64_t bytes)
{
	return bytes / MODEL_PAGE;
}

static inline uint64_t vma_size(const struct vma *vma)
{
	return vma->end - vma->start;
}

static inline uint64_t vma_pgoff_at(const struct vma *vma, plat_addr addr)
{
	return vma->pgoff + pages_of(addr - vma->start);
}

/* As a space's regions have them. */
static inline unsigned rights_of(uint32_t flags)
{
	return (flags & VMA_READ ? RIGHT_READ : 0) | (flags & VMA_WRITE ? RIGHT_WRITE : 0) |
	       (flags & VMA_EXEC ? RIGHT_EXEC : 0) | (flags & VMA_MAYSHARE ? RIGHT_SHARED : 0);
}

/* Notes the rule and returns the errno; a wrong one where the rule is taken away for a test. */
static inline int64_t refuse(struct model *model, enum rule rule, int64_t errnum)
{
	model->refused = rule;
	return model_mutant == rule ? errnum - 1 : errnum;
}

/* Our own memory has run out: the request's answer means nothing. */
int64_t run_out(struct model *model);

static inline bool may(const struct model *model, enum model_capability capability)
{
	return model->capabilities & capability;
}

static inline bool is_private_anonymous(const struct vma *vma)
{
	return vma->file == VMA_NO_FILE;
}

/* vdso and vvar: no border may be cut inside. */
static inline bool is_whole(const struct model *model, const struct vma *vma)
{
	return !is_private_anonymous(vma) && model->files[vma->file].whole;
}

/* limits.c: what is counted, and how much more may be. */
void count(struct model *model, uint32_t flags, uint64_t pages);
void uncount(struct model *model, uint32_t flags, uint64_t pages);
bool is_accountable(uint32_t flags);
/* Each notes the rule that it fails by. */
bool may_expand(struct model *model, uint32_t flags, uint64_t pages);
bool may_lock(struct model *model, uint32_t flags, uint64_t bytes);
bool may_commit(struct model *model, uint64_t pages);
bool can_lock(const struct model *model);
void commit(struct model *model, uint64_t pages);
void uncommit(struct model *model, uint64_t pages);
uint64_t limit_pages(const struct model *model, enum model_limit limit);

/* place.c */
struct placement {
	uint32_t file; /* index in model->files, or VMA_NO_FILE */
	uint64_t addr, length, pgoff;
	unsigned flags; /* MAP_NUMBER_... */
};
/* An address, or a negative errno. */
int64_t place(struct model *model, const struct placement *wanted);
/* Where the kernel's searches see the VMA begin: with the gap below a stack. */
plat_addr gap_start(const struct model *model, const struct vma *vma);
bool is_free(const struct model *model, plat_addr start, plat_addr end);

/* merge.c */
/* A new VMA, joined to its neighbours where they are alike. Nothing is counted. 0 or run_out(). */
int64_t add_vma(struct model *model, const struct vma *vma);
/* The same, joined only to what lies below: as the heap grows, and .bss is made. */
int64_t append_vma(struct model *model, const struct vma *vma);
/* The VMA's part [start, end) gets other flags. 0 or a negative errno; borders may stay cut. */
int64_t change_flags(struct model *model, plat_addr start, plat_addr end, uint32_t flags);
/* Whether it may be changed or moved: 0 or -EPERM. */
int64_t check_sealed(struct model *model, const struct vma *vma);
/* Cuts what crosses start or end, and refuses what may not be unmapped. 0 or a negative errno. */
int64_t cut_for_unmap(struct model *model, plat_addr start, plat_addr end);
/* Pages in [start, end), and those of them that are accounted. */
void sum_range(const struct model *model, plat_addr start, plat_addr end, uint64_t *pages,
	       uint64_t *accounted);
/* Takes away everything in [start, end), which was cut before. 0 or run_out(). */
int64_t take_away(struct model *model, plat_addr start, plat_addr end);
/* cut_for_unmap() and take_away(). */
int64_t unmap(struct model *model, plat_addr start, plat_addr end);

/* brk.c: what is asked of memory that brk makes, and exec for .bss. 0 or a negative errno. */
int64_t check_brk_range(struct model *model, plat_addr start, plat_addr end);
int64_t check_brk_limits(struct model *model, const struct vma *more);

/* protect.c: the flags that PROT_... stand for. */
uint32_t flags_of_prot(const struct model *model, unsigned prot);

/* access.c: faults. */
/*
 * Touches all pages of [start, end), as if they were read, or written where that is meant to
 * happen. Without patience it stops at the first page that cannot be had: 0 or -EFAULT or
 * run_out().
 */
int64_t populate(struct model *model, plat_addr start, plat_addr end, bool patient);
/* The same for a part of one VMA, with reads or writes as the caller says. */
int64_t touch_all(struct model *model, plat_addr start, plat_addr end, bool write);

/* For headroom.c: whether it would be granted. Nothing changes but model->refused. */
/* mmap without MAP_FIXED: the address, or a negative errno. */
int64_t may_map(struct model *model, const uint64_t *arg);
/* brk to an address that is not below the break. */
bool may_grow_heap(struct model *model, plat_addr brk);
/* An access to this page, somewhere below the VMA at `place`, which can get an identity. */
bool may_grow_down(struct model *model, struct vma_place place, plat_addr page);

/* files.c */
/* Index of a new file, or a negative errno. */
int64_t new_file(struct model *model, const struct model_file *file);
/* What is behind the descriptor, or -1. */
int64_t file_of_descriptor(const struct model *model, uint64_t descriptor);

/* The calls. Arguments are not checked by anybody else. */
int64_t call_mmap(struct model *model, const uint64_t *arg);
int64_t call_munmap(struct model *model, const uint64_t *arg);
int64_t call_brk(struct model *model, const uint64_t *arg);
int64_t call_mprotect(struct model *model, const uint64_t *arg);
int64_t call_mremap(struct model *model, const uint64_t *arg);
int64_t call_madvise(struct model *model, const uint64_t *arg);
int64_t call_mlock(struct model *model, const uint64_t *arg);
int64_t call_mlock2(struct model *model, const uint64_t *arg);
int64_t call_munlock(struct model *model, const uint64_t *arg);
int64_t call_mlockall(struct model *model, const uint64_t *arg);
int64_t call_munlockall(struct model *model, const uint64_t *arg);
int64_t call_mseal(struct model *model, const uint64_t *arg);
int64_t call_mincore(struct model *model, const uint64_t *arg);
int64_t call_set_mm(struct model *model, const uint64_t *arg);
/* access.c: 0, or a negative enum model_fault. */
int64_t call_read(struct model *model, const uint64_t *arg);
int64_t call_write(struct model *model, const uint64_t *arg);
int64_t call_execute(struct model *model, const uint64_t *arg);

#endif
