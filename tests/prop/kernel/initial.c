/*
 * The model of a process that has just begun, from what /proc says of it. What /proc does not say
 * is what exec is known to have done: .bss and the main stack were written to, and with ASLR the
 * stack's offset is that of the place where exec first built it.
 */
#include "world.h"

#include "machine.h"
#include "seen.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TASK_SIZE_64 UINT64_C(0x7ffffffff000)
#define MIB (UINT64_C(1) << 20)

static int read_file(const struct world *world, const char *name, char *to, size_t size)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)world->pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, to, size - 1);
	if (fd >= 0)
		close(fd);
	to[n < 0 ? 0 : n] = '\0';
	return n <= 0 ? -EIO : 0;
}

/* Fields of /proc/PID/stat are counted from 1, and the name in parentheses is the second. */
static uint64_t stat_field(const char *stat, unsigned number)
{
	const char *at = strrchr(stat, ')');
	unsigned i;

	for (i = 2; at && i < number; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

static int take_stat(struct world *world, struct model *model)
{
	struct ring_mm *mm = &world->ring->mm;
	char stat[2048];
	int r = read_file(world, "stat", stat, sizeof(stat));

	if (r < 0)
		return r;
	model->start_code = mm->start_code = stat_field(stat, 26);
	model->end_code = mm->end_code = stat_field(stat, 27);
	model->start_stack = mm->start_stack = stat_field(stat, 28);
	model->start_data = mm->start_data = stat_field(stat, 45);
	model->end_data = mm->end_data = stat_field(stat, 46);
	model->start_brk = model->brk = mm->start_brk = mm->brk = stat_field(stat, 47);
	model->arg_start = mm->arg_start = stat_field(stat, 48);
	model->arg_end = mm->arg_end = stat_field(stat, 49);
	model->env_start = mm->env_start = stat_field(stat, 50);
	model->env_end = mm->env_end = stat_field(stat, 51);
	mm->exe_descriptor = UINT32_MAX;
	return 0;
}

static void take_capabilities(struct world *world, struct model *model)
{
	char status[4096];
	const char *line;
	uint64_t bits;

	if (read_file(world, "status", status, sizeof(status)) < 0)
		return;
	line = strstr(status, "CapEff:");
	bits = line ? strtoull(line + 7, NULL, 16) : 0;
	model->capabilities = machine_capabilities_of_model(bits);
}

/* prlimit() would ask for a capability where the process belongs to another user. */
static int take_limits(struct world *world, struct model *model)
{
	static const char *const names[NMODEL_LIMITS] = {[MODEL_AS] = "Max address space",
							 [MODEL_DATA] = "Max data size",
							 [MODEL_STACK] = "Max stack size",
							 [MODEL_MEMLOCK] = "Max locked memory"};
	char text[4096], values[2][32];
	unsigned i, j;
	int r = read_file(world, "limits", text, sizeof(text));

	for (i = 0; i < NMODEL_LIMITS && r == 0; i++) {
		const char *line = strstr(text, names[i]);
		uint64_t *to[2] = {&model->limits[i].soft, &model->limits[i].hard};

		if (!line ||
		    sscanf(line + strlen(names[i]), "%31s %31s", values[0], values[1]) != 2)
			return -EIO;
		for (j = 0; j < 2; j++)
			*to[j] = values[j][0] == 'u' ? MODEL_INFINITE
						     : strtoull(values[j], NULL, 10);
	}
	return r;
}

static void open_host_files(const struct host *host, struct model *model)
{
	unsigned i;

	for (i = HOST_MEMFD; i < HOST_FILES_END; i++) {
		if (host->descriptors[i] >= 0 && model_open_at(model, &host->files[i], (int)i) < 0)
			model->out_of_memory = true;
	}
}

/*
 * Where mappings are placed. Without ASLR this is known; with it, exec has placed vdso and vvar by
 * the same search, as the first of all.
 */
static void set_bases(const struct world *world, struct model *model, uint64_t vdso_start,
		      uint64_t vdso_end)
{
	const struct setting *setting = &world->setting;
	uint64_t gap, pad, random = 0, third;

	model->task_size = TASK_SIZE_64;
	if (setting->bits == 32)
		model->task_size = setting->limit_3gb ? 0xc0000000 : 0xffffe000;
	third = align_up(model->task_size / 3, MODEL_PAGE);
	pad = model->machine.stack_guard_gap;
	if (setting->aslr)
		pad += (setting->bits == 32 ? UINT64_C(0x7ff) : UINT64_C(0x3fffff)) * MODEL_PAGE;
	gap = model->limits[MODEL_STACK].soft;
	if (gap + pad > gap)
		gap += pad;
	gap = min_u64(max_u64(gap, 128 * MIB), model->task_size / 6 * 5);
	model->top_down = !setting->legacy && !model->machine.legacy_va_layout;
	model->mmap_base = align_up(model->task_size - gap, MODEL_PAGE);
	model->legacy_base = third;
	if (setting->aslr && model->top_down)
		random = model->mmap_base - vdso_end;
	else if (setting->aslr)
		random = vdso_start - third;
	model->mmap_base -= random;
	model->legacy_base += random;
}

/* One mapping of smaps, with what its name tells. */
struct line {
	uint64_t inode;
	bool is_stack, is_vdso, is_vvar;
};

static void parse_names(const char *text, struct line *lines, size_t n)
{
	size_t i;

	for (i = 0; i < n && text && *text; i++) {
		const char *next = strchr(text, '\n');
		unsigned long inode = 0;
		char name[256] = "";

		sscanf(text, "%*s %*s %*s %*s %lu %255[^\n]", &inode, name);
		lines[i] = (struct line){.inode = inode,
					 .is_stack = strcmp(name, "[stack]") == 0,
					 .is_vdso = strcmp(name, "[vdso]") == 0,
					 .is_vvar = strncmp(name, "[vvar", 5) == 0};
		text = next ? next + 1 : NULL;
	}
}

static uint32_t file_for(struct model *model, const struct line *line, const struct seen_vma *seen,
			 uint64_t *inodes)
{
	struct model_file file = {.readable = true, .name = NO_FILE, .size = MODEL_SIZE_UNKNOWN};
	size_t i;

	for (i = 0; i < model->nfiles && !line->is_vdso && !line->is_vvar; i++) {
		if (inodes[i] == line->inode)
			return (uint32_t)i;
	}
	file.whole = line->is_vdso || line->is_vvar;
	file.shmem = file.writable = seen->rights & SEEN_SHARED; /* the ring */
	if (model_open_at(model, &file, RING_DESCRIPTOR) < 0) {
		model->out_of_memory = true;
		return VMA_NO_FILE;
	}
	i = (size_t)model->descriptors[RING_DESCRIPTOR];
	inodes[i] = line->inode;
	model_close(model, RING_DESCRIPTOR);
	return (uint32_t)i;
}

/* Which pages are there already. */
static int take_present(int pagemap, const struct vma *vma, struct pages_present *present)
{
	uint64_t addr, entry;
	int r = 0;

	for (addr = vma->start; addr < vma->end && r == 0; addr += MODEL_PAGE) {
		if (pread(pagemap, &entry, 8, (off_t)(addr / MODEL_PAGE * 8)) == 8 && entry >> 62)
			r = pages_add(present, addr, addr + MODEL_PAGE);
	}
	return r;
}

static int add_vmas(struct world *world, struct model *model, const struct seen *seen,
		    const struct line *lines)
{
	uint64_t inodes[64] = {0};
	char path[64];
	int pagemap, r = 0;
	size_t i;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)world->pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	for (i = 0; i < seen->nvmas && r == 0; i++) {
		const struct seen_vma *from = &seen->vmas[i];
		struct vma vma = {.start = from->start,
				  .end = from->end,
				  .flags = from->flags,
				  .pgoff = from->start / MODEL_PAGE,
				  .file = VMA_NO_FILE};
		uint64_t pages = (vma.end - vma.start) / MODEL_PAGE;

		if (lines[i].inode || lines[i].is_vdso || lines[i].is_vvar) {
			vma.file = file_for(model, &lines[i], from, inodes);
			vma.pgoff = from->offset / MODEL_PAGE;
		} else if (lines[i].is_stack) {
			vma.pgoff = TASK_SIZE_64 / MODEL_PAGE - pages;
		}
		if ((vma.flags & (VMA_WRITE | VMA_SHARED)) == VMA_WRITE)
			vma.anon = ++model->last_anon;
		if (vma.file == VMA_NO_FILE)
			r = take_present(pagemap, &vma, &model->present);
		if ((vma.flags & (VMA_EXEC | VMA_WRITE | VMA_GROWSDOWN)) == VMA_EXEC)
			model->counters.exec += pages;
		if (vma.start >= RING_ADDRESS && vma.start < RING_ADDRESS + MIB)
			world->program_end = vma.end;
		if (r == 0)
			r = vmas_insert(&model->vmas, &vma);
	}
	if (pagemap >= 0)
		close(pagemap);
	return r;
}

static void find_vdso(const struct seen *seen, const struct line *lines, uint64_t *start,
		      uint64_t *end)
{
	size_t i;

	*start = *end = 0;
	for (i = 0; i < seen->nvmas; i++) {
		if (!lines[i].is_vdso && !lines[i].is_vvar)
			continue;
		if (!*start)
			*start = seen->vmas[i].start;
		*end = seen->vmas[i].end;
	}
}

static int fill(struct world *world, struct model *model, struct seen *seen)
{
	struct line lines[32] = {{0}};
	uint64_t vdso_start, vdso_end;
	int r = take_stat(world, model);

	if (r == 0)
		r = take_limits(world, model);
	if (r == 0)
		r = seen_read_maps(seen, world->maps);
	if (r < 0 || seen->nvmas > ARRAY_SIZE(lines))
		return r < 0 ? r : -E2BIG;
	parse_names(seen->text, lines, seen->nvmas);
	r = seen_read_smaps(seen, world->smaps);
	if (r < 0)
		return r;
	take_capabilities(world, model);
	open_host_files(world->host, model);
	find_vdso(seen, lines, &vdso_start, &vdso_end);
	set_bases(world, model, vdso_start, vdso_end);
	world->program_end = 0;
	r = add_vmas(world, model, seen, lines);
	return r < 0 ? r : seen_read_counters(&model->counters, world->status);
}

int world_model(struct world *world, struct model *ret, struct error *err)
{
	const struct setting *setting = &world->setting;
	struct seen seen = SEEN_EMPTY;
	int r;

	model_init(ret);
	ret->machine = world->host->machine;
	ret->bits = setting->bits;
	ret->personality = (setting->aslr ? 0 : PERSONALITY_NO_ASLR) |
			   (setting->legacy ? PERSONALITY_LEGACY_LAYOUT : 0) |
			   (setting->limit_3gb ? PERSONALITY_LIMIT_3GB : 0);
	r = fill(world, ret, &seen);
	seen_fini(&seen);
	if (r == 0 && !ret->out_of_memory && !model_valid(ret))
		r = -EUCLEAN;
	if (r < 0) {
		model_fini(ret);
		return fail(err, -r, "what /proc says of the new process makes no model");
	}
	return 0;
}
