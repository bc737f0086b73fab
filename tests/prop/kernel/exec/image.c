#include "image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define HEADER_ROOM 2048

struct elf_plan elf_plain(unsigned bits, bool fixed, plat_addr base)
{
	return (struct elf_plan){
		.bits = bits,
		.fixed = fixed,
		.stack = EXEC_STACK_DATA,
		.nsegments = 3,
		.segments = {
			{base, 0, 0x500, 0x500, 4096, VMA_READ},
			{base + 0x1000, 0x1000, 0x100, 0x100, 4096, VMA_READ | VMA_EXEC},
			{base + 0x2d00, 0x1d00, 0x200, 0x3000, 4096, VMA_READ | VMA_WRITE},
		}};
}

/*
 * By chance.
 */

static plat_addr random_base(struct random *random, const struct elf_plan *plan, bool is_program)
{
	static const plat_addr fixed[] = {0x400000, 0x8048000,	0x10000,    0x1000,
					  0,	    0x40000000, 0xbf000000, 0xfff00000};
	static const plat_addr loose[] = {0, 0, 0, 0, 0x1000, 0x23000, 0x200000, 0xf00, 0x500};
	static const plat_addr far[] = {0xffff0000, UINT64_C(0x7fffffff0000),
					UINT64_C(0xffffffffffff0000)};

	if (!plan->fixed)
		return is_program && random_percent(random, 3) ? random_of(random, far)
							       : random_of(random, loose);
	if (random_percent(random, 60))
		return 0x400000;
	return random_of(random, fixed);
}

static uint64_t random_align(struct random *random)
{
	static const uint64_t odd[] = {0,	1,	  16,	      0x3000,		0x2000,
				       0x10000, 0x200000, 0x40000000, UINT64_C(1) << 32};

	return random_percent(random, 75) ? 4096 : random_of(random, odd);
}

static uint32_t random_rights(struct random *random)
{
	static const uint32_t usual[] = {VMA_READ, VMA_READ | VMA_EXEC, VMA_READ | VMA_WRITE,
					 VMA_READ | VMA_WRITE};
	static const uint32_t odd[] = {0, VMA_WRITE, VMA_EXEC, VMA_READ | VMA_WRITE | VMA_EXEC,
				       VMA_WRITE | VMA_EXEC};

	return random_percent(random, 80) ? random_of(random, usual) : random_of(random, odd);
}

static uint64_t random_size(struct random *random)
{
	static const uint64_t odd[] = {0, 0, 1, 4096, 8192, 2 * MIB, 3 * MIB, 64 * KIB};

	if (random_percent(random, 60))
		return random_below(random, 5 * 4096);
	return random_of(random, odd);
}

static void random_segment(struct random *random, struct exec_segment *segment, plat_addr at,
			   uint64_t offset)
{
	static const uint64_t huge[] = {UINT64_C(1) << 40, UINT64_C(1) << 46, UINT64_C(1) << 63,
					~UINT64_C(0)};

	segment->vaddr = at;
	if (random_percent(random, 50))
		segment->vaddr += random_below(random, 4096);
	segment->offset = offset + (segment->vaddr & 4095);
	segment->filesz = random_size(random);
	segment->memsz = segment->filesz;
	if (random_percent(random, 50))
		segment->memsz += random_size(random);
	if (random_percent(random, 1))
		segment->memsz = random_of(random, huge);
	if (random_percent(random, 1))
		segment->memsz = segment->filesz / 2;
	if (random_percent(random, 1))
		segment->offset++;
	segment->align = random_align(random);
	segment->rights = random_rights(random);
}

static void shuffle(struct random *random, struct elf_plan *plan)
{
	size_t i;

	for (i = plan->nsegments; i-- > 1;) {
		size_t j = random_below(random, (uint32_t)i + 1);
		struct exec_segment other = plan->segments[i];

		plan->segments[i] = plan->segments[j];
		plan->segments[j] = other;
	}
}

struct elf_plan elf_random(struct random *random, unsigned bits, bool is_program)
{
	struct elf_plan plan = {.bits = bits, .fixed = random_percent(random, 35)};
	plat_addr at = random_base(random, &plan, is_program);
	uint64_t offset = 0;
	size_t i;

	plan.stack = random_percent(random, 70) ? EXEC_STACK_DATA
						: (enum exec_stack)random_below(random, 3);
	plan.nsegments = 1 + random_below(random, ELF_SEGMENTS_MOST);
	if (random_percent(random, 1))
		plan.nsegments = 0;
	for (i = 0; i < plan.nsegments; i++) {
		struct exec_segment *segment = &plan.segments[i];

		random_segment(random, segment, at, offset);
		/* Mostly behind each other, sometimes touching, apart or over each other. */
		at = align_up(segment->vaddr + min_u64(segment->memsz, 4 * MIB), 4096);
		offset = align_up(segment->offset + segment->filesz, 4096);
		if (random_percent(random, 20))
			at += random_below(random, 20) * 4096;
		if (random_percent(random, 5) && at >= 4 * 4096)
			at -= random_below(random, 4) * 4096;
		if (random_percent(random, 20))
			offset = align_down(segment->offset, 4096);
	}
	if (random_percent(random, 15))
		shuffle(random, &plan);
	if (!is_program && plan.nsegments && plan.segments[0].filesz == 0)
		plan.segments[0].filesz = plan.segments[0].memsz = 4096;
	if (random_percent(random, 3))
		plan.file_size = HEADER_ROOM + random_below(random, 5 * 4096);
	return plan;
}

/*
 * On disk.
 */

struct writer {
	unsigned char bytes[HEADER_ROOM];
	size_t used;
	bool is_64;
	unsigned nheaders;
};

static void put(struct writer *writer, const void *from, size_t size)
{
	memcpy(writer->bytes + writer->used, from, size);
	writer->used += size;
}

static void put_header(struct writer *writer, uint32_t type, uint32_t flags,
		       const struct exec_segment *segment)
{
	const Elf64_Phdr large = {.p_type = type,
				  .p_flags = flags,
				  .p_offset = segment->offset,
				  .p_vaddr = segment->vaddr,
				  .p_paddr = segment->vaddr,
				  .p_filesz = segment->filesz,
				  .p_memsz = segment->memsz,
				  .p_align = segment->align};
	const Elf32_Phdr small = {.p_type = type,
				  .p_flags = flags,
				  .p_offset = (uint32_t)segment->offset,
				  .p_vaddr = (uint32_t)segment->vaddr,
				  .p_paddr = (uint32_t)segment->vaddr,
				  .p_filesz = (uint32_t)segment->filesz,
				  .p_memsz = (uint32_t)segment->memsz,
				  .p_align = (uint32_t)segment->align};

	if (writer->is_64)
		put(writer, &large, sizeof(large));
	else
		put(writer, &small, sizeof(small));
	writer->nheaders++;
}

static uint32_t flags_of(uint32_t rights)
{
	return (rights & VMA_READ ? PF_R : 0) | (rights & VMA_WRITE ? PF_W : 0) |
	       (rights & VMA_EXEC ? PF_X : 0);
}

/* The interpreter's path stands at the end of the room for headers. */
static void put_headers(struct writer *writer, const struct elf_plan *plan)
{
	const struct exec_segment none = {.align = 16};
	struct exec_segment path = {.align = 1};
	size_t i;

	writer->used = writer->is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	if (plan->interpreter) {
		path.filesz = path.memsz = strlen(plan->interpreter) + 1;
		path.offset = HEADER_ROOM - path.filesz;
		memcpy(writer->bytes + path.offset, plan->interpreter, path.filesz);
		put_header(writer, PT_INTERP, PF_R, &path);
	}
	for (i = 0; i < plan->nsegments; i++)
		put_header(writer, PT_LOAD, flags_of(plan->segments[i].rights), &plan->segments[i]);
	if (plan->stack != EXEC_STACK_DEFAULT)
		put_header(writer, PT_GNU_STACK,
			   PF_R | PF_W | (plan->stack == EXEC_STACK_CODE ? PF_X : 0), &none);
	if (!writer->nheaders)
		put_header(writer, PT_NULL, 0, &none);
}

static void put_start(struct writer *writer, const struct elf_plan *plan)
{
	const unsigned char ident[EI_NIDENT] = {
		0x7f,	     'E',	'L', 'F', writer->is_64 ? ELFCLASS64 : ELFCLASS32,
		ELFDATA2LSB, EV_CURRENT};
	plat_addr entry = plan->nsegments ? plan->segments[0].vaddr + 64 : 0;
	Elf64_Ehdr large = {.e_type = plan->fixed ? ET_EXEC : ET_DYN,
			    .e_machine = EM_X86_64,
			    .e_version = EV_CURRENT,
			    .e_entry = entry,
			    .e_phoff = sizeof(large),
			    .e_ehsize = sizeof(large),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = (uint16_t)writer->nheaders};
	Elf32_Ehdr small = {.e_type = large.e_type,
			    .e_machine = EM_386,
			    .e_version = EV_CURRENT,
			    .e_entry = (uint32_t)entry,
			    .e_phoff = sizeof(small),
			    .e_ehsize = sizeof(small),
			    .e_phentsize = sizeof(Elf32_Phdr),
			    .e_phnum = (uint16_t)writer->nheaders};

	memcpy(large.e_ident, ident, sizeof(ident));
	memcpy(small.e_ident, ident, sizeof(ident));
	if (writer->is_64)
		memcpy(writer->bytes, &large, sizeof(large));
	else
		memcpy(writer->bytes, &small, sizeof(small));
}

int elf_write(const struct elf_plan *plan, const char *path)
{
	struct writer writer = {.is_64 = plan->bits == 64};
	uint64_t size = HEADER_ROOM;
	size_t i;
	int fd, r = 0;

	put_headers(&writer, plan);
	put_start(&writer, plan);
	for (i = 0; i < plan->nsegments; i++)
		size = max_u64(size, plan->segments[i].offset + plan->segments[i].filesz);
	if (plan->file_size)
		size = plan->file_size;
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	if (fd < 0)
		return -errno;
	if (write(fd, writer.bytes, HEADER_ROOM) != HEADER_ROOM || ftruncate(fd, (off_t)size) < 0)
		r = -EIO;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}
