/*
 * libdwfl asks for each module's file only when a frame is in it, and for the stack's words one by
 * one; they come from whatever the process is.
 */
#include "source/frames.h"

#include "base/list.h"
#include "base/reader_cache.h"
#include "source/errand.h"
#include "source/files.h"
#include "source/image.h"
#include "source/unwind_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is told: a frame, or how the last one was come to. */
struct piece {
	size_t thread;
	bool is_frame, is_whole;
	struct frame frame;
	char why[FRAMES_WHY_SIZE];
};

struct job {
	const struct procdir *dir;
	const struct space *space;
	struct thread_frames *threads;
	size_t n;

	/* The child's. */
	struct reader_cache memory;
	const struct errand *errand;
	size_t thread; /* whose turn it is */
	size_t nframes;
	plat_addr sp; /* of the frame before */

	/* The parent's. */
	size_t room; /* of the thread that was told of last */
	int result;
};

/*
 * The child, as libdwfl asks it.
 */

static int find_elf(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
		    char **path, Elf **elf)
{
	const struct job *job = *data;
	const struct region *header = space_find(job->space, base);
	int fd = header ? files_open(job->dir, job->space, header) : -ENOENT;

	(void)module, (void)name, (void)path, (void)elf;
	if (fd < 0 && header && header->module != NO_MODULE)
		fd = image_open(job->dir, job->space, &job->space->modules[header->module]);
	return fd < 0 ? -1 : fd;
}

static pid_t next_thread(Dwfl *dwfl, void *context, void **thread)
{
	const struct job *job = context;

	(void)dwfl;
	if (*thread)
		return 0;
	*thread = context;
	return job->threads[job->thread].tid;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *context, void **thread)
{
	const struct job *job = context;

	(void)dwfl;
	*thread = context;
	return tid == job->threads[job->thread].tid;
}

static bool read_word(Dwfl *dwfl, Dwarf_Addr at, Dwarf_Word *ret, void *context)
{
	struct job *job = context;

	(void)dwfl;
	return reader_read(&job->memory.reader, at, ret, sizeof(*ret)) == 0;
}

static bool set_registers(Dwfl_Thread *thread, void *context)
{
	const struct job *job = context;
	const struct thread_frames *of = &job->threads[job->thread];
	uint64_t words[UNWIND_REGISTERS];
	Dwarf_Word registers[UNWIND_REGISTERS];
	unsigned i;

	if (!unwind_registers(of->general, of->size, words))
		return false;
	for (i = 0; i < UNWIND_REGISTERS; i++)
		registers[i] = words[i];
	dwfl_thread_state_register_pc(thread, registers[UNWIND_PC]);
	return dwfl_thread_state_registers(thread, 0, UNWIND_REGISTERS, registers);
}

/* Frames lie one above the other; what does not goes nowhere. */
static int take_frame(Dwfl_Frame *frame, void *context)
{
	struct job *job = context;
	struct piece piece = {.thread = job->thread, .is_frame = true};
	bool is_exact = false;
	Dwarf_Word sp;

	if (job->nframes == FRAMES_MOST || !dwfl_frame_pc(frame, &piece.frame.pc, &is_exact) ||
	    dwfl_frame_reg(frame, UNWIND_SP, &sp) != 0 || (job->nframes && sp <= job->sp))
		return DWARF_CB_ABORT;
	job->nframes++;
	job->sp = sp;
	piece.frame.pc -= !is_exact;
	piece.frame.sp = sp;
	errand_tell(job->errand, &piece);
	return DWARF_CB_OK;
}

static void unwind(struct job *job, Dwfl *dwfl)
{
	struct piece piece = {.thread = job->thread};
	uint64_t words[UNWIND_REGISTERS];
	const struct thread_frames *thread = &job->threads[job->thread];
	int r;

	job->nframes = 0;
	if (!unwind_registers(thread->general, thread->size, words)) {
		snprintf(piece.why, sizeof(piece.why), "frames are found on x86-64 only");
		errand_tell(job->errand, &piece);
		return;
	}
	r = dwfl_getthread_frames(dwfl, thread->tid, take_frame, job);
	piece.is_whole = r == 0;
	if (r == DWARF_CB_ABORT)
		snprintf(piece.why, sizeof(piece.why), "above #%zu the stack makes no sense",
			 job->nframes ? job->nframes - 1 : 0);
	else if (r < 0)
		snprintf(piece.why, sizeof(piece.why), "above #%zu: %s",
			 job->nframes ? job->nframes - 1 : 0, dwfl_errmsg(-1));
	errand_tell(job->errand, &piece);
}

/* Modules without overlap: libdwfl takes nothing else. */
static bool report_modules(struct job *job, Dwfl *dwfl)
{
	size_t i;

	dwfl_report_begin(dwfl);
	for (i = 0; i < job->space->nmodules; i++) {
		const struct module *module = &job->space->modules[i];
		Dwfl_Module *reported;
		char name[32];
		void **data;

		if (module->nsegments == 0)
			continue;
		snprintf(name, sizeof(name), "%zu", i);
		reported = dwfl_report_module(dwfl, name, module->header,
					      module->segments[module->nsegments - 1].end);
		if (!reported)
			continue;
		dwfl_module_info(reported, &data, NULL, NULL, NULL, NULL, NULL, NULL);
		*data = job;
	}
	return dwfl_report_end(dwfl, NULL, NULL) == 0;
}

static void work(const struct errand *errand, void *context)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = find_elf,
		.find_debuginfo = unwind_no_debuginfo,
	};
	static const Dwfl_Thread_Callbacks threads = {
		.next_thread = next_thread,
		.get_thread = get_thread,
		.memory_read = read_word,
		.set_initial_registers = set_registers,
	};
	struct job *job = context;
	Dwfl *dwfl = dwfl_begin(&callbacks);

	job->errand = errand;
	if (!dwfl || !report_modules(job, dwfl) ||
	    !dwfl_attach_state(dwfl, NULL, job->threads[0].tid, &threads, job))
		return;
	for (job->thread = 0; job->thread < job->n; job->thread++)
		unwind(job, dwfl);
}

/*
 * The parent.
 */

static void take_piece(void *context, const void *told)
{
	struct job *job = context;
	const struct piece *piece = told;
	struct thread_frames *thread;

	if (piece->thread >= job->n || job->result < 0)
		return;
	thread = &job->threads[piece->thread];
	if (!piece->is_frame) {
		thread->is_whole = piece->is_whole;
		snprintf(thread->why, sizeof(thread->why), "%.*s", (int)sizeof(piece->why) - 1,
			 piece->why);
		return;
	}
	if (thread->n == 0)
		job->room = 0;
	if (thread->n == FRAMES_MOST)
		return;
	if (list_reserve(&thread->frames, &job->room, thread->n, 1) < 0)
		job->result = -ENOMEM;
	else
		thread->frames[thread->n++] = piece->frame;
}

int frames_find(const struct procdir *dir, const struct space *space, struct reader *reader,
		struct thread_frames *threads, size_t n)
{
	struct job job = {.dir = dir, .space = space, .threads = threads, .n = n};
	struct errand errand = {
		.what = "finding frames",
		.size = sizeof(struct piece),
		.context = &job,
		.work = work,
		.take = take_piece,
	};
	struct error err;
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		threads[i].frames = NULL;
		threads[i].n = 0;
		threads[i].is_whole = false;
		threads[i].why[0] = '\0';
	}
	if (n == 0)
		return 0;
	reader_cache_init(&job.memory, reader);
	r = errand_run(&errand, &err);
	if (r == 0)
		snprintf(err.text, sizeof(err.text), "its modules cannot be understood");
	for (i = 0; i < n; i++)
		if (!threads[i].is_whole && !threads[i].why[0])
			snprintf(threads[i].why, sizeof(threads[i].why), "%.*s",
				 FRAMES_WHY_SIZE - 1, err.text);
	if (job.result < 0 || r == -ENOMEM) {
		frames_fini(threads, n);
		return -ENOMEM;
	}
	return 0;
}

void frames_fini(struct thread_frames *threads, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(threads[i].frames);
		threads[i].frames = NULL;
		threads[i].n = 0;
	}
}

size_t frames_at(const struct thread_frames *thread, plat_addr at)
{
	size_t i = 0;

	if (thread->n == 0)
		return NO_FRAME;
	while (i + 1 < thread->n && thread->frames[i + 1].sp <= at)
		i++;
	/* Above the last one that was found there may be others. */
	return i + 1 < thread->n || thread->is_whole || at <= thread->frames[i].sp ? i : NO_FRAME;
}
