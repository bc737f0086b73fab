/*
 * malloc is called from anywhere: by the loader, by the unwinder itself, by signal handlers. So the
 * unwinder is used only
 *
 *  - if it finds tables by _dl_find_object (glibc 2.35, gcc 12), which takes no lock and allocates
 *    nothing. Before, it took the loader's lock, which another thread may have that waits for ours;
 *  - if the thread is not in it already: tables that a program has registered, as for code made at
 *    run time, are sorted under a lock, and that allocates;
 *  - if no signal is blocked, as in a signal handler one is: it may have interrupted just that.
 *
 * It is looked for, and loaded, where that is safe: before main(), and when the program itself asks
 * for samples.
 */
#define _GNU_SOURCE 1 /* dlinfo */
#include "alloc/unwind.h"

#include "alloc/atomic.h"
#include "alloc/system.h"
#include "alloc/unwind_steps.h"
#include "base/compiler.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <unwind.h>

static struct {
	_Unwind_Reason_Code (*backtrace)(_Unwind_Trace_Fn, void *);
	_Unwind_Ptr (*ip)(struct _Unwind_Context *, int *);
	_Unwind_Word (*cfa)(struct _Unwind_Context *);
	_Unwind_Word (*word)(struct _Unwind_Context *, int);
	uintptr_t start, end; /* of its library */
} unwinder;

/* That some functions find their frames by: in the numbers of DWARF. */
#if defined(__x86_64__)
#define FRAME_REGISTER 6
#elif defined(__i386__)
#define FRAME_REGISTER 5
#else
#define FRAME_REGISTER 29
#endif

static uint32_t is_ready;
static __thread bool is_unwinding __attribute__((tls_model("initial-exec")));

/* Not there, unless the program has it without our doing. */
#pragma weak _Unwind_Backtrace

/* --- is it one that can be used? --- */

/* Some systems keep what stands there as it is in the file. */
static const void *table(const struct link_map *map, ElfW(Sxword) tag)
{
	const ElfW(Dyn) *entry = map->l_ld;

	while (entry->d_tag != DT_NULL && entry->d_tag != tag)
		entry++;
	if (entry->d_tag == DT_NULL)
		return NULL;
	return (const void *)(entry->d_un.d_ptr +
			      (entry->d_un.d_ptr < map->l_addr ? map->l_addr : 0));
}

/* What a library needs of others comes before all that it has a hash of. */
static bool needs(const struct link_map *map, const char *name)
{
	const ElfW(Sym) *symbols = table(map, DT_SYMTAB);
	const char *names = table(map, DT_STRTAB);
	const uint32_t *hash = table(map, DT_GNU_HASH);
	uint32_t i;

	if (!symbols || !names || !hash)
		return false;
	for (i = 1; i < hash[1]; i++)
		if (strcmp(names + symbols[i].st_name, name) == 0)
			return true;
	return false;
}

static void find_range(const struct link_map *map)
{
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)map->l_addr;
	const ElfW(Phdr) *segments = (const ElfW(Phdr) *)(map->l_addr + header->e_phoff);
	uint16_t i;

	unwinder.start = map->l_addr;
	for (i = 0; i < header->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD)
			unwinder.end = map->l_addr + segments[i].p_vaddr + segments[i].p_memsz;
}

static _Unwind_Reason_Code stop(struct _Unwind_Context *context, void *data)
{
	(void)context;
	(void)data;
	return _URC_NORMAL_STOP;
}

WHEN_IT_BEGINS void plat__unwind_begin(bool may_load)
{
	struct link_map *map;
	void *library;

	if (load_acquire(&is_ready) || (!may_load && !_Unwind_Backtrace))
		return;
	library = dlopen("libgcc_s.so.1", RTLD_LAZY | (may_load ? 0 : RTLD_NOLOAD));
	if (!library || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0 ||
	    !needs(map, "_dl_find_object"))
		return;
	unwinder.backtrace = (_Unwind_Reason_Code(*)(_Unwind_Trace_Fn, void *))dlsym(
		library, "_Unwind_Backtrace");
	unwinder.ip = (_Unwind_Ptr(*)(struct _Unwind_Context *, int *))dlsym(library,
									     "_Unwind_GetIPInfo");
	unwinder.cfa = (_Unwind_Word(*)(struct _Unwind_Context *))dlsym(library, "_Unwind_GetCFA");
	unwinder.word =
		(_Unwind_Word(*)(struct _Unwind_Context *, int))dlsym(library, "_Unwind_GetGR");
	if (!unwinder.backtrace || !unwinder.ip || !unwinder.cfa || !unwinder.word)
		return;
	find_range(map);
	/* What it does the first time is done by now. */
	if (may_load)
		unwinder.backtrace(stop, NULL);
	store_release(&is_ready, 1);
}

/* --- stacks --- */

struct stack_walk {
	uintptr_t above; /* the frames of our own functions end here */
	uint64_t *frames;
	uint32_t n, most;
	struct unwind_frame last;
};

static void read_frame(struct _Unwind_Context *context, struct unwind_frame *ret)
{
	int is_exact;

	ret->ip = unwinder.ip(context, &is_exact);
	ret->is_exact = is_exact != 0;
	ret->sp = unwinder.cfa(context);
	ret->fp = unwinder.word(context, FRAME_REGISTER);
}

static _Unwind_Reason_Code take(struct _Unwind_Context *context, void *data)
{
	struct stack_walk *walk = data;
	struct unwind_frame frame;

	read_frame(context, &frame);
	if (frame.sp <= walk->above)
		return _URC_NO_REASON;
	if (frame.ip == 0)
		return _URC_NORMAL_STOP;
	if (walk->n > 0)
		plat__steps_learn(&walk->last, &frame);
	walk->last = frame;
	walk->frames[walk->n++] = frame.ip;
	return walk->n < walk->most ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

static uint32_t unwind_all(const void *frame, uint64_t *ret, uint32_t n)
{
	struct stack_walk walk = {.above = (uintptr_t)frame, .frames = ret, .most = n};

	unwinder.backtrace(take, &walk);
	if (walk.n > 0 && walk.n < n)
		plat__steps_learn(&walk.last, NULL);
	return walk.n;
}

uint32_t plat__unwind(const void *frame, uint64_t caller, uint64_t *ret, uint32_t n)
{
	uint32_t walked = plat__steps_walk(frame, ret, n);

	if (walked > 0)
		return walked;
	if (!load_acquire(&is_ready) || is_unwinding || plat__system_blocks_signals() ||
	    (caller >= unwinder.start && caller < unwinder.end))
		return 0;
	is_unwinding = true;
	walked = unwind_all(frame, ret, n);
	is_unwinding = false;
	return walked;
}
