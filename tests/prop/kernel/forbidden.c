/*
 * What no request may do: touch the program that carries it out, or ask for what is not the model's
 * to know.
 */
#include "generator.h"

#include "protocol.h"

#include <sys/mman.h>

#define PAGE MODEL_PAGE
#define USER_SPACE_END UINT64_C(0x7ffffffff000)
#define LARGE_FILE (UINT64_C(1) << 40)

static bool meets_program(const struct generator *g, uint64_t start, uint64_t size)
{
	uint64_t end = add_capped(start, add_capped(size, PAGE));

	return start < g->keep_end && end > g->keep_start - PAGE;
}

/* What is in vdso and vvar is the kernel's: pages that are not there, and code. */
static bool is_in_vdso(const struct generator *g, uint64_t addr)
{
	const struct vma *vma = vmas_above(&g->model->vmas, addr);

	return vma && vma->start <= addr && vma->file != VMA_NO_FILE &&
	       g->model->files[vma->file].whole;
}

/* How large a file can be that has holes depends on the file system. */
static bool is_far_in_file(const struct generator *g, uint64_t start, uint64_t size)
{
	struct vma_place place = vmas_find(&g->model->vmas, start);
	const struct vma *vma;

	for (; (vma = vmas_at(&g->model->vmas, place)) != NULL &&
	       vma->start < add_capped(start, size);
	     place = vmas_next(&g->model->vmas, place)) {
		if (vma->file != VMA_NO_FILE && !g->model->files[vma->file].shmem &&
		    vma->pgoff > LARGE_FILE / PAGE)
			return true;
	}
	return false;
}

/*
 * Pages of shared memory that were only read, and those that MADV_FREE has marked, leave memory
 * when the kernel finds them in its lists, which depends on what else the machine does.
 */
static bool may_reclaim(const struct generator *g, uint64_t start, uint64_t size)
{
	const struct vmas *vmas = &g->model->vmas;
	struct vma_place place = vmas_find(vmas, start);
	const struct vma *vma;

	for (; (vma = vmas_at(vmas, place)) != NULL && vma->start < add_capped(start, size);
	     place = vmas_next(vmas, place)) {
		if (vma->flags & (VMA_LOCKED | VMA_PFNMAP))
			continue;
		if (vma->file == VMA_NO_FILE || g->model->files[vma->file].shmem)
			return true;
	}
	return false;
}

/* Linux mm/ksm.c break_ksm goes page by page, also where there are none. */
static bool is_endless(uint64_t size)
{
	return size > UINT64_C(1) << 32;
}

/*
 * The vector is only so long. What reaches behind all user space, that of 64-bit programs, is
 * refused before anything is written to it.
 */
static bool is_long_vector(const struct model_request *request)
{
	uint64_t addr = request->arg[0], size = request->arg[1];

	return addr % PAGE == 0 && size > MINCORE_PAGES * PAGE &&
	       add_capped(addr, size) <= USER_SPACE_END;
}

static bool is_on_one_side(const struct generator *g, uint64_t start, uint64_t end)
{
	return (start > g->keep_end && end > g->keep_end) ||
	       (start < g->keep_start && end < g->keep_start);
}

bool generator_forbids(const struct generator *g, const struct model_request *request)
{
	const uint64_t *arg = request->arg;

	switch (request->call) {
	case CALL_MMAP:
		return (arg[3] & MAP_FIXED) && meets_program(g, arg[0], arg[1]);
	case CALL_MREMAP:
		return meets_program(g, arg[0], arg[1]) || meets_program(g, arg[0], arg[2]) ||
		       ((arg[3] & MREMAP_FIXED) && meets_program(g, arg[4], arg[2]));
	case CALL_MINCORE:
		return is_long_vector(request) || meets_program(g, arg[0], arg[1]);
	case CALL_MADVISE:
		return meets_program(g, arg[0], arg[1]) ||
		       (arg[2] == MADV_REMOVE && is_far_in_file(g, arg[0], arg[1])) ||
		       (arg[2] == MADV_PAGEOUT && may_reclaim(g, arg[0], arg[1])) ||
		       (arg[2] == MADV_UNMERGEABLE && is_endless(arg[1]));
	case CALL_MUNMAP:
	case CALL_MPROTECT:
	case CALL_MLOCK:
	case CALL_MLOCK2:
	case CALL_MUNLOCK:
	case CALL_MSEAL:
		return meets_program(g, arg[0], arg[1]);
	case CALL_SET_MM:
		return !is_on_one_side(g, arg[0], arg[1]);
	case CALL_READ:
	case CALL_WRITE:
		return meets_program(g, arg[0], 1) || is_in_vdso(g, arg[0]);
	case CALL_EXECUTE: /* a jump must land on two zeros */
		return meets_program(g, arg[0], 1) || is_in_vdso(g, arg[0]) || (arg[0] & 1) ||
		       arg[0] == TRAP32 || arg[0] == TRAP64;
	default:
		return false;
	}
}
