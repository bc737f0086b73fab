/*
 * What is read, in the order in which it is needed:
 *
 *     stat status limits auxv personality   facts
 *     maps                                  mappings
 *     task/TID/stat, syscall                threads
 *     memory: ELF headers, descriptors      modules, stacks -> kinds
 *     pagemap                               figures, invisible guards
 *     smaps                                 details, only when asked
 *
 * The process runs on meanwhile. If it executes another program between two of these reads, the
 * pieces do not belong together: stat is read again at the end, and all is read anew if it differs,
 * or if it says that the new program is still being loaded.
 */
#include "source/proc.h"

#include "base/assert.h"
#include "base/text.h"
#include "source/core_space.h"
#include "source/facts.h"
#include "source/files.h"
#include "source/maps.h"
#include "source/memory.h"
#include "source/pages.h"
#include "source/query.h"
#include "source/snapshot.h"
#include "source/threads.h"
#include "space/figures.h"
#include "space/kinds.h"
#include "space/layout.h"
#include "space/stacks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SMALL_FILE (64 * 1024)
#define MAPS_PIECE (64 * 1024)
#define TRIES 5
#define LOWEST_HINT_MOST (16 * 1024 * 1024)
#define HUGE_LEAST (64 * 1024) /* the smallest page of a pool: arm64 with pages of 4 KiB */

static const char *reason(int r)
{
	if (r == -EACCES || r == -EPERM)
		return "not permitted";
	return strerror(-r);
}

static int gone(const struct procdir *dir, struct error *err)
{
	return fail(err, -ESRCH, "%d: the process is gone", dir->pid);
}

static int load_stat(const struct procdir *dir, struct space *space, struct error *err)
{
	char *text;
	int r = procdir_read(dir, "stat", SMALL_FILE, &text, NULL);

	if (r == -ESRCH || r == -ENOENT)
		return gone(dir, err);
	if (r < 0)
		return fail(err, -r, "%d: stat", dir->pid);
	r = facts_stat(space, text);
	free(text);
	if (r < 0)
		return fail(err, -r, "%d: stat cannot be understood", dir->pid);
	if (space->process.start_stack == UNKNOWN)
		space_why(&space->why.process, "stat hides addresses: not permitted");
	return 0;
}

static int load_status(const struct procdir *dir, struct space *space, struct error *err)
{
	char *text;
	int r = procdir_read(dir, "status", SMALL_FILE, &text, NULL);

	if (r == -ESRCH)
		return gone(dir, err);
	if (r == 0) {
		facts_status(space, text);
		free(text);
	}
	return 0;
}

static void load_optional(const struct procdir *dir, const char *name, struct space *space,
			  void (*take)(struct space *, const char *))
{
	char *text;

	if (procdir_read(dir, name, SMALL_FILE, &text, NULL) == 0) {
		take(space, text);
		free(text);
	}
}

/*
 * Rules of memory ask for capabilities in the first user namespace; in another one all that status
 * lists counts for nothing there.
 */
static void load_namespace(const struct procdir *dir, struct space *space)
{
	static const char first[] = "user:[4026531837]"; /* Linux include/linux/proc_ns.h */
	char name[32] = "";
	bool has_name = (dir->live || dir->snapshot) &&
			procdir_link(dir, "ns/user", name, sizeof(name)) == 0;

	if (has_name && name[0] && strcmp(name, first) != 0 &&
	    space->process.capabilities != UNKNOWN)
		space->process.capabilities = 0;
}

static void load_auxv(const struct procdir *dir, struct space *space)
{
	char *data;
	size_t size;
	int r = procdir_read(dir, "auxv", SMALL_FILE, &data, &size);

	if (r < 0) {
		space_why(&space->why.process, "auxv: %s", reason(r));
		return;
	}
	facts_auxv(space, data, size);
	free(data);
}

static uint64_t setting(const struct procdir *dir, const char *name)
{
	char *text;
	uint64_t value;

	if (procdir_read_root(dir, name, SMALL_FILE, &text, NULL) < 0)
		return UNKNOWN;
	value = facts_number(text);
	free(text);
	return value;
}

static uint64_t setting_kib(const struct procdir *dir, const char *name)
{
	uint64_t kib = setting(dir, name);

	return kib > UINT64_MAX / 1024 ? UNKNOWN : kib * 1024;
}

/*
 * Where a hint of one page is raised to: vm.mmap_min_addr, or what a security module asks for
 * beyond it, which no file tells. The kernel asks it of all processes alike, so we try it here.
 */
static uint64_t lowest_hint(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *got =
		mmap((void *)(uintptr_t)page, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (got == MAP_FAILED)
		return UNKNOWN;
	munmap(got, page);
	/* Somewhere else: something of ours lies there. */
	return (uintptr_t)got < LOWEST_HINT_MOST ? (uintptr_t)got : UNKNOWN;
}

static void load_machine(const struct procdir *dir, struct space *space)
{
	struct machine *machine = &space->machine;
	const char *gap;
	char *text;

	if (dir->live)
		machine->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	if (dir->snapshot)
		machine->page_size =
			snapshot_number(dir->snapshot, "page-size", machine->page_size);
	machine->mmap_min_addr = setting(dir, "sys/vm/mmap_min_addr");
	machine->max_map_count = setting(dir, "sys/vm/max_map_count");
	machine->legacy_va_layout = setting(dir, "sys/vm/legacy_va_layout");
	machine->randomize_va_space = setting(dir, "sys/kernel/randomize_va_space");
	machine->overcommit = setting(dir, "sys/vm/overcommit_memory");
	machine->admin_reserve = setting_kib(dir, "sys/vm/admin_reserve_kbytes");
	machine->user_reserve = setting_kib(dir, "sys/vm/user_reserve_kbytes");
	if (dir->live)
		machine->lowest_hint = lowest_hint();
	if (dir->snapshot)
		machine->lowest_hint = snapshot_number(dir->snapshot, "lowest-hint", UNKNOWN);
	if (procdir_read_root(dir, "meminfo", SMALL_FILE, &text, NULL) == 0) {
		facts_meminfo(space, text);
		free(text);
	}
	if (procdir_read_root(dir, "sys/kernel/osrelease", SMALL_FILE, &text, NULL) == 0) {
		machine->kernel = facts_release(text);
		free(text);
	}
	machine->stack_guard_gap = 256 * machine->page_size; /* Linux 4.12 */
	if (procdir_read_root(dir, "cmdline", SMALL_FILE, &text, NULL) == 0) {
		gap = strstr(text, "stack_guard_gap=");
		if (gap) {
			uint64_t pages = facts_number(gap + strlen("stack_guard_gap="));

			if (pages < 1 << 20)
				machine->stack_guard_gap = pages * machine->page_size;
		}
		free(text);
	}
}

static int take_piece(void *context, const char *bytes, size_t size)
{
	return maps_feed(context, bytes, size);
}

/* Sends a file to the parser in pieces. */
static int feed(const struct procdir *dir, const char *name, struct maps_reader *reader)
{
	int r = procdir_feed(dir, name, MAPS_PIECE, take_piece, reader);

	return r < 0 ? r : maps_finish(reader);
}

static int load_maps(const struct procdir *dir, struct space *space)
{
	struct maps_reader reader = {.space = space};
	int r = feed(dir, "maps", &reader);

	if (r == -EACCES || r == -EPERM) {
		space_why(&space->why.maps, "maps: not permitted");
		return 0;
	}
	if (reader.bad_lines)
		space_why(&space->why.maps, "maps: %zu lines could not be understood",
			  reader.bad_lines);
	return r;
}

static int load_details(const struct procdir *dir, struct space *space)
{
	struct maps_reader reader = {.space = space, .with_details = true, .number = SIZE_MAX};
	int r;

	space->details = calloc(space->nmappings + 1, sizeof(*space->details));
	if (!space->details)
		return -ENOMEM;
	r = feed(dir, "smaps", &reader);
	if (r < 0) {
		space_why(&space->why.details, "smaps: %s", reason(r));
		free(space->details);
		space->details = NULL;
	}
	return r == -ENOMEM ? r : 0;
}

/*
 * memfds and SysV segments can be of pages of the pool, and their names do not tell. PROCMAP_QUERY
 * says the size of a mapping's pages to everybody, map_files only to the privileged.
 */
static void identify_hugetlb(const struct procdir *dir, struct space *space)
{
	struct query_mapping mapping;
	size_t i;

	for (i = 0; (dir->live || dir->snapshot) && i < space->nregions; i++) {
		const struct region *region = &space->regions[i];
		struct file *file = region->file == NO_FILE ? NULL : &space->files[region->file];
		bool huge;
		int r;

		if (!file || (file->type != FILE_MEMFD && file->type != FILE_SYSV_SHM) ||
		    !is_aligned(region->start | region->end, HUGE_LEAST))
			continue;
		r = query_mapping(dir, region->start, &mapping);
		huge = r == 0 ? mapping.page_size > space->machine.page_size
			      : r == -ENOTTY && files_on_hugetlbfs(dir, space, i);
		if (huge)
			file->type = FILE_HUGETLB;
	}
}

static void find_break(struct space *space)
{
	size_t i;

	space->brk = UNKNOWN;
	if (space->start_brk == UNKNOWN)
		return;
	space->brk = space->start_brk;
	for (i = 0; i < space->nregions; i++) {
		const struct file *file = region_file(space, &space->regions[i]);

		if (file && file->type == FILE_SPECIAL && strcmp(file->name, "[heap]") == 0)
			space->brk = max_u64(space->brk, space->regions[i].end);
	}
}

/* What must be read from memory. Failing that, kinds are decided with what there is. */
static int load_meaning(const struct procdir *dir, struct space *space)
{
	struct memory memory;
	struct files files;
	int r = memory_open(&memory, dir, space->machine.page_size);
	struct reader *reader = r < 0 ? NULL : &memory.reader;

	if (r < 0)
		space_why(&space->why.memory, "memory: %s", reason(r));
	files_init(&files, dir);
	r = modules_find(space, reader, &files.reader);
	if (r == 0) {
		if (reader)
			modules_find_auxv(space, reader);
		r = stacks_find(space, reader);
	}
	memory_close(&memory);
	return r;
}

static int take_run(void *context, const struct page_run *run)
{
	return figures_add(context, run);
}

/* Says why no page figure is known. */
static void forget_pages(struct space *space, const char *why)
{
	size_t i;

	space_why(&space->why.pages, "%s", why);
	for (i = 0; i < space->nregions; i++)
		space->regions[i].no_pages = true;
}

static int load_pages(const struct procdir *dir, struct space *space, bool strips)
{
	struct figures walk;
	struct error why;
	unsigned told;
	int r = figures_init(&walk, space, strips);

	if (r < 0)
		return r;
	told = pages_told(dir, PAGES_ANY);
	if (!(told & PAGE_HUGE))
		space->huge_why = "the kernel does not tell (Linux 6.7)";
	if (!(told & PAGE_ZERO))
		space->zero_why =
			"the kernel does not tell (Linux 6.7), or not without CAP_SYS_ADMIN";
	r = pages_walk(dir, space, 0, space->user_end, PAGES_ANY, take_run, &walk, &why);
	if (r == 0)
		r = figures_finish(&walk);
	else if (r != -ENOMEM)
		forget_pages(space, why.text);
	figures_fini(&walk);
	return r == -ENOMEM ? r : 0;
}

static void identify_files(const struct procdir *dir, struct space *space)
{
	files_identify(dir, space);
	identify_hugetlb(dir, space);
}

static int load_once(const struct procdir *dir, unsigned want, struct space *space,
		     struct error *err)
{
	int r = proc_load_figures(dir, space, err);

	if (r < 0 || space->process.is_loading)
		return r;
	load_auxv(dir, space);
	load_optional(dir, "personality", space, facts_personality);
	load_namespace(dir, space);
	load_machine(dir, space);
	r = load_maps(dir, space);
	if (r == 0)
		identify_files(dir, space);
	if (r == 0)
		r = threads_load(dir, space);
	if (r == 0) {
		layout_find(space);
		find_break(space);
		r = load_meaning(dir, space);
	}
	if (r == 0)
		r = kinds_assign(space);
	if (r == 0 && (want & PROC_PAGES))
		r = load_pages(dir, space, want & PROC_STRIPS);
	else if (!(want & PROC_PAGES))
		forget_pages(space, PROC_NOT_ASKED);
	if (r == 0 && (want & PROC_DETAILS))
		r = load_details(dir, space);
	if (r == 0)
		r = space_find_gaps(space);
	if (r == -ESRCH)
		return gone(dir, err);
	return r < 0 ? fail(err, -r, "%d: cannot read its map", dir->pid) : 0;
}

/*
 * A file of /proc that was opened belongs to the memory that the process had then: once that is
 * gone, it reads as empty. So a maps opened before all else tells whether all else was read from
 * the same.
 */
static bool is_gone(int anchor)
{
	char byte;

	return anchor >= 0 && pread(anchor, &byte, 1, 0) != 1;
}

/*
 * Whether the process is still the program that we began to read. Without the right to open maps,
 * only stat can tell, and without address space layout randomisation it can be mistaken.
 */
static int still_same(const struct procdir *dir, int anchor, const struct space *space, bool *same,
		      struct error *err)
{
	struct space now;
	int r;

	space_init(&now);
	r = load_stat(dir, &now, err);
	*same = r == 0 && !is_gone(anchor) && now.process.start_code == space->process.start_code &&
		now.process.start_stack == space->process.start_stack &&
		now.process.env_end == space->process.env_end;
	if (r == 0 && (now.process.state == 'Z' || now.process.state == 'X'))
		r = gone(dir, err);
	space_fini(&now);
	return r;
}

/* On a busy machine a process can stand within exec for a while: 5 ms, 10 ms, 20 ms ... */
static void wait_for_exec(int tries)
{
	const struct timespec pause = {.tv_nsec = 2500000L << tries};

	nanosleep(&pause, NULL);
}

static int name_snapshot(const struct procdir *dir, struct space *space)
{
	if (!dir->snapshot)
		return 0;
	space->snapshot = strdup(snapshot_path(dir->snapshot));
	return space->snapshot ? 0 : -ENOMEM;
}

int proc_load(const struct procdir *dir, unsigned want, struct space *ret, struct error *err)
{
	struct space space;
	bool same = false;
	int r = 0, i;

	if (dir->core)
		return core_load(dir->core, want, ret, err);
	space_init(&space);
	for (i = 0; i < TRIES && r == 0 && !same; i++) {
		int anchor;

		if (i > 0)
			wait_for_exec(i);
		anchor = dir->live ? procdir_open_file(dir, "maps") : -1;
		space_fini(&space);
		space_init(&space);
		r = load_once(dir, want, &space, err);
		if (r == 0 && !space.process.is_loading)
			r = still_same(dir, anchor, &space, &same, err);
		if (anchor >= 0)
			close(anchor);
	}
	if (r == 0 && !same && space.process.is_loading)
		r = fail(err, -EAGAIN, "%d: it is within exec, its memory is not whole yet",
			 dir->pid);
	else if (r == 0 && !same)
		r = fail(err, -EAGAIN, "%d: it keeps executing other programs", dir->pid);
	if (r == 0)
		r = name_snapshot(dir, &space);
	if (r == 0) {
		assert(space_valid(&space));
		*ret = space;
		return 0;
	}
	space_fini(&space);
	return r;
}

/* Says in clear words where there is no memory to look at. */
static int has_memory(const struct procdir *dir, const struct space *space, struct error *err)
{
	const struct process *process = &space->process;
	char name[61];
	int tid;

	text_escape(process->command, name, sizeof(name), 0);
	if (process->state == 'Z' || process->state == 'X') {
		tid = threads_survivor(dir);
		if (tid)
			return fail(err, -ENODATA,
				    "%d (%s): its first thread has ended, others go on: look at %d",
				    dir->pid, name, tid);
		return fail(err, -ENODATA, "%d (%s): is a zombie, its memory is gone", dir->pid,
			    name);
	}
	if (process->is_kernel_thread)
		return fail(err, -ENODATA, "%d (%s): is a kernel thread, it has no user memory",
			    dir->pid, name);
	if (space->figures[VM_SIZE] == UNKNOWN)
		return fail(err, -ESRCH, "%d (%s): is about to end, its memory is gone", dir->pid,
			    name);
	return 0;
}

int proc_load_figures(const struct procdir *dir, struct space *ret, struct error *err)
{
	int r;

	if (dir->core)
		return core_load_figures(dir->core, ret, err);
	r = load_stat(dir, ret, err);
	if (r == 0)
		r = load_status(dir, ret, err);
	if (r < 0)
		return r;
	if (ret->process.pid == 0)
		ret->process.pid = dir->pid;
	load_optional(dir, "limits", ret, facts_limits);
	return has_memory(dir, ret, err);
}

int proc_is_there(const struct procdir *dir, struct error *err)
{
	struct space space;
	int r;

	if (!dir->live)
		return 0;
	space_init(&space);
	r = proc_load_figures(dir, &space, err);
	space_fini(&space);
	return r;
}
