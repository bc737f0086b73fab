#include "source/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define HEADERS_MOST 65536 /* bytes; Linux fs/binfmt_elf.c load_elf_phdrs */

/* One file, open. */
struct open_file {
	const char *path;
	int fd;
	Elf *elf;
	GElf_Ehdr header;
	size_t nheaders;
	struct error *err;
};

static void close_file(struct open_file *file)
{
	if (file->elf)
		elf_end(file->elf);
	if (file->fd >= 0)
		close(file->fd);
}

static int is_for_us(const struct open_file *file)
{
	const GElf_Ehdr *header = &file->header;
	unsigned class = header->e_ident[EI_CLASS];
	size_t size = class == ELFCLASS64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return fail(file->err, -ENOEXEC, "%s: neither a program nor a library", file->path);
	if (header->e_machine != (class == ELFCLASS64 ? EM_X86_64 : EM_386))
		return fail(file->err, -ENOEXEC, "%s: not for x86-64 or ia32", file->path);
	if (file->nheaders == 0 || header->e_phentsize != size ||
	    file->nheaders * size > HEADERS_MOST)
		return fail(file->err, -ENOEXEC, "%s: no program headers that exec would take",
			    file->path);
	return 0;
}

static int open_elf(struct open_file *file)
{
	struct stat st;

	file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file->fd < 0)
		return fail(file->err, errno, "%s: cannot open it", file->path);
	if (fstat(file->fd, &st) < 0)
		return fail(file->err, errno, "%s: cannot look at it", file->path);
	if (!S_ISREG(st.st_mode))
		return fail(file->err, -ENOEXEC, "%s: not a regular file", file->path);
	elf_version(EV_CURRENT);
	file->elf = elf_begin(file->fd, ELF_C_READ, NULL);
	if (!file->elf || elf_kind(file->elf) != ELF_K_ELF ||
	    !gelf_getehdr(file->elf, &file->header) ||
	    elf_getphdrnum(file->elf, &file->nheaders) < 0)
		return fail(file->err, -ENOEXEC, "%s: not an ELF file", file->path);
	return is_for_us(file);
}

/* Those whose large mappings are placed by their offset. Linux: thp_get_unmapped_area. */
static bool asks_for_huge_pages(int fd)
{
	static const unsigned long types[] = {0xef53, 0x58465342, 0x9123683e}; /* ext4 xfs btrfs */
	struct statfs fs;
	size_t i;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (i = 0; i < ARRAY_SIZE(types); i++)
		if ((unsigned long)fs.f_type == types[i])
			return true;
	return false;
}

static uint32_t rights_of(uint32_t flags)
{
	return (flags & PF_R ? VMA_READ : 0) | (flags & PF_W ? VMA_WRITE : 0) |
	       (flags & PF_X ? VMA_EXEC : 0);
}

static int read_image(struct open_file *file, struct exec_image *ret,
		      struct exec_segment **segments)
{
	struct stat st;
	size_t i;

	*segments = calloc(file->nheaders, sizeof(**segments));
	if (!*segments || fstat(file->fd, &st) < 0)
		return fail(file->err, errno, "%s", file->path);
	*ret = (struct exec_image){
		.fixed = file->header.e_type == ET_EXEC,
		.segments = *segments,
		.file_size = (uint64_t)st.st_size,
		.huge_aligned = asks_for_huge_pages(file->fd),
		.name = NO_FILE,
	};
	for (i = 0; i < file->nheaders; i++) {
		GElf_Phdr phdr;

		if (!gelf_getphdr(file->elf, (int)i, &phdr))
			return fail(file->err, -ENOEXEC, "%s: its program headers cannot be read",
				    file->path);
		if (phdr.p_type != PT_LOAD)
			continue;
		(*segments)[ret->nsegments++] = (struct exec_segment){
			.vaddr = phdr.p_vaddr,
			.offset = phdr.p_offset,
			.filesz = phdr.p_filesz,
			.memsz = phdr.p_memsz,
			.align = phdr.p_align,
			.rights = rights_of(phdr.p_flags),
		};
	}
	return 0;
}

static int read_interpreter_path(struct open_file *file, const GElf_Phdr *phdr, char **ret)
{
	char path[PATH_MAX] = "";
	ssize_t n = -1;

	if (phdr->p_filesz >= 2 && phdr->p_filesz <= sizeof(path))
		n = pread(file->fd, path, phdr->p_filesz, (off_t)phdr->p_offset);
	if (n < 2 || (size_t)n != phdr->p_filesz || path[n - 1] != '\0')
		return fail(file->err, -ENOEXEC, "%s: it names no interpreter that exec would take",
			    file->path);
	*ret = strdup(path);
	return *ret ? 0 : fail(file->err, ENOMEM, "%s", file->path);
}

/* The first PT_INTERP counts, and the last PT_GNU_STACK. */
static int read_other_headers(struct open_file *file, struct elf_file *ret)
{
	size_t i;
	int r = 0;

	ret->program.stack = EXEC_STACK_DEFAULT;
	for (i = 0; i < file->nheaders && r == 0; i++) {
		GElf_Phdr phdr;

		if (!gelf_getphdr(file->elf, (int)i, &phdr))
			break;
		if (phdr.p_type == PT_GNU_STACK)
			ret->program.stack =
				phdr.p_flags & PF_X ? EXEC_STACK_CODE : EXEC_STACK_DATA;
		if (phdr.p_type == PT_INTERP && !ret->interpreter_path)
			r = read_interpreter_path(file, &phdr, &ret->interpreter_path);
	}
	return r;
}

static int read_program(struct elf_file *ret, const char *path, struct error *err)
{
	struct open_file file = {.path = path, .fd = -1, .err = err};
	struct exec_program *program = &ret->program;
	int r = open_elf(&file);

	exec_program_init(program);
	if (r == 0)
		r = read_image(&file, &program->image, &ret->segments);
	if (r == 0)
		r = read_other_headers(&file, ret);
	program->bits = file.header.e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32;
	program->filename_size = program->arg_size = program->longest = strlen(path) + 1;
	ret->entry = file.header.e_entry;
	close_file(&file);
	return r;
}

static int read_interpreter(struct elf_file *ret, struct error *err)
{
	struct open_file file = {.path = ret->interpreter_path, .fd = -1, .err = err};
	int r;

	if (!file.path)
		return 0;
	r = open_elf(&file);
	if (r == 0 && (file.header.e_ident[EI_CLASS] == ELFCLASS64) != (ret->program.bits == 64))
		r = fail(err, -ENOEXEC, "%s: this interpreter has another word size", file.path);
	if (r == 0)
		r = read_image(&file, &ret->program.interpreter, &ret->interpreter_segments);
	ret->program.has_interpreter = true;
	ret->interpreter_entry = file.header.e_entry;
	close_file(&file);
	return r;
}

int elf_file_read(const char *path, struct elf_file *ret, struct error *err)
{
	struct elf_file file = ELF_FILE_EMPTY;
	int r = read_program(&file, path, err);

	if (r == 0)
		r = read_interpreter(&file, err);
	if (r < 0) {
		elf_file_fini(&file);
		return r;
	}
	*ret = file;
	return 0;
}

void elf_file_fini(struct elf_file *file)
{
	free(file->segments);
	free(file->interpreter_segments);
	free(file->interpreter_path);
	*file = ELF_FILE_EMPTY;
}
