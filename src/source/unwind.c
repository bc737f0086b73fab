#include "source/unwind.h"

#include "source/unwind_parts.h"

#include <stdlib.h>
#include <sys/uio.h>

#define FRAMES_MOST 1000

struct unwind {
	Dwfl *dwfl;
	int pid, tid;
	const void *general; /* of the thread that is unwound */
	size_t size;
	plat_addr start, end; /* to be avoided */
	unsigned nframes;
	bool is_clear;
};

int unwind_no_debuginfo(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
			const char *file, const char *link, GElf_Word crc, char **path)
{
	(void)module, (void)data, (void)name, (void)base, (void)file, (void)link, (void)crc;
	(void)path;
	return -1;
}

/* --- one thread, as libdw asks for it --- */

static pid_t next_thread(Dwfl *dwfl, void *context, void **thread)
{
	const struct unwind *unwind = context;

	(void)dwfl;
	if (*thread)
		return 0;
	*thread = context;
	return unwind->tid;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *context, void **thread)
{
	const struct unwind *unwind = context;

	(void)dwfl;
	*thread = context;
	return tid == unwind->tid;
}

static bool read_word(Dwfl *dwfl, Dwarf_Addr at, Dwarf_Word *ret, void *context)
{
	const struct unwind *unwind = context;
	struct iovec ours = {ret, sizeof(*ret)}, theirs = {(void *)(uintptr_t)at, sizeof(*ret)};

	(void)dwfl;
	return process_vm_readv(unwind->pid, &ours, 1, &theirs, 1, 0) == (ssize_t)sizeof(*ret);
}

static bool set_registers(Dwfl_Thread *thread, void *context)
{
	const struct unwind *unwind = context;
	uint64_t words[UNWIND_REGISTERS];
	Dwarf_Word registers[UNWIND_REGISTERS];
	unsigned i;

	if (!unwind_registers(unwind->general, unwind->size, words))
		return false;
	for (i = 0; i < UNWIND_REGISTERS; i++)
		registers[i] = words[i];
	return dwfl_thread_state_registers(thread, 0, UNWIND_REGISTERS, registers);
}

static int take_frame(Dwfl_Frame *frame, void *context)
{
	struct unwind *unwind = context;
	Dwarf_Addr pc;

	if (!dwfl_frame_pc(frame, &pc, NULL) || unwind->nframes++ == FRAMES_MOST)
		unwind->is_clear = false;
	else if (pc >= unwind->start && pc < unwind->end)
		unwind->is_clear = false;
	return unwind->is_clear ? DWARF_CB_OK : DWARF_CB_ABORT;
}

bool unwind_avoids(struct unwind *unwind, int tid, const void *general, size_t size,
		   plat_addr start, plat_addr end)
{
	unwind->tid = tid;
	unwind->general = general;
	unwind->size = size;
	unwind->start = start;
	unwind->end = end;
	unwind->nframes = 0;
	unwind->is_clear = true;
	return dwfl_getthread_frames(unwind->dwfl, tid, take_frame, unwind) == 0 &&
	       unwind->is_clear && unwind->nframes > 0;
}

/* --- the process --- */

static bool attach(struct unwind *unwind)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_linux_proc_find_elf,
		.find_debuginfo = unwind_no_debuginfo,
	};
	static const Dwfl_Thread_Callbacks threads = {
		.next_thread = next_thread,
		.get_thread = get_thread,
		.memory_read = read_word,
		.set_initial_registers = set_registers,
	};

	unwind->dwfl = dwfl_begin(&callbacks);
	return unwind->dwfl && dwfl_linux_proc_report(unwind->dwfl, unwind->pid) == 0 &&
	       dwfl_report_end(unwind->dwfl, NULL, NULL) == 0 &&
	       dwfl_attach_state(unwind->dwfl, NULL, unwind->pid, &threads, unwind);
}

struct unwind *unwind_new(int pid)
{
	struct unwind *unwind = calloc(1, sizeof(*unwind));

	if (!unwind)
		return NULL;
	unwind->pid = pid;
	if (attach(unwind))
		return unwind;
	unwind_free(unwind);
	return NULL;
}

void unwind_free(struct unwind *unwind)
{
	if (unwind && unwind->dwfl)
		dwfl_end(unwind->dwfl);
	free(unwind);
}
