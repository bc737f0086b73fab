/*
 * What the kernel does (kernel/ptrace.c and kernel/signal.c of Linux 6.18) decides all of this:
 *
 * - A thread that is seized runs on; PTRACE_INTERRUPT makes it trap on its way to user mode, before
 *   it takes a signal. One that had already taken a signal out of its queue stops with it in hand;
 *   it gets it back, and is told to stop again.
 * - wait() takes a stop's code away, and with it the signal in hand: a tracer killed at that moment
 *   would have lost it. So stops are looked at with WNOWAIT, which leaves it there, and the thread
 *   takes it whether we live or not.
 * - A tracer that ends lets its threads go on (exit_ptrace), also those that were late, and tells
 *   the parents of those that have died. Nothing may be set that changes this: no
 *   PTRACE_O_EXITKILL.
 * - Threads in a group stop, as after SIGSTOP, trap too, and go back into it when they are let go.
 *
 * Threads are listed until a list, made while all that are known stand still, has no new one and
 * is as long as the kernel says that it should be: who stands still makes no threads.
 */
#include "source/stop.h"

#include "base/list.h"
#include "base/text.h"
#include "source/clock.h"
#include "source/threads.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIDS ((size_t)1 << 22) /* Linux include/linux/threads.h PID_MAX_LIMIT */
#define EVENT_STOP 128	       /* PTRACE_EVENT_STOP, which not all headers have */
#define NAP_FIRST 20000	       /* ns */
#define NAP_LAST (2 * NS_PER_MS)

/* --- why not --- */

static int refuse_traced(const struct procdir *dir, int tracer, struct error *err)
{
	char path[32], name[64] = "", shown[256];
	char *text;

	snprintf(path, sizeof(path), "%d/comm", tracer);
	if (procdir_read_root(dir, path, sizeof(name), &text, NULL) == 0) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, "\n"), text);
		free(text);
	}
	text_escape(name, shown, sizeof(shown), 0);
	return fail(err, -EBUSY, "%d: %d (%s) traces it already: it cannot be stopped by another",
		    dir->pid, tracer, shown);
}

/* The kernel has refused with `r` to let us trace this thread. 0: because it has ended. */
static int refuse(const struct procdir *dir, int tid, int r, struct error *err)
{
	char file[32], value[64];
	int tracer;

	if (r == -ESRCH)
		return 0;
	snprintf(file, sizeof(file), "task/%d/status", tid);
	procdir_line(dir, file, "\nState:", value, sizeof(value));
	if (!*value || *value == 'Z' || *value == 'X')
		return 0;
	procdir_line(dir, file, "\nTracerPid:", value, sizeof(value));
	tracer = atoi(value);
	if (tracer > 0)
		return refuse_traced(dir, tracer, err);
	return fail(err, -r, "%d: it cannot be stopped", dir->pid);
}

static int check_dir(const struct procdir *dir, struct error *err)
{
	if (!dir->live)
		return fail(err, -EROFS, "%d: what does not run cannot be stopped", dir->pid);
	if (dir->pid == getpid())
		return fail(err, -EDEADLK, "%d: plat cannot stop itself", dir->pid);
	if (!dir->is_here)
		return fail(err, -ENOTSUP,
			    "%d: it is in another namespace of processes: it cannot be stopped "
			    "from here",
			    dir->pid);
	return 0;
}

/* --- stopping --- */

static bool is_known(const struct stop *stop, int tid)
{
	return stop->known[(size_t)tid / 8] >> tid % 8 & 1;
}

/* Between the list and now its number may have become that of a thread of another process. */
static bool is_ours(const struct procdir *dir, int tid)
{
	char path[32];

	snprintf(path, sizeof(path), "task/%d", tid);
	return faccessat(dir->fd, path, F_OK, 0) == 0;
}

static int seize(struct stop *stop, int tid, struct error *err)
{
	struct stop_thread *thread;
	int r = list_reserve(&stop->threads, &stop->threads_room, stop->nthreads, 1);

	if (r < 0)
		return fail(err, -r, "%d: it cannot be stopped", stop->dir->pid);
	if (stop->began == 0)
		stop->began = clock_now();
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
		return refuse(stop->dir, tid, -errno, err);
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL); /* fails where it has ended since */
	stop->known[(size_t)tid / 8] |= (unsigned char)(1 << tid % 8);
	thread = &stop->threads[stop->nthreads++];
	*thread = (struct stop_thread){.tid = tid, .registers = REGISTERS_NONE};
	return 0;
}

struct listing {
	struct stop *stop;
	size_t nlisted;
	struct error *err;
};

static int take_tid(void *context, int tid)
{
	struct listing *listing = context;

	listing->nlisted++;
	if ((size_t)tid >= TIDS || is_known(listing->stop, tid))
		return 0;
	return seize(listing->stop, tid, listing->err);
}

/* It has a signal in hand: it gets that, and stops after it. */
static void give_back(const struct stop_thread *thread, int signal)
{
	ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL);
	ptrace(PTRACE_CONT, thread->tid, NULL, (void *)(intptr_t)signal);
}

static void look_at(struct stop_thread *thread)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)thread->tid, &info,
		   WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
		thread->state = STOP_GONE;
	else if (info.si_pid == 0)
		return;
	else if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED)
		thread->state = STOP_GONE;
	else if (info.si_status >> 8 == EVENT_STOP)
		thread->state = STOP_STOPPED;
	else
		give_back(thread, info.si_status & 0x7f);
}

/* How many have yet to stop. */
static size_t look_at_all(struct stop *stop)
{
	size_t i, n = 0;

	for (i = 0; i < stop->nthreads; i++) {
		if (stop->threads[i].state == STOP_COMING)
			look_at(&stop->threads[i]);
		n += stop->threads[i].state == STOP_COMING;
	}
	return n;
}

static void nap(uint64_t *ns)
{
	const struct timespec time = {.tv_nsec = (long)*ns};

	nanosleep(&time, NULL);
	*ns = min_u64(*ns * 2, NAP_LAST);
}

/* As long as one after the other stops there is patience; but not beyond the end. */
static size_t await_all(struct stop *stop, const struct stop_wait *wait)
{
	uint64_t rest = NAP_FIRST, last = clock_now(), now = last;
	size_t n = look_at_all(stop), before = n;

	while (n > 0 && now < wait->end && now - last < wait->patience) {
		nap(&rest);
		n = look_at_all(stop);
		now = clock_now();
		if (n < before)
			last = now;
		before = n;
	}
	return n;
}

/* What the kernel counts as the process's threads, those that have ended but one may be among them;
 * 0: unknown. */
static size_t count_threads(const struct procdir *dir)
{
	char value[32];

	procdir_line(dir, "status", "\nThreads:", value, sizeof(value));
	return strtoul(value, NULL, 10);
}

/* One list, and all that are new in it stopped. 1: perhaps there are more. */
static int stop_listed(struct stop *stop, const struct stop_wait *wait, struct error *err)
{
	struct listing listing = {.stop = stop, .err = err};
	size_t before = stop->nthreads;
	int r = threads_list(stop->dir, take_tid, &listing);

	if (r == -ENOENT || r == -ESRCH || listing.nlisted == 0)
		return fail(err, -ESRCH, "%d: it has ended", stop->dir->pid);
	if (r < 0)
		return r;
	stop->nlate = await_all(stop, wait);
	return stop->nthreads > before || count_threads(stop->dir) > listing.nlisted;
}

static const struct stop_thread *first_in(const struct stop *stop, enum stop_state state)
{
	size_t i;

	for (i = 0; i < stop->nthreads; i++)
		if (stop->threads[i].state == state)
			return &stop->threads[i];
	return NULL;
}

static void say_late(struct stop *stop)
{
	const struct stop_thread *late = first_in(stop, STOP_COMING);
	char file[32], value[64];
	int r;

	snprintf(file, sizeof(file), "task/%d/status", late->tid);
	procdir_line(stop->dir, file, "\nState:", value, sizeof(value));
	r = fail(&stop->why, -EBUSY, "%zu of its threads did not stop in time; the first is %d%s",
		 stop->nlate, late->tid,
		 *value == 'D' ? ", in a system call that cannot be interrupted" : "");
	(void)r;
}

static int stop_threads(struct stop *stop, const struct stop_wait *wait, struct error *err)
{
	uint64_t deadline = min_u64(clock_now() + wait->patience, wait->end);
	int r;

	do
		r = stop_listed(stop, wait, err);
	while (r > 0 && clock_now() < deadline);
	if (r < 0)
		return r;
	if (!first_in(stop, STOP_STOPPED) && !first_in(stop, STOP_COMING))
		return fail(err, -ESRCH, "%d: it has ended", stop->dir->pid);
	if (stop->nlate > 0)
		say_late(stop);
	else if (r > 0)
		r = fail(&stop->why, -EBUSY, "it makes threads faster than they can be stopped");
	return 0;
}

int stop_all(const struct procdir *dir, const struct stop_wait *wait, struct stop *ret,
	     struct error *err)
{
	struct stop stop = {.dir = dir};
	int r = check_dir(dir, err);

	if (r < 0)
		return r;
	stop.known = calloc(TIDS / 8, 1);
	if (!stop.known)
		return fail(err, ENOMEM, "%d: it cannot be stopped", dir->pid);
	r = stop_threads(&stop, wait, err);
	if (r < 0) {
		stop_release(&stop);
		stop_fini(&stop);
		return r;
	}
	*ret = stop;
	return 0;
}

/* --- and after --- */

int stop_take_registers(struct stop *stop)
{
	size_t i;

	for (i = 0; i < stop->nthreads; i++) {
		struct stop_thread *thread = &stop->threads[i];
		int r;

		if (thread->state != STOP_STOPPED || !is_ours(stop->dir, thread->tid))
			continue;
		r = registers_take(thread->tid, &thread->registers);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			thread->state = STOP_GONE;
	}
	return 0;
}

/* Who is not traced, or does not stand still, has no registers to be had. */
static int adopt(void *context, int tid)
{
	struct stop *stop = context;
	struct stop_thread thread = {.tid = tid, .state = STOP_STOPPED};
	int r = registers_take(tid, &thread.registers);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = list_reserve(&stop->threads, &stop->threads_room, stop->nthreads, 1);
	if (r < 0)
		registers_fini(&thread.registers);
	else
		stop->threads[stop->nthreads++] = thread;
	return r;
}

int stop_adopt(const struct procdir *dir, struct stop *ret, struct error *err)
{
	struct stop stop = STOP_NONE;
	int r = threads_list(dir, adopt, &stop);

	if (r < 0) {
		stop_fini(&stop);
		return fail(err, -r, "%d: its threads cannot be listed", dir->pid);
	}
	*ret = stop;
	return 0;
}

void stop_keep(struct stop *stop, int tid)
{
	stop->kept = tid;
}

void stop_release(struct stop *stop)
{
	size_t i;

	for (i = 0; i < stop->nthreads; i++) {
		if (stop->threads[i].tid == stop->kept)
			continue;
		if (stop->threads[i].state == STOP_COMING)
			look_at(&stop->threads[i]);
		ptrace(PTRACE_DETACH, stop->threads[i].tid, NULL, NULL);
	}
	if (stop->ended == 0)
		stop->ended = clock_now();
}

void stop_fini(struct stop *stop)
{
	size_t i;

	for (i = 0; i < stop->nthreads; i++)
		registers_fini(&stop->threads[i].registers);
	free(stop->threads);
	free(stop->known);
	*stop = STOP_NONE;
}
