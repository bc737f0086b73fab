/*
 *	| segment |      | segment        |	as the headers say, plus the bias
 *	| file    |      | file | clear|bss|	the last page of the file is cleared behind it
 *
 * An image that can be moved is first mapped as a whole from its first segment on, so that there is
 * room for all of it, and cut to this segment; the others are put where they belong then.
 */
#include "model/exec_load.h"

#include "model/parts.h"

#include <errno.h>

static int64_t open_image(struct model *model, const struct exec_image *image)
{
	const struct model_file file = {
		.readable = true,
		.huge_aligned = image->huge_aligned,
		.size = image->file_size,
		.name = image->name,
	};
	int descriptor = model_open(model, &file);

	return descriptor < 0 ? run_out(model) : descriptor;
}

static uint64_t whole_size(const struct exec_image *image, unsigned bits)
{
	plat_addr low = ADDR_MAX, high = 0;
	size_t i;

	for (i = 0; i < image->nsegments; i++) {
		const struct exec_segment *segment = &image->segments[i];

		low = min_u64(low, align_down(segment->vaddr, MODEL_PAGE));
		high = max_u64(high, exec_end(bits, segment->vaddr, segment->memsz));
	}
	return image->nsegments ? page_round(exec_end(bits, high, -low)) : 0;
}

static unsigned prot_of(const struct exec_segment *segment)
{
	return (segment->rights & VMA_READ ? PROT_NUMBER_READ : 0) |
	       (segment->rights & VMA_WRITE ? PROT_NUMBER_WRITE : 0) |
	       (segment->rights & VMA_EXEC ? PROT_NUMBER_EXEC : 0);
}

/* A segment and how it is to be mapped. */
struct part {
	const struct exec_segment *segment;
	int descriptor;
	plat_addr addr; /* of its first page */
	unsigned flags; /* MAP_NUMBER_... */
	uint64_t whole; /* not 0: this much is mapped first */
};

/* What the file holds of it. The address, or a negative errno. */
static int64_t map_file_part(struct model *model, const struct part *part)
{
	const struct exec_segment *segment = part->segment;
	uint64_t in_page = segment->vaddr & (MODEL_PAGE - 1);
	uint64_t size = page_round(segment->filesz + in_page), length = size;
	uint64_t arg[6] = {part->addr,
			   0,
			   prot_of(segment),
			   part->flags | MAP_NUMBER_PRIVATE,
			   (uint64_t)part->descriptor,
			   segment->offset - in_page};
	int64_t r, found;

	if (rule_holds(RULE_EXEC_WHOLE, part->whole))
		length = part->whole;
	arg[1] = length;
	found = call_mmap(model, arg);
	if (found < 0 || length <= size)
		return found;
	r = unmap(model, (plat_addr)found + size, (plat_addr)found + length);
	return r < 0 ? r : found;
}

static uint32_t bss_flags(const struct model *model, const struct exec_segment *segment)
{
	uint32_t flags = VMA_READ | VMA_WRITE | VMA_MAY | VMA_ACCOUNT;

	if ((segment->rights & VMA_EXEC) || (model->personality & PERSONALITY_READ_IMPLIES_EXEC))
		flags |= VMA_EXEC;
	return flags;
}

/* Made as memory of brk is, and joined to what lies below. */
static int64_t map_bss(struct model *model, const struct vma *bss)
{
	uint64_t pages = pages_of(vma_size(bss));
	int64_t r = check_brk_range(model, bss->start, bss->end);

	if (r == 0)
		r = unmap(model, bss->start, bss->end);
	if (r == 0)
		r = check_brk_limits(model, bss);
	if (r == 0)
		r = append_vma(model, bss);
	if (r < 0)
		return r;
	count(model, bss->flags, pages);
	commit(model, pages);
	return 0;
}

/* The rest of the file's last page is written with zeros; where it cannot be that is no harm. */
static int64_t clear_last_page(struct model *model, const struct exec_segment *segment,
			       plat_addr addr)
{
	if (is_aligned(addr, MODEL_PAGE) || !(segment->rights & VMA_WRITE))
		return 0;
	if (!rule_holds(RULE_EXEC_CLEARED_PAGE, true))
		return 0;
	return call_write(model, &addr) < 0 ? -EFAULT : 0;
}

/* The address of its first page, or a negative errno. */
static int64_t map_segment(struct model *model, const struct part *part)
{
	const struct exec_segment *segment = part->segment;
	uint64_t in_page = segment->vaddr & (MODEL_PAGE - 1);
	struct vma bss = {.flags = bss_flags(model, segment), .file = VMA_NO_FILE};
	int64_t found = (int64_t)part->addr, r = 0;
	plat_addr file_end;

	if (segment->filesz)
		found = map_file_part(model, part);
	if ((segment->filesz && found < 0) || segment->memsz <= segment->filesz)
		return found;
	file_end = (plat_addr)found + in_page + segment->filesz;
	if (segment->filesz)
		r = clear_last_page(model, segment, file_end);
	/* Without a part of the file, what another segment has in its first page is gone. */
	bss.start = segment->filesz ? page_round(file_end) : (plat_addr)found;
	bss.end = page_round((plat_addr)found + in_page + segment->memsz);
	bss.pgoff = pages_of(bss.start);
	if (r == 0 && bss.start != bss.end)
		r = map_bss(model, &bss);
	return r < 0 ? r : found;
}

static int64_t check_segment(struct model *model, const struct exec_segment *segment,
			     plat_addr start)
{
	if (rule_holds(RULE_EXEC_SEGMENT, start >= model->task_size ||
						  segment->filesz > segment->memsz ||
						  segment->memsz > model->task_size ||
						  model->task_size - segment->memsz < start))
		return refuse(model, RULE_EXEC_SEGMENT, -EINVAL);
	return 0;
}

/* 0 and *ret is the bias; or a negative errno. */
static int64_t map_image(struct model *model, const struct exec_image *image, int descriptor,
			 const struct exec_how *how, uint64_t whole, plat_addr *ret)
{
	plat_addr bias = how->bias;
	size_t i;

	for (i = 0; i < image->nsegments; i++) {
		const struct exec_segment *segment = &image->segments[i];
		const struct part part = {
			.segment = segment,
			.descriptor = descriptor,
			.addr = align_down(bias + segment->vaddr, MODEL_PAGE),
			.flags = i == 0 ? how->flags : MAP_NUMBER_FIXED,
			.whole = i == 0 ? whole : 0,
		};
		int64_t found = map_segment(model, &part);

		if (found < 0 && found > -4096)
			return found;
		if (rule_holds(RULE_EXEC_SEGMENT, (plat_addr)found >= model->task_size))
			return refuse(model, RULE_EXEC_SEGMENT, -EINVAL);
		if (i == 0 && !image->fixed)
			bias = (plat_addr)found - align_down(segment->vaddr, MODEL_PAGE);
		found = check_segment(model, segment,
				      segment->vaddr + (how->check_as_placed ? bias : 0));
		if (found < 0)
			return found;
	}
	*ret = bias;
	return 0;
}

/* What wants more than a page's alignment is mapped twice: once to find room. */
static int64_t find_aligned(struct model *model, const struct exec_image *image, int descriptor,
			    uint64_t whole, struct exec_how *how)
{
	const struct part part = {
		.segment = &image->segments[0], .descriptor = descriptor, .whole = whole};
	uint64_t align = exec_alignment(image);
	int64_t found, r;

	if (!rule_holds(RULE_EXEC_STATIC_PIE_ALIGN, align > MODEL_PAGE))
		return 0;
	found = map_segment(model, &part);
	if (found < 0)
		return found;
	r = unmap(model, (plat_addr)found, (plat_addr)found + whole);
	how->bias = align_down(align_down((plat_addr)found, align) - image->segments[0].vaddr,
			       MODEL_PAGE);
	how->flags = MAP_NUMBER_FIXED_NOREPLACE;
	return r;
}

int64_t exec_load(struct model *model, const struct exec_image *image, const struct exec_how *how,
		  plat_addr *ret)
{
	uint64_t whole = how->whole ? whole_size(image, model->bits) : 0;
	struct exec_how now = *how;
	int64_t descriptor, r = 0;

	if (rule_holds(RULE_EXEC_EMPTY, how->whole && whole == 0))
		return refuse(model, RULE_EXEC_EMPTY, -EINVAL);
	descriptor = open_image(model, image);
	if (descriptor < 0)
		return descriptor;
	if (how->searched)
		r = find_aligned(model, image, (int)descriptor, whole, &now);
	if (r == 0)
		r = map_image(model, image, (int)descriptor, &now, whole, ret);
	model_close(model, (int)descriptor);
	return r;
}
