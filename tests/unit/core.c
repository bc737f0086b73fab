/*
 * Cores made by hand:
 *
 *     | header | program headers | notes | a page of text | data | stack |
 *
 * of a process that has a text whose second page was left out, data, and a stack.
 */
#include "source/core.h"

#include "source/content.h"
#include "source/core_space.h"
#include "source/proc.h"
#include "space/kinds.h"
#include "unit.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT UINT64_C(0x400000)
#define DATA UINT64_C(0x600000)
#define STACK UINT64_C(0x7ffffff00000)
#define SP (STACK + 0x800)
#define CORE_MOST (4 * MIB)

static unsigned char image[CORE_MOST];
static size_t size;
static size_t headers_at, notes_at, nheaders;
static struct error err;

/*
 * The image.
 */

static void put(const void *bytes, size_t n)
{
	assert_true(size + n <= CORE_MOST);
	memcpy(image + size, bytes, n);
	size += n;
}

static Elf64_Ehdr *elf(void)
{
	return (Elf64_Ehdr *)(void *)image;
}

static Elf64_Phdr *header(size_t i)
{
	return (Elf64_Phdr *)(void *)(image + headers_at) + i;
}

static void add_note(uint32_t type, const void *bytes, size_t n)
{
	Elf64_Nhdr note = {5, (Elf64_Word)n, type};

	put(&note, sizeof(note));
	put("CORE\0\0\0", 8);
	put(bytes, n);
	size = (size_t)align_up(size, 4);
}

static void add_notes(void)
{
	unsigned char status[336] = {0}, info[136] = {0};
	uint64_t auxv[] = {AT_PAGESZ, 4096, AT_PHENT, sizeof(Elf64_Phdr), AT_RANDOM, SP + 64, 0, 0};
	struct {
		uint64_t n, unit, start, end, offset;
		char name[16];
	} files = {1, 4096, TEXT, TEXT + 2 * PAGE, 0, "/no/such/file"};
	int tid = 77;

	memcpy(status + 32, &tid, sizeof(tid));
	memcpy(status + 112 + 19 * 8, &(uint64_t){SP}, 8);
	memcpy(info + 24, &tid, sizeof(tid));
	memcpy(info + 40, "hand", 4);
	notes_at = size;
	add_note(NT_PRSTATUS, status, sizeof(status));
	add_note(NT_PRPSINFO, info, sizeof(info));
	add_note(NT_AUXV, auxv, sizeof(auxv));
	add_note(NT_FILE, &files, sizeof(files));
}

static void add_load(size_t i, plat_addr start, uint64_t filesz, uint64_t memsz, uint32_t flags,
		     int fill)
{
	*header(i) = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = flags,
		.p_offset = size,
		.p_vaddr = start,
		.p_filesz = filesz,
		.p_memsz = memsz,
	};
	memset(image + size, fill, filesz);
	size += filesz;
}

static void make_core(void)
{
	memset(image, 0, sizeof(image));
	size = sizeof(Elf64_Ehdr);
	headers_at = size;
	nheaders = 4;
	memcpy(image, ELFMAG, SELFMAG);
	image[EI_CLASS] = ELFCLASS64;
	image[EI_DATA] = ELFDATA2LSB;
	elf()->e_type = ET_CORE;
	elf()->e_machine = EM_X86_64;
	elf()->e_phoff = headers_at;
	elf()->e_phentsize = sizeof(Elf64_Phdr);
	elf()->e_phnum = (Elf64_Half)nheaders;
	size += nheaders * sizeof(Elf64_Phdr);
	add_notes();
	*header(0) =
		(Elf64_Phdr){.p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = size - notes_at};
	size = (size_t)align_up(size, PAGE);
	add_load(1, TEXT, PAGE, 2 * PAGE, PF_R | PF_X, 0x11);
	add_load(2, DATA, 2 * PAGE, 2 * PAGE, PF_R | PF_W, 0x22);
	add_load(3, STACK, PAGE, PAGE, PF_R | PF_W, 0);
}

static int make_core_before(void **state)
{
	(void)state;
	make_core();
	return 0;
}

static int open_image(size_t bytes, struct core **ret)
{
	int fd = memfd_create("core", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, image, bytes), (ssize_t)bytes);
	return core_open_fd(fd, "hand.core", ret, &err);
}

/* Opens it, and must succeed. */
static struct core *opened(size_t bytes)
{
	struct core *core;

	if (open_image(bytes, &core) < 0)
		fail_msg("%s", err.text);
	return core;
}

static struct space loaded(struct core *core)
{
	struct space space;

	assert_int_equal(core_load(core, PROC_PAGES, &space, &err), 0);
	check_space(&space);
	return space;
}

static void refuses(const char *word)
{
	struct core *core;

	assert_int_equal(open_image(size, &core), -ENOEXEC);
	if (!strstr(err.text, word))
		fail_msg("%s: without %s", err.text, word);
}

/*
 * Good ones.
 */

static void mappings_have_rights_names_and_facts(void **state)
{
	struct core *core = opened(size);
	struct space space = loaded(core);

	(void)state;
	assert_int_equal(space.nmappings, 3);
	assert_int_equal(space.process.pid, 77);
	assert_string_equal(space.process.command, "hand");
	assert_int_equal(space.regions[0].rights, RX);
	assert_string_equal(region_file(&space, &space.regions[0])->name, "/no/such/file");
	assert_int_equal(space_find(&space, DATA)->kind, KIND_ANON);
	assert_int_equal(space_find(&space, SP)->kind, KIND_STACK);
	assert_int_equal(space.figures[VM_SIZE], 5 * PAGE);
	assert_int_equal(space.figures[VM_RSS], UNKNOWN);
	assert_false(space.limits[LIMIT_STACK].known);
	assert_string_equal(space.why.pages, CORE_NO_PAGES);
	assert_int_equal(space.nthreads, 1);
	assert_int_equal(space.threads[0].sp, SP);
	space_fini(&space);
	core_free(core);
}

static void what_is_left_out_is_not_zero(void **state)
{
	struct core *core = opened(size);
	struct procdir dir = procdir_of_core(core);
	struct space space = loaded(core);
	struct content content;
	unsigned char byte = 0;

	(void)state;
	assert_int_equal(content_open(&content, &dir, &space), 0);
	assert_int_equal(reader_read(&content.reader, TEXT, &byte, 1), 0);
	assert_int_equal(byte, 0x11);
	assert_int_equal(reader_read(&content.reader, STACK, &byte, 1), 0);
	assert_int_equal(byte, 0);
	assert_int_equal(reader_read(&content.reader, TEXT + PAGE, &byte, 1), -ENODATA);
	assert_int_equal(reader_read(&content.reader, DATA - 1, &byte, 1), -EFAULT);
	content_close(&content);
	space_fini(&space);
	procdir_close(&dir);
}

static void read_crosses_pages_but_not_the_end(void **state)
{
	struct core *core = opened(size);
	unsigned char bytes[2 * PAGE + 1];

	(void)state;
	assert_int_equal(reader_read(&core->reader, DATA, bytes, 2 * PAGE), 0);
	assert_int_equal(reader_read(&core->reader, DATA, bytes, 2 * PAGE + 1), -EFAULT);
	assert_int_equal(reader_read(&core->reader, TEXT, bytes, PAGE + 1), -ENODATA);
	core_free(core);
}

static void a_hole_that_ends_a_mapping_of_a_debugger_is_unknown(void **state)
{
	int fd = memfd_create("core", MFD_CLOEXEC);
	struct core *core;
	unsigned char byte;
	size_t zeros;

	(void)state;
	elf()->e_shnum = 5;
	header(2)->p_filesz = header(2)->p_memsz = 4 * PAGE;
	header(2)->p_offset = header(1)->p_offset + PAGE;
	header(3)->p_offset = header(2)->p_offset + 4 * PAGE;
	zeros = header(2)->p_offset + PAGE;
	/* data, a hole, data, a hole; then the stack. */
	assert_int_equal(pwrite(fd, image, zeros, 0), zeros);
	assert_int_equal(pwrite(fd, image + header(1)->p_offset, PAGE, (off_t)(zeros + PAGE)),
			 PAGE);
	assert_int_equal(pwrite(fd, image, PAGE, (off_t)header(3)->p_offset), PAGE);
	assert_int_equal(core_open_fd(fd, "hand.core", &core, &err), 0);
	assert_int_equal(reader_read(&core->reader, DATA + PAGE, &byte, 1), 0);
	assert_int_equal(reader_read(&core->reader, DATA + 2 * PAGE, &byte, 1), 0);
	assert_int_equal(reader_read(&core->reader, DATA + 3 * PAGE, &byte, 1), -ENODATA);
	assert_int_equal(core->lost, PAGE);
	core_free(core);
}

static void many_segments_are_counted_in_the_first_section(void **state)
{
	Elf64_Shdr section = {.sh_info = 4};
	struct core *core;

	(void)state;
	elf()->e_phnum = PN_XNUM;
	elf()->e_shnum = 1;
	elf()->e_shoff = size;
	put(&section, sizeof(section));
	core = opened(size);
	assert_int_equal(core->nsegments, 3);
	assert_false(core->by_debugger);
	core_free(core);
	((Elf64_Shdr *)(void *)(image + elf()->e_shoff))->sh_info = UINT32_MAX;
	refuses("cut off");
}

/*
 * Those that are cut off.
 */

static void a_core_is_read_as_far_as_it_goes(void **state)
{
	struct core *core = opened((size_t)header(2)->p_offset + 100);
	struct space space = loaded(core);
	unsigned char bytes[128];

	(void)state;
	assert_int_equal(core->missing, 3 * PAGE - 100);
	assert_non_null(strstr(space.why.memory, "cut off"));
	assert_int_equal(reader_read(&core->reader, DATA, bytes, 100), 0);
	assert_int_equal(reader_read(&core->reader, DATA, bytes, 101), -ENODATA);
	space_fini(&space);
	core_free(core);
}

static void every_length_gives_a_space_or_a_sentence(void **state)
{
	size_t bytes;

	(void)state;
	for (bytes = 0; bytes < size; bytes += bytes < PAGE ? 1 : 512) {
		struct core *core;
		struct space space;

		err.text[0] = '\0';
		if (open_image(bytes, &core) < 0) {
			assert_true(err.text[0]);
			continue;
		}
		assert_true(core->missing > 0);
		space = loaded(core);
		space_fini(&space);
		core_free(core);
	}
}

/*
 * Hostile ones.
 */

static void what_is_no_core_is_refused(void **state)
{
	(void)state;
	elf()->e_type = ET_EXEC;
	refuses("no core");
	elf()->e_type = ET_CORE;
	image[EI_DATA] = ELFDATA2MSB;
	refuses("big-endian");
	image[EI_DATA] = ELFDATA2LSB;
	elf()->e_phentsize = 8;
	refuses("size");
	elf()->e_phentsize = sizeof(Elf64_Phdr);
	elf()->e_phoff = UINT64_MAX - 8;
	refuses("cut off");
	elf()->e_phoff = headers_at;
	elf()->e_phnum = 0xfffe;
	refuses("cut off");
	memcpy(image, "\x1f\x8b", 2);
	refuses("gzip");
	memcpy(image, "#!/b", 4);
	refuses("neither a core");
	memcpy(image, "\x28\xb5\x2f\xfd", 4);
	refuses("unpacked");
}

static void segments_that_lie_on_others_are_left_out(void **state)
{
	struct core *core;
	struct space space;

	(void)state;
	header(2)->p_vaddr = TEXT + PAGE;
	header(3)->p_vaddr = UINT64_MAX - 10;
	core = opened(size);
	assert_int_equal(core->nsegments, 1);
	assert_int_equal(core->nodd, 2);
	space = loaded(core);
	assert_non_null(space.why.maps);
	space_fini(&space);
	core_free(core);
}

static void notes_that_overrun_are_said_to_be_broken(void **state)
{
	Elf64_Nhdr *note = (Elf64_Nhdr *)(void *)(image + notes_at);
	struct core *core;
	struct space space;

	(void)state;
	note->n_descsz = UINT32_MAX;
	core = opened(size);
	assert_true(core->notes_cut);
	assert_int_equal(core->nthreads, 0);
	space = loaded(core);
	assert_non_null(space.why.process);
	space_fini(&space);
	core_free(core);
	note->n_descsz = 336;
	note->n_namesz = UINT32_MAX;
	core = opened(size);
	assert_true(core->notes_cut);
	core_free(core);
}

static void a_list_of_files_that_lies_is_not_believed(void **state)
{
	static const uint64_t counts[] = {2, 1u << 20, UINT64_MAX, UINT64_MAX / 24};
	uint64_t *count =
		(uint64_t *)(void *)(image + header(0)->p_offset + header(0)->p_filesz - 56);
	size_t i;

	(void)state;
	assert_int_equal(*count, 1);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		struct core *core;

		*count = counts[i];
		core = opened(size);
		assert_true(core->notes_cut);
		assert_int_equal(core->nmapped, 0);
		core_free(core);
	}
}

/* No piece says its rights: if each looked for the first one, it would be a minute. */
static void a_file_in_very_many_pieces_takes_no_time(void **state)
{
	enum { N = 120000 };
	static uint64_t list[2 + 3 * N + N / 4];
	struct core *core;
	struct space space;
	uint64_t i;

	(void)state;
	elf()->e_shnum = 5;
	list[0] = N;
	list[1] = 1;
	for (i = 0; i < N; i++) {
		list[2 + 3 * i] = STACK / 2 / PAGE * PAGE + 2 * i * PAGE;
		list[2 + 3 * i + 1] = STACK / 2 / PAGE * PAGE + (2 * i + 1) * PAGE;
		list[2 + 3 * i + 2] = (2 * i + 1) * PAGE;
		((char *)(list + 2 + 3 * N))[2 * i] = 'x';
	}
	header(0)->p_offset = size;
	add_note(NT_FILE, list, sizeof(list));
	header(0)->p_filesz = size - header(0)->p_offset;
	core = opened(size);
	assert_int_equal(core->nmapped, N);
	space = loaded(core);
	assert_int_equal(space.nregions, N + 3);
	space_fini(&space);
	core_free(core);
}

static void a_core_without_mappings_shows_nothing(void **state)
{
	struct space space;
	struct core *core;

	(void)state;
	elf()->e_phnum = 1;
	core = opened(size);
	assert_int_equal(core_load(core, 0, &space, &err), -ENODATA);
	core_free(core);
}

#define HAND(test) cmocka_unit_test_setup(test, make_core_before)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HAND(mappings_have_rights_names_and_facts),
		HAND(what_is_left_out_is_not_zero),
		HAND(read_crosses_pages_but_not_the_end),
		HAND(a_hole_that_ends_a_mapping_of_a_debugger_is_unknown),
		HAND(many_segments_are_counted_in_the_first_section),
		HAND(a_core_is_read_as_far_as_it_goes),
		HAND(every_length_gives_a_space_or_a_sentence),
		HAND(what_is_no_core_is_refused),
		HAND(segments_that_lie_on_others_are_left_out),
		HAND(notes_that_overrun_are_said_to_be_broken),
		HAND(a_list_of_files_that_lies_is_not_believed),
		HAND(a_file_in_very_many_pieces_takes_no_time),
		HAND(a_core_without_mappings_shows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
