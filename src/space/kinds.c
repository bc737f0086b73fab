/*
 * Kinds are painted. Every mapping first gets the kind that its name and rights give it; then
 * claims are laid over it, weakest first: the segments of modules, relro, stacks, TLS, the parts of
 * the main stack. A claim only paints what it can be about: a library's .bss claim does not turn
 * somebody else's file into .bss.
 *
 *     mapping   |      rw-p libc.so.6       |  rw-p (anonymous)  |
 *     segment     | data ............| bss ................... |
 *     region    |       data         |  bss |        bss         |
 */
#include "space/kinds.h"

#include "base/assert.h"
#include "base/list.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * An inaccessible mapping up to this size that touches accessible memory is taken for a guard, a
 * larger one for a reservation. 64 KiB is the largest guard in common use: one page on systems with
 * 64 KiB pages, 16 pages in runtimes that guard their own stacks.
 */
#define GUARD_MOST (64 * 1024)

static const struct {
	const char *name, *help;
} kind_texts[NKINDS] = {
	[KIND_NONE] = {"unknown", "not decided"},
	[KIND_TEXT] = {"text", "machine code of the program and its libraries"},
	[KIND_RODATA] = {"rodata", "constants of the program and its libraries"},
	[KIND_RELRO] = {"relro", "pointers made read-only once the dynamic linker has set them"},
	[KIND_DATA] = {"data", "variables with initial values, from the file"},
	[KIND_BSS] = {"bss", "variables that begin as zero"},
	[KIND_HEAP] = {"heap", "the heap that brk() grows, from start_brk to the break"},
	[KIND_ANON] = {"anon", "private anonymous memory: large mallocs, arenas, pools"},
	[KIND_FILE] = {"file", "a file mapped as data"},
	[KIND_SHM] = {"shm", "memory shared between processes: POSIX, SysV, memfd, anonymous"},
	[KIND_STACK] = {"stack", "stack of the main thread"},
	[KIND_THREAD_STACK] = {"thread-stack", "stack of another thread"},
	[KIND_GUARD] = {"guard", "no access on purpose: running over an end faults here"},
	[KIND_TLS] = {"tls", "static thread-local variables and the thread's descriptor"},
	[KIND_VDSO] = {"vdso", "code that the kernel lends every process"},
	[KIND_VVAR] = {"vvar", "the kernel's clock data, read by the vdso"},
	[KIND_VSYSCALL] = {"vsyscall",
			   "old fixed entry points of the kernel, not counted in VmSize"},
	[KIND_SECRET] = {"secret", "memfd_secret: not even the kernel maps it elsewhere"},
	[KIND_HUGETLB] = {"hugetlb", "pages of the huge page pool, not counted in VmRSS"},
	[KIND_DEVICE] = {"device", "memory of a device or another kernel object"},
	[KIND_RESERVED] = {"reserved",
			   "taken without access: costs no memory but pages written before"},
	[KIND_ARGS] = {"args", "the strings of argv"},
	[KIND_ENV] = {"env", "the strings of the environment"},
	[KIND_AUXV] = {"auxv",
		       "the auxiliary vector: what the kernel told the program at its start"},
};

const char *kind_name(enum kind kind)
{
	return kind_texts[kind].name;
}

const char *kind_help(enum kind kind)
{
	return kind_texts[kind].help;
}

enum kind kind_by_name(const char *name)
{
	unsigned kind;

	for (kind = KIND_NONE + 1; kind < NKINDS; kind++)
		if (strcmp(kind_texts[kind].name, name) == 0)
			return kind;
	return KIND_NONE;
}

const char *gap_kind_name(enum gap_kind kind)
{
	static const char *const names[NGAP_KINDS] = {
		[GAP_FREE] = "free",	  [GAP_STACK_GUARD] = "stack-guard-gap",
		[GAP_LOW] = "unmappable", [GAP_NONCANONICAL] = "non-canonical",
		[GAP_KERNEL] = "kernel",
	};

	return names[kind];
}

static bool begins(const char *string, const char *with)
{
	return strncmp(string, with, strlen(with)) == 0;
}

/* "/SYSV0001e240": the key, in just eight digits. Another file may begin alike. */
static bool is_sysv_name(const char *name)
{
	size_t at, key = strlen("/SYSV");

	if (!begins(name, "/SYSV"))
		return false;
	for (at = key; at < key + 8; at++)
		if (name[at] == '\0' || !strchr("0123456789abcdef", name[at]))
			return false;
	return name[at] == '\0';
}

enum file_type file_type_by_name(const struct file *file)
{
	/* The names are Linux's: ipc/shm.c, mm/shmem.c, mm/secretmem.c, fs/hugetlbfs/inode.c. */
	const char *name = file->name;

	if (name[0] == '[')
		return FILE_SPECIAL;
	if (begins(name, "/dev/shm/"))
		return FILE_POSIX_SHM;
	if (file->deleted && is_sysv_name(name))
		return FILE_SYSV_SHM;
	if (begins(name, "/memfd:"))
		return FILE_MEMFD;
	if (file->deleted && strcmp(name, "/dev/zero") == 0)
		return FILE_SHARED_ANON;
	if (strcmp(name, "/secretmem") == 0 || strcmp(name, "secretmem") == 0)
		return FILE_SECRET;
	if (strcmp(name, "/anon_hugepage") == 0)
		return FILE_HUGETLB;
	if (begins(name, "/dev/") || begins(name, "anon_inode:") || begins(name, "socket:") ||
	    begins(name, "/[aio]"))
		return FILE_DEVICE;
	return FILE_ORDINARY;
}

static bool is_accessible(const struct region *region)
{
	return region->rights & (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC);
}

/* Private anonymous memory, named or not. */
static bool is_anonymous(const struct space *space, const struct region *region)
{
	const struct file *file = region_file(space, region);

	if (region->rights & RIGHT_SHARED)
		return false;
	return !file || (file->type == FILE_SPECIAL &&
			 (begins(file->name, "[anon") || begins(file->name, "[stack:")));
}

static enum kind kind_of_special(const struct file *file, const struct region *region)
{
	static const struct {
		const char *begins;
		enum kind kind;
	} names[] = {
		{"[heap]", KIND_HEAP},	  {"[stack:", KIND_THREAD_STACK},
		{"[stack]", KIND_STACK},  {"[vdso", KIND_VDSO},
		{"[vvar", KIND_VVAR},	  {"[vsyscall]", KIND_VSYSCALL},
		{"[vectors]", KIND_VDSO}, {"[sigpage]", KIND_VDSO},
		{"[uprobes]", KIND_VDSO}, {"[anon_shmem:", KIND_SHM},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (begins(file->name, names[i].begins))
			return names[i].kind;
	return region->rights & RIGHT_SHARED ? KIND_SHM : KIND_ANON;
}

/* The kind that a mapping has by itself, before any claim. */
static enum kind kind_of_mapping(const struct space *space, const struct region *region)
{
	const struct file *file = region_file(space, region);
	enum kind kind = region->rights & RIGHT_SHARED ? KIND_SHM : KIND_ANON;

	if (file) {
		switch (file->type) {
		case FILE_ORDINARY:
			kind = KIND_FILE;
			break;
		case FILE_SPECIAL:
			kind = kind_of_special(file, region);
			break;
		case FILE_POSIX_SHM:
		case FILE_SYSV_SHM:
		case FILE_MEMFD:
		case FILE_SHARED_ANON:
			kind = KIND_SHM;
			break;
		case FILE_SECRET:
			kind = KIND_SECRET;
			break;
		case FILE_HUGETLB:
			kind = KIND_HUGETLB;
			break;
		case FILE_DEVICE:
			kind = KIND_DEVICE;
			break;
		}
	}
	if (!is_accessible(region) && !(region->rights & RIGHT_SHARED) &&
	    (kind == KIND_ANON || kind == KIND_FILE))
		kind = KIND_RESERVED;
	return kind;
}

/* What a claim may paint. */
enum claims_on {
	ON_MODULE, /* the module's file, and anonymous memory */
	ON_ANON,   /* anonymous memory that is accessible, the heap too */
	ON_CLOSED, /* anonymous memory that is not */
	ON_KIND,   /* what has the kind `over` already */
};

struct claim {
	plat_addr start, end;
	enum kind kind; /* KIND_NONE keeps the kind, and only says whose it is */
	enum claims_on on;
	enum kind over;
	uint32_t module, thread;
};

struct claims {
	struct claim *items;
	size_t n, room;
};

static int claim(struct claims *claims, struct claim new)
{
	int r;

	if (new.start >= new.end)
		return 0;
	r = list_reserve(&claims->items, &claims->room, claims->n, 1);
	if (r == 0)
		claims->items[claims->n++] = new;
	return r;
}

static int claim_segment(struct claims *claims, uint32_t index, const struct segment *segment,
			 uint64_t page)
{
	struct claim first = {
		.start = align_down(segment->start, page),
		.end = align_up(segment->end, page),
		.on = ON_MODULE,
		.module = index,
		.thread = NO_THREAD,
	};
	struct claim bss = first;
	int r;

	if (segment->rights & RIGHT_EXEC)
		first.kind = KIND_TEXT;
	else if (segment->rights & RIGHT_WRITE)
		first.kind = KIND_DATA;
	else if (segment->rights & RIGHT_READ)
		first.kind = KIND_RODATA;
	r = claim(claims, first);
	if (r < 0 || segment->file_end >= segment->end || !(segment->rights & RIGHT_WRITE))
		return r;
	bss.kind = KIND_BSS;
	bss.start = segment->file_end == segment->start ? first.start : segment->file_end;
	return claim(claims, bss);
}

static int claim_module(struct claims *claims, const struct space *space, uint32_t index)
{
	const struct module *module = &space->modules[index];
	uint64_t page = space->machine.page_size;
	struct claim whole = {
		.start = ADDR_MAX,
		.on = module->role == MODULE_VDSO ? ON_KIND : ON_MODULE,
		.over = KIND_VDSO,
		.module = index,
		.thread = NO_THREAD,
	};
	size_t i;
	int r;

	for (i = 0; i < module->nsegments; i++) {
		whole.start = min_u64(whole.start, align_down(module->segments[i].start, page));
		whole.end = max_u64(whole.end, align_up(module->segments[i].end, page));
	}
	r = claim(claims, whole);
	if (r < 0 || module->role == MODULE_VDSO)
		return r;

	for (i = 0; i < module->nsegments; i++) {
		r = claim_segment(claims, index, &module->segments[i], page);
		if (r < 0)
			return r;
	}
	return claim(claims, (struct claim){
				     .start = module->relro_start,
				     .end = module->relro_end,
				     .kind = KIND_RELRO,
				     .on = ON_MODULE,
				     .module = index,
				     .thread = NO_THREAD,
			     });
}

static int claim_thread(struct claims *claims, const struct space *space, uint32_t index)
{
	const struct thread *thread = &space->threads[index];
	struct claim claims_of[] = {
		{.start = thread->guard_start,
		 .end = thread->stack_start,
		 .kind = KIND_GUARD,
		 .on = ON_CLOSED},
		{.start = thread->stack_start,
		 .end = thread->stack_end,
		 .kind = KIND_THREAD_STACK,
		 .on = ON_ANON},
		/* Runtimes close pages inside their threads' stacks. */
		{.start = thread->stack_start,
		 .end = thread->stack_end,
		 .kind = KIND_GUARD,
		 .on = ON_CLOSED},
		{.start = thread->tls_start,
		 .end = thread->tls_end,
		 .kind = KIND_TLS,
		 .on = ON_ANON},
	};
	size_t i;
	int r;

	for (i = 0; i < ARRAY_SIZE(claims_of); i++) {
		/* Of the main stack these are the pieces that mprotect() has cut off. */
		if (thread->is_main && claims_of[i].kind == KIND_THREAD_STACK)
			claims_of[i].kind = KIND_STACK;
		claims_of[i].module = NO_MODULE;
		claims_of[i].thread = index;
		r = claim(claims, claims_of[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static uint32_t main_thread(const struct space *space)
{
	size_t i;

	for (i = 0; i < space->nthreads; i++)
		if (space->threads[i].is_main)
			return (uint32_t)i;
	return NO_THREAD;
}

static int claim_main_stack(struct claims *claims, const struct space *space)
{
	const struct process *process = &space->process;
	uint32_t thread = main_thread(space);
	const struct claim parts[] = {
		{.start = 0, .end = ADDR_MAX - 1, .kind = KIND_NONE},
		{.start = process->arg_start, .end = process->arg_end, .kind = KIND_ARGS},
		{.start = process->env_start, .end = process->env_end, .kind = KIND_ENV},
		{.start = process->auxv_start, .end = process->auxv_end, .kind = KIND_AUXV},
	};
	size_t i;
	int r;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		struct claim part = parts[i];

		if (part.start == UNKNOWN || part.end == UNKNOWN)
			continue;
		part.on = ON_KIND;
		part.over = KIND_STACK;
		part.module = NO_MODULE;
		part.thread = thread;
		r = claim(claims, part);
		if (r < 0)
			return r;
	}
	return 0;
}

static int gather_claims(struct claims *claims, const struct space *space)
{
	size_t i;
	int r = 0;

	for (i = 0; i < space->nmodules && r == 0; i++)
		r = claim_module(claims, space, (uint32_t)i);
	for (i = 0; i < space->nthreads && r == 0; i++)
		r = claim_thread(claims, space, (uint32_t)i);
	if (r == 0)
		r = claim_main_stack(claims, space);
	return r;
}

static int compare_addresses(const void *a, const void *b)
{
	plat_addr left = *(const plat_addr *)a, right = *(const plat_addr *)b;

	return (left > right) - (left < right);
}

/* Cuts regions wherever a claim begins or ends, in one pass into a new array. */
static int cut_at_claims(struct space *space, const struct claims *claims)
{
	plat_addr *cuts = calloc(claims->n * 2 + 1, sizeof(*cuts));
	struct region *out = NULL;
	size_t room = 0, n = 0, ncuts = 0, at = 0, i;
	int r = cuts ? 0 : -ENOMEM;

	if (r < 0)
		goto out;
	for (i = 0; i < claims->n; i++) {
		cuts[ncuts++] = claims->items[i].start;
		cuts[ncuts++] = claims->items[i].end;
	}
	qsort(cuts, ncuts, sizeof(*cuts), compare_addresses);
	r = list_reserve(&out, &room, 0, space->nregions + ncuts + 1);
	if (r < 0)
		goto out;

	for (i = 0; i < space->nregions; i++) {
		struct region rest = space->regions[i];

		while (at < ncuts && cuts[at] <= rest.start)
			at++;
		for (; at < ncuts && cuts[at] < rest.end; at++) {
			if (cuts[at] == rest.start)
				continue;
			out[n] = rest;
			out[n++].end = cuts[at];
			rest.offset += cuts[at] - rest.start;
			rest.start = cuts[at];
		}
		out[n++] = rest;
	}
	free(space->regions);
	space->regions = out;
	space->nregions = n;
	space->regions_room = room;
	out = NULL;
out:
	free(cuts);
	free(out);
	return r;
}

static bool is_heap(const struct space *space, const struct region *region)
{
	const struct file *file = region_file(space, region);

	return file && file->type == FILE_SPECIAL && strcmp(file->name, "[heap]") == 0;
}

static bool claim_is_on(const struct space *space, const struct claim *claim,
			const struct region *region)
{
	switch (claim->on) {
	case ON_MODULE:
		return is_anonymous(space, region) ||
		       (region->file != NO_FILE &&
			region->file == space->modules[claim->module].file);
	case ON_ANON:
		return (is_anonymous(space, region) || is_heap(space, region)) &&
		       is_accessible(region);
	case ON_CLOSED:
		return (is_anonymous(space, region) || is_heap(space, region)) &&
		       !is_accessible(region);
	case ON_KIND:
		return region->kind == claim->over;
	}
	return false;
}

/*
 * Whether a claim that may paint a region also changes its kind. The heap is start_brk to brk, and
 * a segment is what its header says, also where the C library keeps the first thread's variables in
 * it or a program has put a stack there: such a part says whose it is, and keeps its kind.
 */
static bool claim_decides(const struct claim *claim, const struct region *region)
{
	switch (claim->on) {
	case ON_MODULE:
		return claim->kind != KIND_NONE && is_accessible(region);
	case ON_ANON:
	case ON_CLOSED:
		return region->kind != KIND_HEAP && region->module == NO_MODULE;
	case ON_KIND:
		break;
	}
	return claim->kind != KIND_NONE;
}

static void paint(struct space *space, const struct claim *claim)
{
	size_t i = space_at_or_above(space, claim->start);

	for (; i < space->nregions && space->regions[i].start < claim->end; i++) {
		struct region *region = &space->regions[i];

		if (!claim_is_on(space, claim, region))
			continue;
		if (claim_decides(claim, region))
			region->kind = (uint8_t)claim->kind;
		if (claim->module != NO_MODULE)
			region->module = claim->module;
		if (claim->thread != NO_THREAD)
			region->thread = claim->thread;
	}
}

/* Secrets are closed between uses, and guarded all the time. */
static bool is_open_at_times(const struct region *region)
{
	return is_accessible(region) || region->kind == KIND_SECRET;
}

static bool touches_open_memory(const struct space *space, size_t i)
{
	const struct region *region = &space->regions[i];

	if (i > 0 && region[-1].end == region->start && is_open_at_times(&region[-1]))
		return true;
	return i + 1 < space->nregions && region[1].start == region->end &&
	       is_open_at_times(&region[1]);
}

static void mark_small_guards(struct space *space)
{
	plat_addr start, end;
	size_t i;

	for (i = 0; i < space->nregions; i++) {
		struct region *region = &space->regions[i];

		if (region->kind != KIND_RESERVED || !is_anonymous(space, region) ||
		    region_size(region) > GUARD_MOST || !touches_open_memory(space, i))
			continue;
		space_mapping_range(space, i, &start, &end);
		if (end - start <= GUARD_MOST) /* not a piece that a claim has cut off */
			region->kind = KIND_GUARD;
	}
}

/* Joins what a claim's border cut without need. */
static void join_alike(struct space *space)
{
	size_t i, n = 0;

	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];
		struct region *last = n ? &space->regions[n - 1] : NULL;

		if (last && last->mapping == region->mapping && last->kind == region->kind &&
		    last->module == region->module && last->thread == region->thread)
			last->end = region->end;
		else
			space->regions[n++] = *region;
	}
	space->nregions = n;
}

int kinds_assign(struct space *space)
{
	struct claims claims = {0};
	size_t i;
	int r;

	for (i = 0; i < space->nregions; i++)
		space->regions[i].kind = (uint8_t)kind_of_mapping(space, &space->regions[i]);
	r = gather_claims(&claims, space);
	if (r == 0)
		r = cut_at_claims(space, &claims);
	if (r == 0) {
		for (i = 0; i < claims.n; i++)
			paint(space, &claims.items[i]);
		mark_small_guards(space);
		join_alike(space);
		assert(space_valid(space));
	}
	free(claims.items);
	return r;
}

enum sharing region_sharing(const struct space *space, const struct region *region)
{
	(void)space;
	if (region->rights & RIGHT_SHARED)
		return SHARED_BY_PROCESSES;
	if (region->thread != NO_THREAD)
		return SHARED_BY_THREAD;
	return SHARED_BY_THREADS;
}

const char *sharing_name(enum sharing sharing)
{
	static const char *const names[] = {
		[SHARED_BY_THREADS] = "threads",
		[SHARED_BY_THREAD] = "thread",
		[SHARED_BY_PROCESSES] = "processes",
	};

	return names[sharing];
}

static void name_of_thread(const struct thread *thread, char *buffer, size_t size)
{
	char name[THREAD_NAME_SIZE * 4];

	if (thread->tid == 0)
		snprintf(buffer, size, "kept for a new thread");
	else
		snprintf(buffer, size, "%s", text_escape(thread->name, name, sizeof(name), 0));
}

static void name_of_file(const struct file *file, char *buffer, size_t size)
{
	const char *before = "", *name = file->name;
	size_t used;

	switch (file->type) {
	case FILE_POSIX_SHM:
		before = "POSIX ";
		name += strlen("/dev/shm");
		break;
	case FILE_SYSV_SHM:
		snprintf(buffer, size, "SysV id %llu key 0x%.8s", (unsigned long long)file->inode,
			 name + strlen("/SYSV"));
		return;
	case FILE_MEMFD:
		before = "memfd ";
		name += strlen("/memfd:");
		break;
	case FILE_SHARED_ANON:
		before = "shared anonymous";
		name = "";
		break;
	case FILE_SECRET:
		before = "memfd_secret";
		name = "";
		break;
	case FILE_ORDINARY:
	case FILE_SPECIAL:
	case FILE_HUGETLB:
	case FILE_DEVICE:
		break;
	}
	used = (size_t)snprintf(buffer, size, "%s", before);
	if (used >= size)
		return;
	text_escape(name, buffer + used, size - used, 0);
	used += strlen(buffer + used);
	if (file->deleted && (file->type == FILE_ORDINARY || file->type == FILE_POSIX_SHM))
		snprintf(buffer + used, size - used, " (deleted)");
}

char *region_name(const struct space *space, const struct region *region, char *buffer, size_t size)
{
	const struct thread *thread = region_thread(space, region);
	const struct file *file = region_file(space, region);

	if (size)
		buffer[0] = '\0';
	if (!file && region->module != NO_MODULE && space->modules[region->module].file != NO_FILE)
		file = &space->files[space->modules[region->module].file];

	switch (region->kind) {
	case KIND_THREAD_STACK:
	case KIND_GUARD:
	case KIND_TLS:
		if (thread) {
			name_of_thread(thread, buffer, size);
			return buffer;
		}
		break;
	case KIND_STACK:
	case KIND_ARGS:
	case KIND_ENV:
	case KIND_AUXV:
		snprintf(buffer, size, "[stack]");
		return buffer;
	case KIND_HEAP:
		snprintf(buffer, size, "[heap]");
		return buffer;
	default:
		break;
	}
	if (file)
		name_of_file(file, buffer, size);
	else
		snprintf(buffer, size,
			 region->rights & RIGHT_SHARED ? "shared anonymous" : "[anon]");
	return buffer;
}
