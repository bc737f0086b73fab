/*
 * What we learn of the command comes as statuses from waitpid(), announced by SIGCHLD:
 *
 *     a signal for it               handed on
 *     it stops, as by ^Z            left so (PTRACE_LISTEN), and plat stops too where a shell waits
 *     a new thread                  counted
 *     it executes a program         what was seen of the one before is forgotten
 *     a thread ends                 nothing, unless all end with it: then the last look is taken
 *
 * All threads are traced, because any of them can end the process, and because those that are not
 * are gone before the last look. Its child processes are not.
 *
 * Looks are kept in two places. `end` is the latest; `peak` is the one with the highest RSS before
 * it.
 */
#include "source/launch.h"

#include "base/addr.h"
#include "base/compiler.h"
#include "source/clock.h"
#include "source/facts.h"
#include "source/proc.h"
#include "source/procdir.h"

#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_SOONEST (5 * NS_PER_MS)
#define SAMPLE_LATEST (50 * NS_PER_MS)
#define SAMPLE_NEVER (1000 * NS_PER_MS) /* the clock is looked at, and nothing else */
#define REST 4				/* between two looks, in times of what the last one took */
#define CLEARLY_MORE 32			/* a 32th more */
#define SETTLE_TRIES 50			/* milliseconds for the other threads to reach their end */
#define STATUSES_AT_ONCE 256		/* before looking at the clock again */

struct watch {
	const struct launch *launch;
	struct launched *result;
	unsigned want;
	struct spawn spawn;
	struct spawned child;
	struct sigaction on_child; /* what plat had */
	sigset_t mask, taken;	   /* what plat had; what comes through `signals` instead */
	int signals;		   /* a signalfd */

	bool traced, runs, ended;
	bool ending, caught; /* the last look is due or done; and has succeeded */
	unsigned nthreads;
	int status;    /* of waitpid, when ended */
	unsigned came; /* signals that came to plat: a bit each */

	int stopped;	/* the signal that stopped it, or 0 */
	bool followed;	/* plat has stopped with it */
	bool asked;	/* plat was asked to stop by itself */
	bool continued; /* plat was told to go on */

	int looked; /* the thread that `dir` belongs to, one that still has memory; or 0 */
	struct procdir dir;
	uint64_t interval, next_sample, next_look; /* in ns of the monotonic clock */
};

/*
 * /proc/TID is there for every thread, although it is not listed, and has all that /proc/PID has.
 * The latter is empty once the main thread has ended, even if others go on.
 */
static void look_through(struct watch *watch, int tid)
{
	struct error err;

	procdir_close(&watch->dir);
	watch->looked = 0;
	if (tid == 0)
		return;
	if (procdir_open(NULL, tid, &watch->dir, &err) < 0) {
		watch->result->why = err;
		return;
	}
	watch->dir.pid = watch->child.pid;
	watch->looked = tid;
}

static bool is_thread(const struct watch *watch, int tid)
{
	return syscall(SYS_tgkill, watch->child.pid, tid, 0) == 0;
}

static char thread_state(const struct watch *watch, const char *tid)
{
	char path[300], *text;
	struct thread thread = {0};

	snprintf(path, sizeof(path), "task/%s/stat", tid);
	if (procdir_read(&watch->dir, path, 4096, &text, NULL) < 0)
		return 'X';
	if (facts_thread_stat(&thread, text) < 0)
		thread.state = 'X';
	free(text);
	return thread.state;
}

/* A thread other than `tid` in none of these states, or 0. */
static int other_thread(const struct watch *watch, int tid, const char *states)
{
	int fd = openat(watch->dir.fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC), found = 0;
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (!found && (entry = readdir(folder)) != NULL) {
		int other = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

		if (other && other != tid && !strchr(states, thread_state(watch, entry->d_name)))
			found = other;
	}
	closedir(folder);
	return found;
}

static void forget(struct space *space, bool *has)
{
	if (*has)
		space_fini(space);
	*has = false;
}

static void forget_looks(struct launched *result)
{
	forget(&result->end, &result->has_end);
	forget(&result->peak, &result->has_peak);
}

static bool same_program(const struct space *a, const struct space *b)
{
	return a->process.start_stack == b->process.start_stack &&
	       a->process.start_code == b->process.start_code;
}

static uint64_t rss(const struct space *space, bool has)
{
	return has && space->figures[VM_RSS] != UNKNOWN ? space->figures[VM_RSS] : 0;
}

static bool clearly_more(uint64_t a, uint64_t b)
{
	return a > b + b / CLEARLY_MORE;
}

static void keep(struct launched *result, const struct space *space)
{
	if (result->has_end && !same_program(&result->end, space))
		forget_looks(result);
	if (rss(&result->end, result->has_end) > rss(&result->peak, result->has_peak)) {
		forget(&result->peak, &result->has_peak);
		result->peak = result->end;
		result->has_peak = true;
		result->has_end = false;
	}
	forget(&result->end, &result->has_end);
	result->end = *space;
	result->has_end = true;
}

/* 0 or a negative errno. */
static int look(struct watch *watch, struct error *err)
{
	struct space space;
	uint64_t begin = clock_now(), end;
	int r;

	if (!watch->looked)
		return -ESRCH; /* look_through() has said why */
	r = proc_load(&watch->dir, watch->want, &space, err);
	if (r == 0)
		keep(watch->result, &space);
	end = clock_now();
	watch->next_look = end + REST * (end - begin);
	return r;
}

static uint64_t sample_rss(const struct watch *watch)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), pages = 0;
	char *text, *second;

	if (!watch->looked || procdir_read(&watch->dir, "statm", 4096, &text, NULL) < 0)
		return 0;
	second = strchr(text, ' ');
	if (second)
		pages = strtoull(second, NULL, 10);
	free(text);
	return pages * page;
}

/* Without ptrace any sample may be the last, so a look is taken each time. */
static void sample(struct watch *watch)
{
	const struct launched *result = watch->result;
	uint64_t known =
		max_u64(rss(&result->end, result->has_end), rss(&result->peak, result->has_peak));
	uint64_t found = sample_rss(watch);
	bool grows = clearly_more(found, known);
	struct error err;

	if (watch->launch->only_end) {
		watch->next_sample = clock_now() + SAMPLE_NEVER;
		return;
	}
	if (found && clock_now() >= watch->next_look && (grows || !watch->traced))
		look(watch, &err); /* a look that failed is one that was not taken */
	watch->interval = grows ? SAMPLE_SOONEST : min_u64(watch->interval * 5 / 4, SAMPLE_LATEST);
	watch->next_sample = clock_now() + watch->interval;
}

static void resume(int tid, int signal)
{
	/* A thread that is killed meanwhile cannot be resumed, and need not be. */
	ptrace(PTRACE_CONT, tid, NULL, (void *)(intptr_t)signal);
}

static bool is_32_bit(const struct watch *watch)
{
	int fd = procdir_open_file(&watch->dir, "exe");
	unsigned char class = ELFCLASS64;
	bool is = fd >= 0 && pread(fd, &class, 1, EI_CLASS) == 1 && class == ELFCLASS32;

	if (fd >= 0)
		close(fd);
	return is;
}

/* Whether a thread that is at its end has asked for its own alone, by exit(2). */
static bool ends_alone(const struct watch *watch, int tid)
{
	long number, exit_number = sizeof(long) == 8 && is_32_bit(watch) ? 1 : SYS_exit;
	char path[48], *text;

	snprintf(path, sizeof(path), "task/%d/syscall", tid);
	if (procdir_read(&watch->dir, path, 4096, &text, NULL) < 0)
		return false;
	number = isdigit((unsigned char)text[0]) ? strtol(text, NULL, 10) : -1;
	free(text);
	return number == exit_number;
}

/* The others have been told to end, but may not have got there: wait until they stand still. */
static void settle(const struct watch *watch, int tid)
{
	const struct timespec pause = {.tv_nsec = NS_PER_MS};
	int i;

	for (i = 0; i < SETTLE_TRIES && other_thread(watch, tid, "tZX"); i++)
		nanosleep(&pause, NULL);
}

static void take_last_look(struct watch *watch)
{
	const struct launch *launch = watch->launch;

	watch->caught = look(watch, &watch->result->why) == 0;
	if (watch->caught && launch->at_end)
		launch->at_end(launch->context, &watch->dir, &watch->result->end);
}

static void thread_ends(struct watch *watch, int tid)
{
	/* The count alone may be too low: of a thread that is gone before its creator's stop is
	 * looked at, nobody knows any more whether it was one. */
	bool alone =
		(watch->nthreads > 1 || other_thread(watch, tid, "ZX")) && ends_alone(watch, tid);

	if (watch->runs && !watch->ending && !alone) {
		watch->ending = true;
		settle(watch, tid);
		take_last_look(watch);
	}
	watch->nthreads -= watch->nthreads > 1;
	if (alone && tid == watch->looked)
		look_through(watch, other_thread(watch, tid, "ZX"));
	resume(tid, 0);
}

static void program_begins(struct watch *watch)
{
	forget_looks(watch->result);
	watch->runs = true;
	watch->ending = watch->caught = false;
	watch->nthreads = 1;
	look_through(watch, watch->child.pid);
}

static bool is_stop_signal(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

static void take_stop(struct watch *watch, int signal)
{
	watch->stopped = signal;
	if (!signal)
		watch->followed = false;
}

/* ptrace's own stop: a new thread's first, or job control. */
static void take_event_stop(struct watch *watch, int tid, int signal)
{
	if (!is_thread(watch, tid)) { /* clone() has made a process that does not look like one */
		ptrace(PTRACE_DETACH, tid, NULL, NULL);
	} else if (is_stop_signal(signal)) {
		take_stop(watch, signal);
		ptrace(PTRACE_LISTEN, tid, NULL, NULL);
	} else {
		take_stop(watch, 0);
		resume(tid, 0);
	}
}

static void take_event(struct watch *watch, int tid, int event, int signal)
{
	unsigned long created;

	switch (event) {
	case 0:
		resume(tid, signal);
		break;
	case PTRACE_EVENT_STOP:
		take_event_stop(watch, tid, signal);
		break;
	case PTRACE_EVENT_CLONE:
		if (ptrace(PTRACE_GETEVENTMSG, tid, NULL, &created) == 0)
			watch->nthreads += is_thread(watch, (int)created);
		resume(tid, 0);
		break;
	case PTRACE_EVENT_EXEC:
		program_begins(watch);
		resume(tid, 0);
		break;
	case PTRACE_EVENT_EXIT:
		thread_ends(watch, tid);
		break;
	default:
		resume(tid, 0);
		break;
	}
}

/* Returns whether there may be more. */
static bool take_statuses(struct watch *watch)
{
	struct rusage usage;
	int i, tid, status;

	for (i = 0; i < STATUSES_AT_ONCE && !watch->ended; i++) {
		tid = wait4(-1, &status, WNOHANG | WUNTRACED | WCONTINUED | __WALL, &usage);
		if (tid <= 0)
			return false;
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			watch->ended = tid == watch->child.pid;
			watch->status = status;
			if (watch->ended)
				watch->result->peak_rss = (uint64_t)usage.ru_maxrss * 1024;
		} else if (WIFSTOPPED(status) && watch->traced) {
			take_event(watch, tid, status >> 16, WSTOPSIG(status));
		} else if (tid == watch->child.pid) {
			take_stop(watch, WIFSTOPPED(status) ? WSTOPSIG(status) : 0);
		}
	}
	return !watch->ended;
}

static void take_signals(struct watch *watch)
{
	struct signalfd_siginfo info;

	while (read(watch->signals, &info, sizeof(info)) == sizeof(info)) {
		int signal = (int)info.ssi_signo;

		watch->came |= 1u << signal;
		if (is_stop_signal(signal))
			watch->asked = true;
		if (signal == SIGCONT) {
			watch->continued = true;
			watch->asked = false;
		}
		/* What the terminal sends goes to the command as well. */
		if ((signal == SIGTERM || signal == SIGHUP) && info.ssi_code != SI_KERNEL &&
		    !watch->ended)
			kill(watch->child.pid, signal);
	}
}

/* Whether a shell has made plat a job, and waits for it at the terminal. */
static bool leads_foreground(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	pid_t group = getpgrp();
	bool leads = fd >= 0 && group == getpid() && tcgetpgrp(fd) == group;

	if (fd >= 0)
		close(fd);
	return leads;
}

/*
 * A shell that waits for plat must see it stop when the command stops, or nobody would answer at
 * the terminal. plat does not stop before the command has: its handler may first have to restore
 * the terminal. Where no shell waits, the command's stops are not plat's business: whoever stops it
 * continues it, and plat must then be there.
 *
 * SIGTSTP instead of SIGSTOP, because the kernel drops it where nobody could continue us.
 */
static void stop_too(struct watch *watch)
{
	int signal = watch->stopped == SIGSTOP ? SIGTSTP : watch->stopped;
	struct sigaction stop = {.sa_handler = SIG_DFL}, before;
	sigset_t set;

	if (!signal || (!watch->asked && (watch->followed || !leads_foreground())))
		return;
	watch->followed = true;
	watch->asked = watch->continued = false;

	sigemptyset(&set);
	sigaddset(&set, signal);
	sigaction(signal, &stop, &before);
	kill(getpid(), signal);
	sigprocmask(SIG_UNBLOCK, &set, NULL); /* here plat stops, and goes on */
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(signal, &before, NULL);
}

/* A SIGCONT that went to the whole job has continued the command already: give it time to show. */
static void continue_it(struct watch *watch, bool idle)
{
	if (watch->continued && watch->stopped && !idle)
		return;
	if (watch->continued && watch->stopped)
		kill(watch->child.pid, SIGCONT);
	watch->continued = false;
}

static int milliseconds_left(const struct watch *watch)
{
	return (int)((sub_floored(watch->next_sample, clock_now()) + NS_PER_MS - 1) / NS_PER_MS);
}

/* Until the command has ended. A negative errno where it was never executed. */
static int watch_it(struct watch *watch, struct error *err)
{
	struct pollfd fds[] = {
		{.fd = watch->signals, .events = POLLIN},
		{.fd = watch->child.report, .events = POLLIN},
	};
	int state = SPAWN_WAITING;
	bool more = false, idle;

	watch->interval = SAMPLE_SOONEST;
	watch->next_sample = clock_now() + watch->interval;
	while (!watch->ended) {
		idle = poll(fds, ARRAY_SIZE(fds), more ? 0 : milliseconds_left(watch)) == 0;
		take_signals(watch);
		more = take_statuses(watch);
		if (state == SPAWN_WAITING) {
			state = spawn_ask(&watch->child, &watch->spawn, err);
			watch->runs |= state == SPAWN_RUNS;
			if (state != SPAWN_WAITING) {
				fds[1].fd = -1;
				watch->next_sample = 0; /* the first look may be the only one */
			}
		}
		stop_too(watch);
		continue_it(watch, idle);
		if (clock_now() < watch->next_sample || watch->ended)
			continue;
		if (watch->runs)
			sample(watch);
		else
			watch->next_sample = clock_now() + SAMPLE_LATEST;
	}
	return state;
}

/* From here until give_signals_back(), signals for plat wait in a descriptor. */
static int take_signals_over(struct watch *watch)
{
	static const int all[] = {SIGCHLD, SIGINT,  SIGQUIT, SIGTERM, SIGHUP,
				  SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGPIPE};
	/* Where SIGCHLD was ignored, children would end without a status. */
	struct sigaction usual = {.sa_handler = SIG_DFL};
	size_t i;

	sigemptyset(&watch->taken);
	for (i = 0; i < ARRAY_SIZE(all); i++)
		sigaddset(&watch->taken, all[i]);
	watch->signals = signalfd(-1, &watch->taken, SFD_NONBLOCK | SFD_CLOEXEC);
	if (watch->signals < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &watch->taken, &watch->mask);
	sigaction(SIGCHLD, &usual, &watch->on_child);
	watch->spawn.mask = watch->mask;
	watch->spawn.on_child = watch->on_child;
	return 0;
}

static void give_signals_back(struct watch *watch)
{
	take_signals(watch); /* what came while the command ran was meant for it */
	close(watch->signals);
	sigaction(SIGCHLD, &watch->on_child, NULL);
	sigprocmask(SIG_SETMASK, &watch->mask, NULL);
}

static int trace(const struct watch *watch, struct error *err)
{
	long options = PTRACE_O_TRACEEXIT | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE;

	if (ptrace(PTRACE_SEIZE, watch->child.pid, NULL, (void *)(intptr_t)options) < 0)
		return fail(err, errno, "it cannot be traced");
	return 0;
}

static void settle_result(struct watch *watch)
{
	struct launched *result = watch->result;
	int status = watch->status;

	result->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	result->dumped = WIFSIGNALED(status) && WCOREDUMP(status);
	result->interrupted =
		result->signal && result->signal < 32 && (watch->came & (1u << result->signal));
	if (watch->caught)
		result->why.text[0] = '\0';
	else if (!result->why.text[0])
		snprintf(result->why.text, sizeof(result->why.text), "it ended too suddenly");
	if (!clearly_more(rss(&result->peak, result->has_peak), rss(&result->end, result->has_end)))
		forget(&result->peak, &result->has_peak);
}

static int run(struct watch *watch, struct error *err)
{
	int r = spawn_start(&watch->spawn, &watch->child, err);

	if (r < 0)
		return r;
	if (!watch->launch->untraced)
		watch->traced = trace(watch, &watch->result->why) == 0;
	look_through(watch, watch->child.pid);
	if (watch->launch->begins)
		watch->launch->begins(watch->launch->context, watch->child.pid);
	spawn_go(&watch->child);
	r = watch_it(watch, err);
	spawn_fini(&watch->child);
	look_through(watch, 0);
	if (r >= 0)
		watch->result->state = (enum spawn_state)r;
	return r;
}

int launch_run(const struct launch *launch, struct launched *ret, struct error *err)
{
	struct launched result = {0};
	struct watch watch = {
		.launch = launch,
		.result = &result,
		.want = launch->want,
		.spawn = {.argv = launch->argv,
			  .environment = launch->environment,
			  .settings = launch->settings,
			  .stack = launch->stack},
		.dir = PROCDIR_CLOSED,
		.nthreads = 1,
	};
	int r = take_signals_over(&watch);

	if (r < 0)
		return fail(err, -r, "%s: cannot watch it", launch->argv[0]);
	r = run(&watch, err);
	give_signals_back(&watch);
	if (r < 0) {
		launched_fini(&result);
		return r;
	}
	settle_result(&watch);
	*ret = result;
	return 0;
}

void launched_fini(struct launched *launched)
{
	forget_looks(launched);
}

int launched_status(const struct launched *launched)
{
	switch (launched->state) {
	case SPAWN_NOT_FOUND:
		return 127;
	case SPAWN_NOT_EXECUTABLE:
		return 126;
	default:
		return launched->signal ? 128 + launched->signal : launched->exit_status;
	}
}

int launch_check(const struct launch *launch, struct error *err)
{
	struct spawn spawn = {.settings = launch->settings, .stack = launch->stack};

	return spawn_check(&spawn, err);
}
