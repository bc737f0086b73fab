/*
 * An ELF image that was loaded shows itself: its header is mapped, and so is at least one
 * executable segment where the program headers say it should be. A file that is merely read through
 * a mapping has the header, but its code is not executable there.
 *
 *     header                  bias + p_vaddr           bias + p_vaddr + p_memsz
 *       | r--p  offset 0 | r-xp text | r--p | rw-p data | bss |
 */
#include "space/modules.h"

#include "base/list.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * What the kernel would still load (fs/binfmt_elf.c: at most 64 KiB of headers), and enough here.
 */
#define HEADERS_MOST 128
#define MODULES_MOST 8192

/* One program header, from either class. */
struct header {
	uint32_t type, flags;
	uint64_t offset, vaddr, filesz, memsz, align;
};

/* The parts of the ELF header that matter here. */
struct image {
	uint64_t phoff, entry;
	unsigned type, phentsize, phnum;
	bool is_64;
};

/* Reads through whichever of the two ways is at hand. */
struct bytes {
	struct reader *reader; /* memory at `header`, or NULL */
	plat_addr header;
	struct file_reader *files; /* or the file behind `region` */
	const struct space *space;
	const struct region *region;
};

static int read_bytes(const struct bytes *from, uint64_t offset, void *to, size_t size)
{
	plat_addr at;

	if (!from->reader)
		return from->files->read(from->files, from->space, from->region, offset, to, size);
	if (__builtin_add_overflow(from->header, offset, &at))
		return -ENOEXEC;
	return reader_read(from->reader, at, to, size);
}

static int read_image(const struct bytes *from, struct image *ret)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr h64;
		Elf32_Ehdr h32;
	} header;
	int r = read_bytes(from, 0, &header, sizeof(header));

	if (r < 0)
		return r;
	if (memcmp(header.ident, ELFMAG, SELFMAG) != 0 || header.ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if (header.ident[EI_CLASS] == ELFCLASS64)
		*ret = (struct image){header.h64.e_phoff,     header.h64.e_entry, header.h64.e_type,
				      header.h64.e_phentsize, header.h64.e_phnum, true};
	else if (header.ident[EI_CLASS] == ELFCLASS32)
		*ret = (struct image){header.h32.e_phoff,     header.h32.e_entry, header.h32.e_type,
				      header.h32.e_phentsize, header.h32.e_phnum, false};
	else
		return -ENOEXEC;
	if (ret->type != ET_EXEC && ret->type != ET_DYN)
		return -ENOEXEC;
	if (ret->phnum == 0 || ret->phnum > HEADERS_MOST ||
	    ret->phentsize != (ret->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return -ENOEXEC;
	return 0;
}

static int read_headers(const struct bytes *from, const struct image *image, struct header *ret)
{
	union {
		Elf64_Phdr h64[HEADERS_MOST];
		Elf32_Phdr h32[HEADERS_MOST];
	} raw;
	unsigned i;
	int r = read_bytes(from, image->phoff, &raw, image->phnum * image->phentsize);

	if (r < 0)
		return r;
	for (i = 0; i < image->phnum; i++) {
		const Elf64_Phdr *h64 = &raw.h64[i];
		const Elf32_Phdr *h32 = &raw.h32[i];

		if (image->is_64)
			ret[i] = (struct header){h64->p_type,  h64->p_flags,  h64->p_offset,
						 h64->p_vaddr, h64->p_filesz, h64->p_memsz,
						 h64->p_align};
		else
			ret[i] = (struct header){h32->p_type,  h32->p_flags,  h32->p_offset,
						 h32->p_vaddr, h32->p_filesz, h32->p_memsz,
						 h32->p_align};
	}
	return 0;
}

static unsigned rights_of(uint32_t flags)
{
	return (flags & PF_R ? RIGHT_READ : 0) | (flags & PF_W ? RIGHT_WRITE : 0) |
	       (flags & PF_X ? RIGHT_EXEC : 0);
}

/* The bias: what turns the address of the file's first byte into where it is mapped. */
static int find_bias(const struct header *headers, unsigned n, plat_addr header, uint64_t page_size,
		     plat_addr *ret)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (headers[i].type == PT_LOAD && align_down(headers[i].offset, page_size) == 0) {
			*ret = header - align_down(headers[i].vaddr, page_size);
			return 0;
		}
	return -ENOEXEC;
}

static int add_segment(struct module *module, const struct header *header)
{
	struct segment segment = {
		.offset = header->offset,
		.rights = (uint8_t)rights_of(header->flags),
	};

	if (header->memsz == 0)
		return 0;
	if (module->nsegments == MODULE_SEGMENTS || header->filesz > header->memsz)
		return -ENOEXEC;
	segment.start = module->bias + header->vaddr; /* wraps on purpose: bias may be negative */
	segment.file_end = segment.start + header->filesz;
	if (__builtin_add_overflow(segment.start, header->memsz, &segment.end))
		return -ENOEXEC;
	module->segments[module->nsegments++] = segment;
	return 0;
}

/* What says how it is linked, and the notes. */
static void take_other(struct module *module, const struct header *header)
{
	plat_addr start = module->bias + header->vaddr, end = add_capped(start, header->memsz);

	if (header->type == PT_INTERP) {
		module->has_interpreter = true;
	} else if (header->type == PT_DYNAMIC) {
		module->dynamic_start = start;
		module->dynamic_end = end;
	} else if (header->type == PT_NOTE && module->nnotes < MODULE_NOTES) {
		module->notes[module->nnotes].start = start;
		module->notes[module->nnotes++].end = end;
	}
}

static int fill_module(const struct bytes *from, plat_addr header, uint64_t page_size,
		       struct module *ret)
{
	struct header headers[HEADERS_MOST];
	struct module module = {.file = ret->file, .role = ret->role, .header = header};
	struct image image;
	unsigned i;
	int r = read_image(from, &image);

	if (r == 0)
		r = read_headers(from, &image, headers);
	if (r == 0)
		r = find_bias(headers, image.phnum, header, page_size, &module.bias);
	module.is_64 = r == 0 && image.is_64;
	for (i = 0; r == 0 && i < image.phnum; i++) {
		const struct header *h = &headers[i];

		if (h->type == PT_LOAD) {
			r = add_segment(&module, h);
		} else if (h->type == PT_GNU_RELRO) {
			/* glibc elf/dl-reloc.c _dl_protect_relro, musl ldso: whole pages only. */
			module.relro_start = align_down(module.bias + h->vaddr, page_size);
			module.relro_end = align_down(module.bias + h->vaddr + h->memsz, page_size);
			if (module.relro_end < module.relro_start)
				module.relro_end = module.relro_start;
		} else if (h->type == PT_TLS) {
			module.tls_size = h->memsz;
			module.tls_align = h->align;
		} else {
			take_other(&module, h);
		}
	}
	if (r == 0 && module.nsegments == 0)
		r = -ENOEXEC;
	if (r == 0)
		*ret = module;
	return r;
}

int modules_read(struct reader *reader, plat_addr header, uint64_t page_size, struct module *ret)
{
	struct bytes from = {.reader = reader, .header = header};

	return fill_module(&from, header, page_size, ret);
}

/* Whether a segment's first byte in memory is its first byte in the module's file. */
static bool is_from_file(const struct module *module, const struct segment *segment,
			 const struct region *region)
{
	return region->file == module->file &&
	       region->offset + (segment->start - region->start) == segment->offset;
}

/*
 * Whether an executable segment is mapped executable, from the module's file or without one (some
 * programs move their code to huge pages), and each writable one lies where it should. With
 * READ_IMPLIES_EXEC a file that is only read is executable too, but its data is not in that place.
 */
static bool is_loaded(const struct space *space, const struct module *module)
{
	bool has_code = false;
	size_t i;

	for (i = 0; i < module->nsegments; i++) {
		const struct segment *segment = &module->segments[i];
		const struct region *region = space_find(space, segment->start);
		bool from_file = region && is_from_file(module, segment, region);

		if ((segment->rights & RIGHT_WRITE) && segment->file_end > segment->start &&
		    !from_file)
			return false;
		if ((segment->rights & RIGHT_EXEC) && region && (region->rights & RIGHT_EXEC) &&
		    (from_file || region->file == NO_FILE))
			has_code = true;
	}
	return has_code;
}

static enum module_role role_of(const struct space *space, const struct module *module,
				const struct region *region)
{
	const struct process *process = &space->process;
	const struct file *file = region_file(space, region);
	size_t i;

	if (file && file->type == FILE_SPECIAL)
		return MODULE_VDSO;
	if (process->base != UNKNOWN && process->base == module->header)
		return MODULE_INTERPRETER;
	for (i = 0; process->phdr != UNKNOWN && i < module->nsegments; i++)
		if (module->segments[i].start <= process->phdr &&
		    process->phdr < module->segments[i].end)
			return MODULE_PROGRAM;
	return MODULE_LIBRARY;
}

/* Whether an ELF header may begin here: the first page of a file, or the vdso. */
static bool may_be_header(const struct space *space, const struct region *region)
{
	const struct file *file = region_file(space, region);

	if (!file || !(region->rights & RIGHT_READ))
		return false;
	if (file->type == FILE_SPECIAL)
		return strncmp(file->name, "[vdso", 5) == 0;
	return region->offset == 0 && (file->type == FILE_ORDINARY || file->type == FILE_MEMFD ||
				       file->type == FILE_POSIX_SHM);
}

/*
 * A file that is mapped only once, without code, is data: its header need not be read, which would
 * cost much where tens of thousands of files are mapped. Files with code get a mark.
 */
static uint8_t *files_with_code(const struct space *space)
{
	uint8_t *marks = calloc(space->nfiles + 1, 1);
	size_t i;

	for (i = 0; marks && i < space->nregions; i++)
		if (space->regions[i].file != NO_FILE && (space->regions[i].rights & RIGHT_EXEC))
			marks[space->regions[i].file] = 1;
	return marks;
}

/*
 * Modules do not overlap. One whose headers reach into the next is cut there, and nothing of a
 * module lies below its header, which is at the beginning of its lowest segment. So each byte is
 * claimed by one module, and thousands of hostile ones cost no more than thousands of good ones.
 */
static void clamp_modules(struct space *space)
{
	size_t i, j;

	for (i = 0; i < space->nmodules; i++) {
		struct module *module = &space->modules[i];
		plat_addr low = module->header;
		plat_addr high = i + 1 < space->nmodules ? module[1].header : ADDR_MAX;

		for (j = 0; j < module->nsegments; j++) {
			struct segment *segment = &module->segments[j];

			segment->start = min_u64(max_u64(segment->start, low), high);
			segment->file_end = min_u64(max_u64(segment->file_end, low), high);
			segment->end = min_u64(max_u64(segment->end, low), high);
		}
		if (module->relro_start < low || module->relro_end > high)
			module->relro_start = module->relro_end = low;
	}
}

int modules_find(struct space *space, struct reader *reader, struct file_reader *files)
{
	uint8_t *has_code = files_with_code(space);
	int r = has_code ? 0 : -ENOMEM;
	size_t i;

	for (i = 0; r == 0 && i < space->nregions && space->nmodules < MODULES_MOST; i++) {
		const struct region *region = &space->regions[i];
		struct module module = {.file = region->file};
		struct bytes memory = {.reader = reader, .header = region->start};
		struct bytes file = {.files = files, .space = space, .region = region};

		if (!may_be_header(space, region) || !has_code[region->file])
			continue;
		r = reader ? fill_module(&memory, region->start, space->machine.page_size, &module)
			   : -EACCES;
		if (r < 0 && r != -ENOEXEC && files)
			r = fill_module(&file, region->start, space->machine.page_size, &module);
		/* The vdso's header is missed by nobody, and is absent until it is first used. */
		if (r < 0 && r != -ENOEXEC && region_file(space, region)->type != FILE_SPECIAL)
			space_why(&space->why.memory, "ELF headers: %s", strerror(-r));
		if (r < 0) {
			r = 0;
			continue;
		}
		module.role = role_of(space, &module, region);
		if (module.role != MODULE_VDSO && !is_loaded(space, &module))
			continue;
		r = list_reserve(&space->modules, &space->modules_room, space->nmodules, 1);
		if (r == 0)
			space->modules[space->nmodules++] = module;
	}
	free(has_code);
	if (r == 0)
		clamp_modules(space);
	return r;
}

/*
 * Linux fs/binfmt_elf.c create_elf_tables, from start_stack upward:
 *
 *     argc | argv[0] ... NULL | envp[0] ... NULL | auxv pairs ... AT_NULL | strings
 */
#define WORDS_MOST (6 * 1024 * 1024 / 4) /* arguments and environment have at most 6 MiB */

static int read_word(struct reader *reader, plat_addr at, unsigned size, uint64_t *ret)
{
	*ret = 0; /* little-endian: a short word fills the low bytes */
	return reader_read(reader, at, ret, size);
}

/* Moves *at behind the next NULL word, in pieces. */
static int skip_pointers(struct reader *reader, plat_addr *at, unsigned size)
{
	unsigned n;

	for (n = 0; n < WORDS_MOST; n++) {
		uint64_t word;
		int r = read_word(reader, *at, size, &word);

		if (r < 0)
			return r;
		*at += size;
		if (word == 0)
			return 0;
	}
	return -ENOEXEC;
}

void modules_find_auxv(struct space *space, struct reader *reader)
{
	struct process *process = &space->process;
	unsigned size = process->bits == 32 ? 4 : 8, n;
	plat_addr at = process->start_stack;
	uint64_t argc, type;

	if (at == UNKNOWN || at == 0 || read_word(reader, at, size, &argc) < 0 || argc > WORDS_MOST)
		return;
	at += size + argc * size;
	if (skip_pointers(reader, &at, size) < 0 || skip_pointers(reader, &at, size) < 0)
		return;
	process->auxv_start = at;
	for (n = 0; n < 64; n++) {
		if (read_word(reader, at, size, &type) < 0)
			break;
		at += 2 * size;
		if (type == AT_NULL) {
			process->auxv_end = at;
			return;
		}
	}
	process->auxv_start = UNKNOWN;
}
