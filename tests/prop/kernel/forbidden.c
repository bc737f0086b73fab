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
#define UNMERGED_MOST (UINT64_C(1) << 32)

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
 * MADV_UNMERGEABLE and mremap() look at each page of what is mergeable, also where none has ever
 * been: 100 TiB take many minutes (Linux 6.18).
 */
static bool is_long_unmerging(const struct generator *g, uint64_t start, uint64_t size)
{
	uint64_t end = add_capped(start, size), sum = 0;
	struct vma_place place = vmas_find(&g->model->vmas, start);
	const struct vma *vma;

	for (; (vma = vmas_at(&g->model->vmas, place)) != NULL && vma->start < end;
	     place = vmas_next(&g->model->vmas, place)) {
		if (vma->flags & VMA_MERGEABLE)
			sum += overlap(vma->start, vma->end, start, end);
	}
	return sum > UNMERGED_MOST;
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
		return is_long_unmerging(g, arg[0], arg[1]) || meets_program(g, arg[0], arg[1]) ||
		       meets_program(g, arg[0], arg[2]) ||
		       ((arg[3] & MREMAP_FIXED) && meets_program(g, arg[4], arg[2]));
	case CALL_MINCORE:
		return is_long_vector(request) || meets_program(g, arg[0], arg[1]);
	case CALL_MADVISE:
		return meets_program(g, arg[0], arg[1]) ||
		       (arg[2] == MADV_REMOVE && is_far_in_file(g, arg[0], arg[1])) ||
		       (arg[2] == MADV_UNMERGEABLE && is_long_unmerging(g, arg[0], arg[1]));
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
