/*
 * A build-id stands in a note near the beginning of an ELF file. The kernel writes the first page
 * of each such file into a core, by default, for just this.
 */
#include "source/core_files.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADERS_MOST 128
#define NOTES_BYTES_MOST 65536
#define ID_MOST 64

struct build_id {
	size_t size;
	unsigned char bytes[ID_MOST];
};

/* Where the bytes of an ELF file come from: the file, or memory at `base`, which ends at `end`. */
struct bytes {
	int fd;
	struct reader *reader;
	plat_addr base, end;
};

static int read_bytes(const struct bytes *from, uint64_t offset, void *to, size_t size)
{
	if (!from->reader)
		return offset <= INT64_MAX &&
				       pread(from->fd, to, size, (off_t)offset) == (ssize_t)size
			       ? 0
			       : -ENOEXEC;
	if (offset > from->end - from->base || size > from->end - from->base - offset)
		return -ENOEXEC;
	return reader_read(from->reader, from->base + offset, to, size);
}

/* Looks for the build-id among notes. */
static bool find_in_notes(const unsigned char *notes, size_t size, struct build_id *ret)
{
	size_t at = 0;

	while (size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t name, description, end;

		memcpy(&note, notes + at, sizeof(note));
		name = at + sizeof(note);
		description = name + align_up(note.n_namesz, 4);
		end = description + note.n_descsz;
		if (end > size)
			return false;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    memcmp(notes + name, "GNU", 4) == 0 && note.n_descsz > 0 &&
		    note.n_descsz <= ID_MOST) {
			ret->size = note.n_descsz;
			memcpy(ret->bytes, notes + description, note.n_descsz);
			return true;
		}
		at = (size_t)min_u64(align_up(end, 4), size);
	}
	return false;
}

static bool find_in_range(const struct bytes *from, uint64_t offset, uint64_t size,
			  struct build_id *ret)
{
	unsigned char *notes;
	bool found;

	if (size == 0 || size > NOTES_BYTES_MOST)
		return false;
	notes = malloc((size_t)size);
	found = notes && read_bytes(from, offset, notes, (size_t)size) == 0 &&
		find_in_notes(notes, (size_t)size, ret);
	free(notes);
	return found;
}

static bool find_build_id(const struct bytes *from, struct build_id *ret)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr h64;
		Elf32_Ehdr h32;
	} header;
	bool is_64, found = false;
	unsigned n, i;

	if (read_bytes(from, 0, &header, sizeof(header)) < 0 ||
	    memcmp(header.ident, ELFMAG, SELFMAG) != 0)
		return false;
	is_64 = header.ident[EI_CLASS] == ELFCLASS64;
	n = is_64 ? header.h64.e_phnum : header.h32.e_phnum;
	for (i = 0; i < n && i < HEADERS_MOST && !found; i++) {
		Elf64_Phdr h64;
		Elf32_Phdr h32;

		if (is_64 &&
		    read_bytes(from, header.h64.e_phoff + i * sizeof(h64), &h64, sizeof(h64)) == 0)
			found = h64.p_type == PT_NOTE &&
				find_in_range(from, h64.p_offset, h64.p_filesz, ret);
		else if (!is_64 && read_bytes(from, header.h32.e_phoff + i * sizeof(h32), &h32,
					      sizeof(h32)) == 0)
			found = h32.p_type == PT_NOTE &&
				find_in_range(from, h32.p_offset, h32.p_filesz, ret);
	}
	return found;
}

/* Where the first page of the file lies in memory. */
static const struct region *first_page(const struct space *space, uint32_t file)
{
	size_t i;

	for (i = 0; i < space->nregions; i++)
		if (space->regions[i].file == file && space->regions[i].offset == 0)
			return &space->regions[i];
	return NULL;
}

static int open_regular(const char *name)
{
	struct stat st;
	int fd;

	/* Looks before it opens: devices react. */
	if (stat(name, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* The file of that name, if it has this build-id. */
static int open_proven(const struct file *file, const struct build_id *theirs)
{
	struct build_id ours;
	struct bytes here;
	int fd = open_regular(file->name);

	if (fd < 0)
		return fd;
	here = (struct bytes){.fd = fd};
	if (find_build_id(&here, &ours) && ours.size == theirs->size &&
	    memcmp(ours.bytes, theirs->bytes, ours.size) == 0)
		return fd;
	close(fd);
	return -ESTALE;
}

static bool has_name(const struct file *file)
{
	return file && file->name[0] == '/' && !file->deleted;
}

int core_file_open(struct reader *memory, const struct space *space, const struct region *region)
{
	const struct file *file = region_file(space, region);
	const struct region *first = first_page(space, region->file);
	struct build_id theirs;
	struct bytes there;

	if (!has_name(file))
		return -ENOENT;
	if (!first)
		return -ESTALE;
	there = (struct bytes){.reader = memory, .base = first->start, .end = first->end};
	return find_build_id(&there, &theirs) ? open_proven(file, &theirs) : -ESTALE;
}

int core_file_open_by_id(const struct space *space, const struct region *region,
			 const char *build_id)
{
	const struct file *file = region_file(space, region);
	struct build_id theirs = {.size = strlen(build_id) / 2};
	size_t i;

	if (!has_name(file))
		return -ENOENT;
	if (theirs.size == 0 || theirs.size > ID_MOST)
		return -ESTALE;
	for (i = 0; i < theirs.size; i++)
		if (sscanf(build_id + 2 * i, "%2hhx", &theirs.bytes[i]) != 1)
			return -ESTALE;
	return open_proven(file, &theirs);
}
