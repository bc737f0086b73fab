/*
 * The VMAs of a model, in the order of their addresses: found, put in and taken out in little time
 * also where there are 65,530 of them, and the gaps between them searched.
 *
 *	chunks: [ v v v v ][ v v v ][ v v v v v ]	each with its last end and a bound of gaps
 *
 * A gap belongs to the VMA above it. Places and pointers to VMAs are good until the next one is put
 * in or taken out.
 */
#ifndef MODEL_VMAS_H
#define MODEL_VMAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/compiler.h"

#define VMA_NO_FILE UINT32_MAX
#define ANON_NONE 0u
/* Set in an identity that came from the parent: it merges with its like alone. */
#define ANON_INHERITED 0x80000000u

struct vma {
	plat_addr start, end;
	uint64_t pgoff; /* of start, in pages: in the file, or the address where it was made */
	uint32_t flags; /* of enum vma_flag */
	uint32_t file;	/* index in model->files, or VMA_NO_FILE */
	uint32_t anon;	/* identity of its anonymous pages, or ANON_NONE */
};

struct vma_chunk;

struct vmas {
	struct vma_chunk *chunks;
	size_t nchunks, chunks_room;
	size_t count;
};

/* Where a VMA stands. chunk == nchunks: behind the last. */
struct vma_place {
	size_t chunk, index;
};

#define VMAS_EMPTY ((struct vmas){0})

void vmas_fini(struct vmas *vmas);
int vmas_copy(const struct vmas *vmas, struct vmas *ret) MUST_CHECK;

/* The place of the first VMA whose end is above addr. */
struct vma_place vmas_find(const struct vmas *vmas, plat_addr addr);

struct vma_place vmas_first(const struct vmas *vmas);
/* Forward and back. Back from the first gives false, forward from the last the end. */
struct vma_place vmas_next(const struct vmas *vmas, struct vma_place place);
bool vmas_previous(const struct vmas *vmas, struct vma_place *place);

/* The VMA at the place, or NULL at the end. Its range is changed by vmas_resize() alone. */
struct vma *vmas_at(const struct vmas *vmas, struct vma_place place);
/* The first VMA whose end is above addr, or NULL. */
static inline struct vma *vmas_above(const struct vmas *vmas, plat_addr addr)
{
	return vmas_at(vmas, vmas_find(vmas, addr));
}

/* Puts it where it belongs; nothing may lie there. 0, or -ENOMEM and nothing has changed. */
int vmas_insert(struct vmas *vmas, const struct vma *vma) MUST_CHECK;
/*
 * The same without a search: it belongs right below what stands at *place. *place becomes its own.
 * 0 or -ENOMEM; then nothing has changed.
 */
int vmas_insert_at(struct vmas *vmas, struct vma_place *place, const struct vma *vma) MUST_CHECK;
/* Takes it out. Returns the place of the VMA that came after it. */
struct vma_place vmas_remove(struct vmas *vmas, struct vma_place place);
/* Moves its borders; its order among the others stays. */
void vmas_resize(struct vmas *vmas, struct vma_place place, plat_addr start, plat_addr end);

/*
 * Among the gaps, each cut to [low, high): the highest (or lowest) that has `length` bytes, which
 * is not 0. *top and *bottom are its borders as cut, *above is the place of the VMA over it: the
 * end for the gap above the last. False: there is none, and nothing is written.
 */
bool vmas_highest_gap(struct vmas *vmas, plat_addr low, plat_addr high, uint64_t length,
		      plat_addr *bottom, plat_addr *top, struct vma_place *above);
bool vmas_lowest_gap(struct vmas *vmas, plat_addr low, plat_addr high, uint64_t length,
		     plat_addr *bottom, plat_addr *top, struct vma_place *above);

/* Whether all is in order, and what is remembered of the gaps holds. Looks at each VMA. */
bool vmas_valid(const struct vmas *vmas);

#endif
