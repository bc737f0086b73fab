/*
 * A whole space from the input, then kinds, figures and gaps. The input is a row of records, each
 * begun by a byte that says what it adds: a mapping, a module, a thread, a fact about the process,
 * a run of pages. Addresses are two bytes in units of 256, so that borders lie inside pages too,
 * and the highest of them are those below 2^64.
 */
#include "fuzz.h"

#include "base/assert.h"
#include "base/list.h"
#include "space/figures.h"
#include "space/kinds.h"
#include "space/layout.h"

#include <stdlib.h>

#define PAGE UINT64_C(0x1000)
#define RUNS_MOST 256

static const char *const names[] = {
	"",
	"",
	"/bin/a",
	"/lib/b",
	"/lib/b (deleted)",
	"[heap]",
	"[stack]",
	"[vdso]",
	"[vvar]",
	"[vsyscall]",
	"/dev/shm/a",
	"/SYSV00000000 (deleted)",
	"/SYSV\x1b[2J (deleted)",
	"/memfd:x (deleted)",
	"/dev/zero (deleted)",
	"/secretmem (deleted)",
	"/anon_hugepage (deleted)",
	"/dev/mem",
	"[anon:a]",
	"[anon_shmem:a]",
	"[stack:7]",
	"anon_inode:[perf_event]",
	"[",
	"/\x9b\\012\xff",
};

static plat_addr address(struct input *input)
{
	uint64_t number = input_number(input, 2);

	return number >= 0xf000 ? 0xffffffffff000000 + number * 256 : number * 256;
}

static void add_mapping(struct space *space, struct input *input)
{
	plat_addr start = align_down(address(input), PAGE);
	uint64_t size = input_number(input, 1) * PAGE;
	unsigned rights = (unsigned)input_number(input, 1);
	const char *name = names[input_number(input, 1) % ARRAY_SIZE(names)];
	uint32_t file = NO_FILE;
	plat_addr end;

	if (*name)
		must(space_add_file(space, name, 0, 0, rights >> 4, &file) == 0);
	if (!__builtin_add_overflow(start, size, &end))
		(void)!space_add_mapping(space, start, end, rights & 15, 0, file);
}

static void add_module(struct space *space, struct input *input)
{
	struct module module = {.file = NO_FILE, .header = address(input)};
	unsigned n = (unsigned)input_number(input, 1), i;

	module.role = n >> 6;
	n = n % 4 + 1;
	if (space->nfiles)
		module.file = (uint32_t)(input_number(input, 1) % space->nfiles);
	for (i = 0; i < n; i++) {
		struct segment *segment = &module.segments[i];
		uint64_t file_size;

		segment->start = address(input);
		file_size = input_number(input, 1) * 256;
		segment->rights = (uint8_t)(input_number(input, 1) & 7);
		segment->file_end = add_capped(segment->start, file_size);
		segment->end = add_capped(segment->file_end, input_number(input, 1) * 256);
	}
	module.nsegments = n;
	module.relro_start = align_down(address(input), PAGE);
	module.relro_end = add_capped(module.relro_start, input_number(input, 1) * PAGE);
	must(list_reserve(&space->modules, &space->modules_room, space->nmodules, 1) == 0);
	space->modules[space->nmodules++] = module;
}

static void add_thread(struct space *space, struct input *input)
{
	struct thread thread = {.descriptor = UNKNOWN, .sp = address(input), .deepest = UNKNOWN};

	thread.tid = (int)input_number(input, 1);
	thread.is_main = thread.tid == 1;
	thread.guard_start = align_down(address(input), PAGE);
	thread.stack_start = add_capped(thread.guard_start, input_number(input, 1) * PAGE);
	thread.stack_end = add_capped(thread.stack_start, input_number(input, 1) * PAGE);
	thread.tls_start = address(input);
	thread.tls_end = add_capped(thread.tls_start, input_number(input, 1) * 256);
	must(list_reserve(&space->threads, &space->threads_room, space->nthreads, 1) == 0);
	space->threads[space->nthreads++] = thread;
}

static void set_fact(struct space *space, struct input *input)
{
	struct process *process = &space->process;
	plat_addr *const facts[] = {
		&process->arg_start,   &process->arg_end,  &process->env_start,	  &process->env_end,
		&process->auxv_start,  &process->auxv_end, &space->start_brk,	  &space->brk,
		&process->start_stack, &process->vdso,	   &process->personality,
	};
	unsigned which = (unsigned)input_number(input, 1);

	if (which == 255)
		process->bits = 32;
	else if (which == 254)
		space->machine.mmap_min_addr = address(input);
	else if (which == 253)
		space->limits[LIMIT_STACK] = (struct limit){address(input), 0, true};
	else if (which == 252)
		space->figures[VM_SIZE] = address(input);
	else
		*facts[which % ARRAY_SIZE(facts)] = address(input);
}

static size_t build(struct space *space, struct input *input, struct page_run *runs)
{
	size_t nruns = 0;

	while (input->size) {
		switch (input_number(input, 1) % 8) {
		case 0:
			add_module(space, input);
			break;
		case 1:
			add_thread(space, input);
			break;
		case 2:
			set_fact(space, input);
			break;
		case 3:
		case 4:
			if (nruns == RUNS_MOST)
				break;
			runs[nruns].start = align_down(address(input), PAGE);
			runs[nruns].end =
				add_capped(runs[nruns].start, input_number(input, 1) * PAGE);
			runs[nruns++].state = (unsigned)input_number(input, 1) & 127;
			break;
		default:
			add_mapping(space, input);
			break;
		}
	}
	return nruns;
}

static uint64_t total_size(const struct space *space)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < space->nregions; i++)
		size += region_size(&space->regions[i]);
	return size;
}

static void check_totals(const struct space *space)
{
	struct totals totals;
	uint64_t size = 0;
	unsigned kind;

	totals_of(space, &totals);
	must(totals.kinds[KIND_NONE].regions == 0);
	for (kind = 0; kind < NKINDS; kind++)
		size += totals.kinds[kind].size;
	must(size == total_size(space));
	must(size == totals.all.size + totals.kinds[KIND_VSYSCALL].size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct page_run runs[RUNS_MOST] = {0};
	struct figures walk;
	struct space space;
	size_t nruns, i;
	uint64_t before;

	space_init(&space);
	nruns = build(&space, &input, runs);
	check_space(&space);
	before = total_size(&space);
	layout_find(&space);
	must(kinds_assign(&space) == 0);
	must(total_size(&space) == before);
	check_space(&space);
	check_totals(&space);

	must(figures_init(&walk, &space, nruns % 2) == 0);
	for (i = 0; i < nruns; i++)
		must(figures_add(&walk, &runs[i]) == 0);
	must(figures_finish(&walk) == 0);
	figures_fini(&walk);
	must(total_size(&space) == before);
	check_space(&space);
	check_totals(&space);
	space_fini(&space);
	return 0;
}
