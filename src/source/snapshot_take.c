/*
 * The space is made as for any other command, by a procdir that writes down all that it asks and
 * what the kernel says. Who opens the snapshot later asks the same questions, and makes the same
 * space. So what is in the file is never listed here; only what commands ask for beyond a space is
 * asked here once.
 *
 *     proc_load, cgroups, rollup ...    questions and answers
 *     one walk over the pages           their states; those that are kept go to the packer
 *     it goes on, if it was stopped
 *     stat again                        is it still the same program?
 *
 * To make the space some memory is read: its pages are in every snapshot, filtered as CONTENT_
 * POINTERS says.
 */
#include "source/snapshot_take.h"

#include "base/list.h"
#include "source/cache.h"
#include "source/cgroups.h"
#include "source/clock.h"
#include "source/freeze.h"
#include "source/mem.h"
#include "source/pages.h"
#include "source/proc.h"
#include "source/query.h"
#include "source/rollup.h"
#include "space/cgroups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ENVIRONMENT_MOST (16u << 20)
#define DESCRIPTOR_BYTES 0xa00 /* more than glibc's struct pthread has; musl's is smaller */
#define SYSTEM_PRELOADS "root/etc/ld.so.preload"

const char *snapshot_content_name(enum snapshot_content content)
{
	static const char *const names[NCONTENTS] = {"none", "pointers", "full"};

	return names[content];
}

/* Memory as it is now; it remembers nothing, so that threads may read at once. */
struct direct {
	struct reader reader; /* its first member */
	int mem, pid;	      /* 0: it is no live one */
};

static int read_direct(struct reader *reader, plat_addr from, void *to, size_t size)
{
	const struct direct *direct = (const struct direct *)reader;

	return mem_read(direct->mem, direct->pid, from, to, size);
}

struct taking {
	const struct snapshot_request *request;
	struct procdir dir; /* as the caller's, but it writes down what is said */
	struct space *space;
	struct snapshot_writer *writer;
	struct snapshot_packer *packer; /* or NULL: no memory can be read */
	struct ranges touched; /* pages that were read to make the space, and those of `whole` */
	struct ranges whole, hidden, mapped;
	struct snapshot_filter filter;
	struct snapshot_taken *taken;
	struct direct direct;
	int pagemap;
	size_t at;   /* the region that the next run may begin in */
	size_t told; /* the first one that the walk may still come to */
};

/*
 * Questions.
 */

/* What commands ask for beyond a space. That some may not be read is an answer, too. */
static int ask_more(struct taking *taking)
{
	struct cgroups cgroups = CGROUPS_EMPTY;
	struct rollup rollup;
	char *text, kernel[128];
	int r = cgroups_load(&taking->dir, &cgroups);

	if (r < 0)
		return r;
	cgroups_fini(&cgroups);
	if (rollup_load(&taking->dir, &rollup, NULL) == -ENOMEM)
		return -ENOMEM;
	query_kernel(&taking->dir, kernel, sizeof(kernel));
	if (procdir_read(&taking->dir, SYSTEM_PRELOADS, 65536, &text, NULL) == 0)
		free(text);
	if (taking->request->environment &&
	    procdir_read(&taking->dir, "environ", ENVIRONMENT_MOST, &text, NULL) == 0)
		free(text);
	return 0;
}

/* PROCMAP_QUERY tells build-ids of files, and the sizes of pages. */
static void ask_mapping(struct taking *taking, const struct region *region)
{
	struct query_mapping mapping;
	struct {
		struct snapshot_mapping mapping;
		char build_id[BUILD_ID_SIZE];
	} noted = {0};
	char name[24];

	if (query_mapping(&taking->dir, region->start, &mapping) < 0)
		return;
	noted.mapping.start = mapping.start;
	noted.mapping.end = mapping.end;
	noted.mapping.page_size = mapping.page_size;
	noted.mapping.offset = mapping.offset;
	noted.mapping.inode = mapping.inode;
	noted.mapping.rights = mapping.rights;
	snprintf(noted.build_id, sizeof(noted.build_id), "%s", mapping.build_id);
	snprintf(name, sizeof(name), "%016" PRIx64, mapping.start);
	snapshot_put_answer(taking->writer, ANSWER_QUERY, name, 0, &noted,
			    sizeof(noted.mapping) + strlen(noted.build_id));
}

static int ask_mappings(struct taking *taking)
{
	const struct space *space = taking->space;
	bool *is_asked = calloc(space->nfiles + 1, sizeof(*is_asked));
	uint32_t last = UINT32_MAX;
	size_t i;
	int r = is_asked ? 0 : -ENOMEM;

	for (i = 0; r == 0 && i < space->nregions; i++) {
		const struct region *region = &space->regions[i];
		const struct file *file = region_file(space, region);

		if (file && file->type != FILE_SPECIAL && region->mapping != last)
			ask_mapping(taking, region);
		last = region->mapping;
		if (!file || is_asked[region->file] || !cache_has_file(space, region))
			continue;
		is_asked[region->file] = true;
		r = cache_note(&taking->dir, space, region);
	}
	free(is_asked);
	return r;
}

static bool is_stopped(const struct space *space)
{
	size_t i;

	for (i = 0; i < space->nthreads; i++)
		if (space->threads[i].tid && space->threads[i].state != 'T' &&
		    space->threads[i].state != 't')
			return false;
	return space->nthreads > 0;
}

static void note_facts(struct taking *taking)
{
	const struct space *space = taking->space;
	struct snapshot_writer *writer = taking->writer;
	char when[32] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snapshot_put_fact(writer, "plat", "%s", PLAT_VERSION);
	snapshot_put_fact(writer, "pid", "%d", taking->dir.pid);
	snapshot_put_fact(writer, "taken", "%s", when);
	snapshot_put_fact(writer, "content", "%s", snapshot_content_name(taking->request->content));
	snapshot_put_fact(writer, "page-size", "%" PRIu64, space->machine.page_size);
	if (space->machine.lowest_hint != UNKNOWN)
		snapshot_put_fact(writer, "lowest-hint", "%" PRIu64, space->machine.lowest_hint);
	snapshot_put_fact(writer, "told", "%u", pages_told(&taking->dir, PAGES_ANY));
	snapshot_put_fact(writer, "told-exclusive", "%u",
			  pages_told(&taking->dir, PAGES_EXCLUSIVE));
}

/*
 * Vector registers hold what was copied last, as pieces of the environment. So of them there are
 * only addresses, unless all of that was asked for.
 */
static int note_registers_of(struct taking *taking, const struct stop_thread *thread)
{
	const struct registers *registers = &thread->registers;
	const struct snapshot_request *request = taking->request;
	const struct snapshot_registers head = {registers->pc, registers->sp, registers->tls,
						registers->general, registers->size};
	size_t from = request->content < CONTENT_FULL ? 0
		      : request->environment	      ? registers->size
						      : registers->general;
	unsigned char *bytes = malloc(registers->size + 1);
	char name[16];

	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, registers->bytes, registers->size);
	snapshot_filter_words(&taking->filter, bytes + from, registers->size - from);
	snprintf(name, sizeof(name), "%d", thread->tid);
	snapshot_begin_answer(taking->writer, ANSWER_REGISTERS, name);
	snapshot_put_bytes(taking->writer, &head, sizeof(head));
	snapshot_put_bytes(taking->writer, bytes, registers->size);
	snapshot_end_answer(taking->writer, 0);
	free(bytes);
	return 0;
}

static int note_registers(struct taking *taking)
{
	size_t n, i;
	const struct stop_thread *threads = freeze_threads(taking->request->freeze, &n);
	int r = 0;

	for (i = 0; r == 0 && i < n && taking->request->content != CONTENT_NONE; i++)
		if (threads[i].registers.bytes)
			r = note_registers_of(taking, &threads[i]);
	return r;
}

/* It goes on from here. How it was held is part of the answer. */
static void let_go(struct taking *taking)
{
	struct snapshot_writer *writer = taking->writer;
	const struct freeze_told *told;

	freeze_end(taking->request->freeze);
	told = freeze_told(taking->request->freeze);
	taking->taken->is_stopped |= told->rung >= FREEZE_COPY && !told->was_cut && !told->why[0];
	snapshot_put_fact(writer, "rung", "%s", freeze_rung_name(told->rung));
	snapshot_put_fact(writer, "pause", "%" PRIu64, told->pause);
	snapshot_put_fact(writer, "was-cut", "%d", told->was_cut);
	snapshot_put_fact(writer, "pause-why", "%s", told->why);
}

/*
 * What is kept byte by byte, and what is not.
 */

static int list_mappings(struct taking *taking)
{
	const struct space *space = taking->space;
	size_t i;

	for (i = 0; i < space->nregions; i++)
		ranges_add(&taking->mapped, space->regions[i].start, space->regions[i].end);
	return ranges_sort(&taking->mapped);
}

/* ELF headers, and what they lead to: of files, and nobody's secret. */
static void keep_module(struct taking *taking, const struct module *module)
{
	size_t i;

	ranges_add(&taking->whole, module->header, module->header + taking->taken->page_size);
	ranges_add(&taking->whole, module->dynamic_start, module->dynamic_end);
	for (i = 0; i < module->nnotes; i++)
		ranges_add(&taking->whole, module->notes[i].start, module->notes[i].end);
}

/* A thread's descriptor has its numbers beside addresses. It never reaches beyond its mapping. */
static void keep_thread(struct taking *taking, const struct thread *thread)
{
	plat_addr start, end;
	const struct region *region;

	if (thread->descriptor == UNKNOWN)
		return;
	region = space_find(taking->space, thread->descriptor);
	if (!region)
		return;
	space_mapping_range(taking->space, (size_t)(region - taking->space->regions), &start, &end);
	ranges_add(&taking->whole, thread->descriptor,
		   min_u64(end, thread->descriptor + DESCRIPTOR_BYTES));
}

static int choose_whole(struct taking *taking)
{
	const struct space *space = taking->space;
	const struct process *process = &space->process;
	size_t i;
	int r = 0;

	for (i = 0; i < space->nmodules; i++)
		keep_module(taking, &space->modules[i]);
	for (i = 0; i < space->nthreads; i++)
		keep_thread(taking, &space->threads[i]);
	/* The count of arguments, pointers to them, the vector; the strings lie above. */
	if (process->start_stack != UNKNOWN && process->auxv_end != UNKNOWN &&
	    process->start_stack < process->auxv_end)
		ranges_add(&taking->whole, process->start_stack, process->auxv_end);
	if (taking->request->look)
		r = taking->request->look(taking->request->context, &taking->dir, space,
					  &taking->whole, &taking->filter.marks);
	return r < 0 ? r : ranges_sort(&taking->whole);
}

static int choose_hidden(struct taking *taking)
{
	const struct process *process = &taking->space->process;

	if (taking->request->environment)
		return 0;
	if (process->arg_start != UNKNOWN && process->arg_end != UNKNOWN)
		ranges_add(&taking->hidden, process->arg_start, process->arg_end);
	if (process->env_start != UNKNOWN && process->env_end != UNKNOWN)
		ranges_add(&taking->hidden, process->env_start, process->env_end);
	return ranges_sort(&taking->hidden);
}

static int choose(struct taking *taking)
{
	uint64_t page = taking->taken->page_size;
	size_t i;
	int r = list_mappings(taking);

	if (r == 0)
		r = choose_whole(taking);
	if (r == 0)
		r = choose_hidden(taking);
	for (i = 0; r == 0 && i < taking->whole.n; i++)
		ranges_add(&taking->touched, align_down(taking->whole.items[i].start, page),
			   align_up(taking->whole.items[i].end, page));
	if (r == 0)
		r = ranges_sort(&taking->touched);
	taking->filter.word = taking->space->process.bits == 32 ? 4 : 8;
	taking->filter.is_plain = taking->request->content == CONTENT_FULL;
	taking->filter.mapped = &taking->mapped;
	taking->filter.whole = &taking->whole;
	taking->filter.hidden = &taking->hidden;
	snapshot_filter_prepare(&taking->filter);
	return r;
}

/*
 * Pages.
 */

static bool is_not_to_be_dumped(const struct taking *taking, const struct region *region)
{
	const struct space *space = taking->space;

	return space->details && strstr(space->details[region->mapping].flags, "dd") != NULL;
}

/* Whether a region's pages in this state are kept. */
static bool is_wanted(struct taking *taking, const struct region *region, unsigned state,
		      uint64_t size)
{
	enum snapshot_content content = taking->request->content;

	if (content == CONTENT_NONE || region->kind == KIND_DEVICE || region->kind == KIND_VVAR ||
	    region->kind == KIND_VSYSCALL || region->kind == KIND_SECRET)
		return false;
	if (content == CONTENT_POINTERS && (state & PAGE_FILE) && !(region->rights & RIGHT_WRITE))
		return false;
	if (!is_not_to_be_dumped(taking, region))
		return true;
	taking->taken->left_out += size;
	return false;
}

static void pack(struct taking *taking, plat_addr start, plat_addr end)
{
	snapshot_pack_pages(taking->packer, start, (end - start) / taking->taken->page_size);
}

/* Of pages that are not wanted those are kept that the space was made from. */
static void pack_touched(struct taking *taking, plat_addr start, plat_addr end)
{
	const struct range *range = ranges_from(&taking->touched, start);
	const struct range *last = taking->touched.items + taking->touched.n;

	for (; range && range < last && range->start < end; range++)
		pack(taking, max_u64(range->start, start), min_u64(range->end, end));
}

/* The region of the page at `addr`: the first one that it holds something of. */
static const struct region *region_of(struct taking *taking, plat_addr addr)
{
	const struct space *space = taking->space;

	while (taking->at < space->nregions && space->regions[taking->at].end <= addr)
		taking->at++;
	return taking->at < space->nregions ? &space->regions[taking->at] : NULL;
}

static void pack_run(struct taking *taking, const struct page_run *run)
{
	uint64_t page = taking->taken->page_size;
	plat_addr at = run->start, end;

	while (at < run->end) {
		const struct region *region = region_of(taking, at);

		end = region ? min_u64(run->end, align_up(region->end, page)) : run->end;
		if (region && region->start < at + page &&
		    is_wanted(taking, region, run->state, end - at))
			pack(taking, at, end);
		else
			pack_touched(taking, at, end);
		at = end;
	}
}

static void put_run(struct taking *taking, plat_addr start, plat_addr end, unsigned state)
{
	uint64_t page = taking->taken->page_size, left = (end - start) / page;

	while (left) {
		struct snapshot_run row = {start, (uint32_t)min_u64(left, UINT32_MAX), state};

		snapshot_put_row(taking->writer, TABLE_RUNS, start, &row, sizeof(row));
		start += row.npages * page;
		left -= row.npages;
	}
}

/* Mappings below `end` that the walk has passed over, as too large to be read page by page. */
static void put_not_told(struct taking *taking, plat_addr end)
{
	const struct space *space = taking->space;

	while (taking->told < space->nregions && space->regions[taking->told].start < end) {
		const struct region *region = &space->regions[taking->told];
		plat_addr start, stop;

		space_mapping_range(space, taking->told, &start, &stop);
		if (region->no_pages)
			put_run(taking, start, stop, STATE_NOT_TOLD);
		while (taking->told < space->nregions && space->regions[taking->told].start < stop)
			taking->told++;
	}
}

static int take_run(void *context, const struct page_run *run)
{
	struct taking *taking = context;

	put_not_told(taking, run->start);
	put_run(taking, run->start, run->end, run->state);
	/* The page of zeros needs no content. */
	if (taking->packer && (run->state & PAGE_PRESENT) && !(run->state & PAGE_ZERO))
		pack_run(taking, run);
	return 0;
}

static int walk_pages(struct taking *taking)
{
	struct error why;
	size_t i;
	int r;

	for (i = 0; i < taking->space->nregions; i++)
		taking->space->regions[i].no_pages = false;
	r = pages_walk(&taking->dir, taking->space, 0, taking->space->user_end, PAGES_EXCLUSIVE,
		       take_run, taking, &why);
	if (r < 0 && r != -ENOMEM) {
		snapshot_put_fact(taking->writer, "pages-why", "%s", why.text);
		snprintf(taking->taken->why, sizeof(taking->taken->why), "%.*s",
			 (int)sizeof(taking->taken->why) - 1, why.text);
		r = 0;
	}
	put_not_told(taking, taking->space->user_end);
	return r;
}

static int take_memory(struct taking *taking)
{
	bool filters = taking->request->content != CONTENT_FULL || taking->hidden.n;
	struct reader *reader = freeze_reader(taking->request->freeze, &taking->direct.reader);
	int r = 0, ended = 0;

	taking->direct.mem = procdir_open_file(&taking->dir, "mem");
	taking->direct.pid = taking->dir.is_here ? taking->dir.pid : 0;
	taking->pagemap = procdir_open_file(&taking->dir, "pagemap");
	if (taking->direct.mem < 0) {
		snapshot_put_fact(taking->writer, "memory-error", "%d", -taking->direct.mem);
		snprintf(taking->taken->why, sizeof(taking->taken->why),
			 "its memory cannot be read: %s", strerror(-taking->direct.mem));
	} else if (taking->pagemap >= 0) {
		taking->filter.mangle = mangle_find(taking->space, reader);
		r = snapshot_packer_new(taking->writer, reader, taking->pagemap,
					taking->taken->page_size, filters ? &taking->filter : NULL,
					&taking->packer);
	}
	if (r == 0)
		r = walk_pages(taking);
	if (taking->packer)
		ended = snapshot_packer_finish(taking->packer, &taking->taken->packed);
	if (taking->direct.mem >= 0)
		close(taking->direct.mem);
	if (taking->pagemap >= 0)
		close(taking->pagemap);
	return r < 0 ? r : ended;
}

/*
 * All of it.
 */

/* What was read last may be of another program than what was read first. */
static int check_same(const struct taking *taking, struct error *err)
{
	const struct process *before = &taking->space->process;
	struct procdir dir = taking->dir;
	struct space now;
	int r;

	dir.answers = NULL;
	space_init(&now);
	r = proc_load_figures(&dir, &now, err);
	if (r == 0 && (now.process.start_code != before->start_code ||
		       now.process.start_stack != before->start_stack ||
		       now.process.env_end != before->env_end))
		r = fail(err, -EAGAIN, "%d: it executed another program meanwhile", dir.pid);
	space_fini(&now);
	return r;
}

static int take_all(struct taking *taking, struct error *err)
{
	int r = proc_load(&taking->dir, PROC_DETAILS, taking->space, err);

	if (r < 0)
		return r;
	taking->taken->page_size = taking->space->machine.page_size;
	taking->taken->is_stopped = is_stopped(taking->space);
	note_facts(taking);
	r = ask_more(taking);
	if (r == 0)
		r = ask_mappings(taking);
	if (r == 0)
		r = choose(taking);
	if (r == 0)
		r = take_memory(taking);
	if (r == 0)
		r = note_registers(taking);
	let_go(taking);
	if (r < 0)
		r = fail(err, -r, "%d: no snapshot can be taken", taking->dir.pid);
	else
		r = check_same(taking, err);
	if (r < 0)
		space_fini(taking->space);
	return r;
}

int snapshot_take(const struct procdir *dir, const struct snapshot_request *request,
		  const char *path, struct space *space, struct snapshot_taken *ret,
		  struct error *err)
{
	struct taking taking = {
		.request = request,
		.dir = *dir,
		.space = space,
		.taken = ret,
		.direct = {.reader = {.read = read_direct}, .mem = -1},
		.pagemap = -1,
	};
	uint64_t begin = clock_now();
	int r = snapshot_writer_new(path, &taking.writer, err);

	*ret = (struct snapshot_taken){0};
	if (r < 0)
		return r;
	taking.dir.answers = taking.writer;
	taking.dir.touched = &taking.touched;
	r = take_all(&taking, err);
	if (r == 0) {
		r = snapshot_writer_finish(taking.writer, &ret->file_bytes, err);
		if (r < 0)
			space_fini(space);
	} else {
		snapshot_writer_abandon(taking.writer);
	}
	ret->nanoseconds = clock_now() - begin;
	ranges_fini(&taking.touched);
	ranges_fini(&taking.whole);
	ranges_fini(&taking.hidden);
	ranges_fini(&taking.mapped);
	free(taking.filter.marks.items);
	return r;
}
