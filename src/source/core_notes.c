/*
 * Notes stand one behind the other, each padded to four bytes:
 *
 *     | namesz descsz type | name ... | description ... |
 *
 * A thread begins with its NT_PRSTATUS. Its other registers, which can be most of a core's notes,
 * are not read, but where they stand is noted.
 */
#include "source/core_notes.h"

#include "base/list.h"
#include "space/space.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOTES_MOST 2000000
#define THREADS_MOST 100000
#define FILES_BYTES_MOST (UINT64_C(64) << 20) /* core_file_note_size_limit ends at 16 MiB */
#define AUXV_BYTES_MOST 65536
#define NAME_MOST 4352 /* of a mapped file: PATH_MAX and " (deleted)" */

struct note {
	uint32_t name_size, size, type;
	uint64_t at; /* of the description */
};

/* Descriptions are known to lie within the file. */
static int read_note(const struct core *core, uint64_t at, void *to, size_t size)
{
	ssize_t n = pread(core->fd, to, size, (off_t)at);

	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

static uint64_t number_at(const unsigned char *bytes, size_t at, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, bytes + at, size); /* little-endian, as we are */
	return value;
}

/*
 * struct elf_prstatus: pr_pid, then other numbers, then the general registers. Linux
 * include/uapi/linux/elfcore.h, and each architecture's ELF_CORE_COPY_REGS.
 */
#define PRSTATUS_BYTES 512

static const struct {
	unsigned machine;
	bool is_64;
	unsigned size, registers, nregisters; /* of the whole; where they begin, and how many */
	unsigned sp, pc;		      /* which of them these are */
} prstatus_forms[] = {
	{EM_X86_64, true, 336, 112, 27, 19, 16},  {EM_386, false, 144, 72, 17, 15, 12},
	{EM_AARCH64, true, 392, 112, 34, 31, 32}, {EM_ARM, false, 148, 72, 18, 13, 15},
	{EM_RISCV, true, 376, 112, 32, 2, 0},
};

static void take_registers(const struct core *core, const struct note *note,
			   const unsigned char *bytes, size_t size, struct core_thread *ret)
{
	unsigned word = core->is_64 ? 8 : 4;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prstatus_forms); i++) {
		if (prstatus_forms[i].machine != core->machine ||
		    prstatus_forms[i].is_64 != core->is_64 || prstatus_forms[i].size > size)
			continue;
		ret->sp = number_at(
			bytes, prstatus_forms[i].registers + prstatus_forms[i].sp * word, word);
		ret->pc = number_at(
			bytes, prstatus_forms[i].registers + prstatus_forms[i].pc * word, word);
		ret->general.at = note->at + prstatus_forms[i].registers;
		ret->general.size = (uint64_t)prstatus_forms[i].nregisters * word;
	}
}

static int take_prstatus(struct core *core, const struct note *note)
{
	unsigned char bytes[PRSTATUS_BYTES] = {0};
	size_t size = (size_t)min_u64(note->size, sizeof(bytes)), pid_at = core->is_64 ? 32 : 24;
	int r = read_note(core, note->at, bytes, size);
	int64_t tid = (int32_t)number_at(bytes, pid_at, 4);

	if (r < 0 || size < pid_at + 4 || tid <= 0 || core->nthreads == THREADS_MOST)
		return r;
	r = list_reserve(&core->threads, &core->threads_room, core->nthreads, 1);
	if (r < 0)
		return r;
	core->threads[core->nthreads] = (struct core_thread){.tid = (int)tid, .sp = UNKNOWN};
	take_registers(core, note, bytes, size, &core->threads[core->nthreads]);
	core->nthreads++;
	return 0;
}

/* Those of the thread before. NT_X86_XSTATE begins with what NT_PRFPREG has. */
static void take_vector(struct core *core, const struct note *note)
{
	struct core_bytes *vector;

	if (!core->nthreads)
		return;
	vector = &core->threads[core->nthreads - 1].vector;
	if (note->size > vector->size)
		*vector = (struct core_bytes){note->at, note->size};
}

/* struct elf_prpsinfo; the numbers of users have 16 bits on i386 and arm. */
static int take_prpsinfo(struct core *core, const struct note *note)
{
	unsigned char bytes[136] = {0};
	size_t size = core->is_64 ? 136 : 124;
	int r;

	if (core->has_facts || note->size < size)
		return 0;
	r = read_note(core, note->at, bytes, size);
	if (r < 0)
		return r;
	core->uid = (unsigned)number_at(bytes, core->is_64 ? 16 : 8, core->is_64 ? 4 : 2);
	core->pid = (int)(int32_t)number_at(bytes, core->is_64 ? 24 : 12, 4);
	core->ppid = (int)(int32_t)number_at(bytes, core->is_64 ? 28 : 16, 4);
	memcpy(core->command, bytes + (core->is_64 ? 40 : 28), CORE_COMMAND_SIZE - 1);
	core->has_facts = core->pid > 0;
	return 0;
}

static int take_auxv(struct core *core, const struct note *note)
{
	int r;

	if (core->auxv || note->size == 0 || note->size > AUXV_BYTES_MOST)
		return 0;
	core->auxv = malloc(note->size);
	if (!core->auxv)
		return -ENOMEM;
	r = read_note(core, note->at, core->auxv, note->size);
	core->auxv_size = r == 0 ? note->size : 0;
	return r;
}

/*
 * count, page size, then for each file start, end and offset in pages; then their names. Linux
 * fs/binfmt_elf.c fill_files_note. gdb calls a page one byte.
 */
static int by_start(const void *a, const void *b)
{
	const struct core_mapped *one = a, *other = b;

	return (one->start > other->start) - (one->start < other->start);
}

static void take_mapped(struct core *core, const unsigned char *text, size_t size)
{
	unsigned word = core->is_64 ? 8 : 4;
	uint64_t n = number_at(text, 0, word), unit = number_at(text, word, word), i;
	const char *name = (const char *)text + (2 + 3 * n) * word;
	const char *end = (const char *)text + size;

	for (i = 0; i < n; i++) {
		const unsigned char *at = text + (2 + 3 * i) * word;
		size_t length = strnlen(name, (size_t)(end - name));
		struct core_mapped mapped = {
			.start = number_at(at, 0, word),
			.end = number_at(at, word, word),
			.name = name,
		};

		if (name + length == end) {
			core->notes_cut = true;
			break;
		}
		name += length + 1;
		if (mapped.start < mapped.end && mapped.end != UNKNOWN && length &&
		    length < NAME_MOST &&
		    !__builtin_mul_overflow(number_at(at, 2 * word, word), unit, &mapped.offset))
			core->mapped[core->nmapped++] = mapped;
	}
	if (core->nmapped)
		qsort(core->mapped, core->nmapped, sizeof(*core->mapped), by_start);
}

static int take_files(struct core *core, const struct note *note)
{
	unsigned word = core->is_64 ? 8 : 4;
	unsigned char *text;
	uint64_t n;
	int r;

	if (core->names || note->size < 2 * word || note->size > FILES_BYTES_MOST)
		return 0;
	text = malloc(note->size);
	if (!text)
		return -ENOMEM;
	core->names = (char *)text;
	r = read_note(core, note->at, text, note->size);
	if (r < 0)
		return r;
	n = number_at(text, 0, word);
	/* Each has three numbers, and a name of at least its end. */
	if (n > (note->size - 2 * word) / (3 * word + 1)) {
		core->notes_cut = true;
		return 0;
	}
	core->mapped = calloc(n + 1, sizeof(*core->mapped));
	if (!core->mapped)
		return -ENOMEM;
	take_mapped(core, text, note->size);
	return 0;
}

static int take_note(struct core *core, const struct note *note)
{
	char name[8] = "";
	int r;

	if (note->name_size != 5 && note->name_size != 6)
		return 0;
	r = read_note(core, note->at - 8, name, 8);
	if (r == 0 && memcmp(name, "LINUX", 6) == 0 && note->type == NT_X86_XSTATE)
		take_vector(core, note);
	if (r < 0 || memcmp(name, "CORE", 5) != 0)
		return r;
	switch (note->type) {
	case NT_PRFPREG:
		take_vector(core, note);
		return 0;
	case NT_PRSTATUS:
		return take_prstatus(core, note);
	case NT_PRPSINFO:
		return take_prpsinfo(core, note);
	case NT_AUXV:
		return take_auxv(core, note);
	case NT_FILE:
		return take_files(core, note);
	default:
		return 0;
	}
}

int core_notes_read(struct core *core, uint64_t offset, uint64_t size)
{
	uint64_t at = 0;
	unsigned n;
	int r = 0;

	for (n = 0; r == 0 && size - at >= sizeof(Elf64_Nhdr); n++) {
		struct note note;
		Elf64_Nhdr header; /* the same in both classes */
		uint64_t end;

		r = read_note(core, offset + at, &header, sizeof(header));
		if (r < 0)
			break;
		at += sizeof(header) + align_up(header.n_namesz, 4); /* both below 2^33 */
		note = (struct note){header.n_namesz, header.n_descsz, header.n_type, offset + at};
		end = at + header.n_descsz;
		if (end > size || n == NOTES_MOST) {
			core->notes_cut = true;
			break;
		}
		r = take_note(core, &note);
		at = min_u64(align_up(end, 4), size);
	}
	return r;
}
