/*
 * The ELF header says where in the file each PT_LOAD came from; what memory holds of it is put
 * there.
 *
 *     memory   | header, dynsym | text |  | data | bss |
 *                   |              |          |
 *     file     | header, dynsym | text | data |
 */
#include "source/image.h"

#include "source/memory.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define IMAGE_MOST (UINT64_C(256) << 20) /* bytes copied from memory */
#define HEADERS_MOST 128

/* Both classes of ELF, as far as they are needed. */
struct load {
	uint32_t type;
	uint64_t offset, vaddr, filesz, memsz;
};

struct image {
	struct reader *reader;
	const struct module *module;
	uint64_t page;
	int fd;
	bool is_64;
	unsigned nloads;
	struct load loads[HEADERS_MOST];
	uint64_t copied;
};

/* Pages that are not there stay holes, which read as zeros. */
static int copy_pages(struct image *image, plat_addr from, uint64_t offset, uint64_t size)
{
	char *page = malloc(image->page);
	int r = page ? 0 : -ENOMEM;

	while (r == 0 && size) {
		size_t part = (size_t)min_u64(size, image->page - from % image->page);

		image->copied += part;
		if (image->copied > IMAGE_MOST || offset > IMAGE_MOST * 16)
			r = -EFBIG;
		else if (reader_read(image->reader, from, page, part) == 0 &&
			 pwrite(image->fd, page, part, (off_t)offset) != (ssize_t)part)
			r = -EIO;
		from += part;
		offset += part;
		size -= part;
	}
	free(page);
	return r;
}

static int read_loads(struct image *image, Elf64_Ehdr *header)
{
	plat_addr at = image->module->header;
	Elf32_Ehdr small;
	unsigned i, phnum = 0;
	uint64_t phoff = 0;
	int r = reader_read(image->reader, at, header, sizeof(*header));

	if (r < 0)
		return r;
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	image->is_64 = header->e_ident[EI_CLASS] == ELFCLASS64;
	memcpy(&small, header, sizeof(small));
	phoff = image->is_64 ? header->e_phoff : small.e_phoff;
	phnum = image->is_64 ? header->e_phnum : small.e_phnum;
	if (phnum > HEADERS_MOST || phoff > IMAGE_MOST)
		return -ENOEXEC;
	for (i = 0; i < phnum; i++) {
		struct load *load = &image->loads[image->nloads++];
		Elf64_Phdr h64;
		Elf32_Phdr h32;

		if (image->is_64) {
			r = reader_read(image->reader, at + phoff + i * sizeof(h64), &h64,
					sizeof(h64));
			*load = (struct load){h64.p_type, h64.p_offset, h64.p_vaddr, h64.p_filesz,
					      h64.p_memsz};
		} else {
			r = reader_read(image->reader, at + phoff + i * sizeof(h32), &h32,
					sizeof(h32));
			*load = (struct load){h32.p_type, h32.p_offset, h32.p_vaddr, h32.p_filesz,
					      h32.p_memsz};
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* Section headers outside the copied pages would be zeros: the file must not promise them. */
static void drop_sections(struct image *image, Elf64_Ehdr *header)
{
	Elf32_Ehdr *small = (Elf32_Ehdr *)(void *)header;
	uint64_t shoff = image->is_64 ? header->e_shoff : small->e_shoff;
	uint64_t size = image->is_64 ? (uint64_t)header->e_shnum * header->e_shentsize
				     : (uint64_t)small->e_shnum * small->e_shentsize;
	unsigned i;

	for (i = 0; i < image->nloads; i++) {
		const struct load *load = &image->loads[i];
		uint64_t end = align_up(add_capped(load->offset, load->filesz), image->page);

		if (load->type == PT_LOAD && load->filesz == load->memsz && shoff >= load->offset &&
		    add_capped(shoff, size) <= end && image->module->role == MODULE_VDSO)
			return;
	}
	if (image->is_64)
		header->e_shoff = 0, header->e_shnum = 0, header->e_shstrndx = 0;
	else
		small->e_shoff = 0, small->e_shnum = 0, small->e_shstrndx = 0;
}

static bool is_address_tag(uint64_t tag)
{
	return tag == DT_HASH || tag == DT_STRTAB || tag == DT_SYMTAB || tag == DT_GNU_HASH ||
	       tag == DT_VERSYM || tag == DT_VERDEF || tag == DT_VERNEED;
}

/*
 * glibc adds the bias to addresses in the dynamic section (elf/get-dynamic-info.h); take it away.
 */
static int unrelocate(struct image *image, const struct load *dynamic)
{
	unsigned word = image->is_64 ? 8 : 4;
	uint64_t i, n = min_u64(dynamic->filesz / (2 * word), 1024);
	plat_addr low = image->module->header;

	for (i = 0; i < n; i++) {
		off_t at = (off_t)(dynamic->offset + i * 2 * word);
		uint64_t tag = 0, value = 0;

		if (pread(image->fd, &tag, word, at) != word ||
		    pread(image->fd, &value, word, at + word) != word || tag == DT_NULL)
			break;
		if (!is_address_tag(tag) || image->module->bias == 0 || value < low)
			continue;
		value -= image->module->bias;
		if (pwrite(image->fd, &value, word, at + word) != word)
			return -EIO;
	}
	return 0;
}

static int fill_image(struct image *image)
{
	Elf64_Ehdr header;
	unsigned i;
	int r = read_loads(image, &header);

	for (i = 0; r == 0 && i < image->nloads; i++) {
		const struct load *load = &image->loads[i];
		uint64_t size = load->filesz, skip = load->vaddr % image->page;

		if (load->type != PT_LOAD || size == 0)
			continue;
		if (load->offset < skip || size > IMAGE_MOST)
			return -ENOEXEC;
		/*
		 * What follows in the last page is of the file too, unless it was cleared for .bss.
		 */
		if (load->filesz == load->memsz)
			size = align_up(skip + size, image->page) - skip;
		r = copy_pages(image, image->module->bias + load->vaddr - skip, load->offset - skip,
			       size + skip);
	}
	if (r < 0)
		return r;
	drop_sections(image, &header);
	if (pwrite(image->fd, &header, image->is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr), 0) <
	    0)
		return -EIO;
	for (i = 0; r == 0 && i < image->nloads; i++)
		if (image->loads[i].type == PT_DYNAMIC)
			r = unrelocate(image, &image->loads[i]);
	return r;
}

int image_open(const struct procdir *dir, const struct space *space, const struct module *module)
{
	struct image image = {.module = module, .page = space->machine.page_size};
	struct memory memory;
	int r = memory_open(&memory, dir, image.page);

	if (r == 0) {
		image.fd = memfd_create("plat-image", MFD_CLOEXEC);
		r = image.fd < 0 ? -errno : 0;
	}
	if (r == 0) {
		image.reader = &memory.reader;
		r = fill_image(&image);
		if (r < 0)
			close(image.fd);
	}
	memory_close(&memory);
	return r < 0 ? r : image.fd;
}
