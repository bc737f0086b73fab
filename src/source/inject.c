/*
 * What the helper does with the thread that it has borrowed:
 *
 *     trap           its registers, vectors and signal mask are kept; nearly all signals blocked
 *     registers set, PTRACE_SYSCALL
 *     entry, exit    of each system call: the one that was wanted, or those of the function
 *     PTRACE_INTERRUPT, PTRACE_CONT
 *     trap           all is put back, and the thread let go
 *
 * It has to end in a trap of the same sort as it began in: only there the kernel looks whether a
 * system call that was interrupted is to be done again, and finds the one that was.
 *
 * No signal is used to come back from a function: it returns to an instruction that is a system
 * call, and is noticed at its entry.
 */
#include "source/inject_parts.h"

#include "source/inject.h"

#include "source/clock.h"
#include "source/maps.h"
#include "source/registers_parts.h"
#include "source/stop.h"
#include "source/unwind.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE (2 * NS_PER_S)
#define FD_PATIENCE (10 * NS_PER_S) /* for a helper that makes a userfaultfd */
#define EVENT_STOP 128
#define USER_MODE_ONLY 1	     /* Linux 5.11 linux/userfaultfd.h */
#define CODE_MOST ((size_t)1 << 20)  /* bytes of a mapping in which an instruction is looked for */
#define STACK_MOST ((size_t)8 << 20) /* of a stack that is looked through */
#define STACK_ROOM 16384	     /* that a function needs */

/* What the helper is to do, and what it says at its end. */
struct job {
	const struct procdir *dir;
	const struct inject_call *call; /* NULL: a userfaultfd */
	struct unwind *unwind;		/* or NULL */
};

struct reply {
	int result;
	struct inject_told told;
	struct error err;
};

/* --- the borrowed thread --- */

enum stopped_at { AT_CALL, AT_TRAP, AT_SIGNAL, AT_END };

static enum stopped_at go_on(const struct borrowed *borrowed, int request)
{
	siginfo_t info = {0};
	int r;

	if (ptrace(request, borrowed->tid, NULL, NULL) < 0)
		return AT_END;
	do
		r = waitid(P_PID, (id_t)borrowed->tid, &info,
			   WSTOPPED | WEXITED | WNOWAIT | __WALL);
	while (r < 0 && errno == EINTR);
	if (r < 0 || info.si_code != CLD_TRAPPED)
		return AT_END;
	if (info.si_status >> 8 == EVENT_STOP)
		return AT_TRAP;
	return info.si_status == (SIGTRAP | 0x80) ? AT_CALL : AT_SIGNAL;
}

/* 0 at the next entry or exit of a system call; a stop by its user changes nothing. */
static int to_call(const struct borrowed *borrowed)
{
	enum stopped_at at;

	do
		at = go_on(borrowed, PTRACE_SYSCALL);
	while (at == AT_TRAP);
	if (at == AT_CALL)
		return 0;
	return at == AT_END ? -ESRCH : -EFAULT;
}

/* From a stop at a call to a trap, without an instruction in between. */
static int to_trap(const struct borrowed *borrowed)
{
	enum stopped_at at;

	ptrace(PTRACE_INTERRUPT, borrowed->tid, NULL, NULL);
	do
		at = go_on(borrowed, PTRACE_CONT);
	while (at == AT_CALL);
	if (at == AT_TRAP)
		return 0;
	return at == AT_END ? -ESRCH : -EFAULT;
}

static int take_set(struct borrowed *borrowed, int set, size_t at, size_t *size)
{
	/* The kernel takes whole words only. */
	struct iovec all = {borrowed->bytes + at,
			    align_down(sizeof(borrowed->bytes) - at, sizeof(uint64_t))};

	if (ptrace(PTRACE_GETREGSET, borrowed->tid, (void *)(intptr_t)set, &all) < 0)
		return -errno;
	*size = all.iov_len;
	return 0;
}

static int put_set(const struct borrowed *borrowed, int set, size_t at, size_t size)
{
	struct iovec all = {(void *)(borrowed->bytes + at), size};

	if (ptrace(PTRACE_SETREGSET, borrowed->tid, (void *)(intptr_t)set, &all) < 0)
		return -errno;
	return 0;
}

/* What it has; nothing is changed. */
static int look_at_thread(int tid, struct borrowed *ret)
{
	int r;

	ret->tid = tid;
	r = take_set(ret, NT_PRSTATUS, 0, &ret->general);
	if (r == 0)
		r = take_set(ret, registers_vector_set, ret->general, &ret->vector);
	if (r == 0 && ptrace(PTRACE_GETSIGMASK, tid, (void *)sizeof(ret->mask), &ret->mask) < 0)
		r = -errno;
	return r;
}

/* Those that a fault of its own raises stay: the kernel would reset their handlers. */
static int begin_borrowing(const struct borrowed *borrowed)
{
	static const int kept[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
	uint64_t mask = UINT64_MAX;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kept); i++)
		mask &= ~(UINT64_C(1) << (kept[i] - 1));
	if (ptrace(PTRACE_SETOPTIONS, borrowed->tid, NULL, (void *)PTRACE_O_TRACESYSGOOD) < 0 ||
	    ptrace(PTRACE_SETSIGMASK, borrowed->tid, (void *)sizeof(mask), &mask) < 0)
		return -errno;
	return 0;
}

static int end_borrowing(const struct borrowed *borrowed)
{
	uint64_t mask = borrowed->mask;
	int r = put_set(borrowed, registers_vector_set, borrowed->general, borrowed->vector);

	if (r == 0)
		r = put_set(borrowed, NT_PRSTATUS, 0, borrowed->general);
	if (ptrace(PTRACE_SETSIGMASK, borrowed->tid, (void *)sizeof(mask), &mask) < 0 && r == 0)
		r = -errno;
	return r;
}

static int do_call(const struct borrowed *borrowed, enum inject_system_call call,
		   const uint64_t arg[3], int64_t *ret)
{
	struct inject_stop at;
	int r = inject_set_call(borrowed, call, arg);

	if (r == 0)
		r = to_call(borrowed);
	if (r == 0)
		r = to_call(borrowed);
	if (r == 0)
		r = inject_look(borrowed, &at);
	if (r == 0)
		*ret = at.value;
	return r < 0 ? r : to_trap(borrowed);
}

/* Its own system calls pass by, entry and exit; the last entry is at our instruction. */
static int finish_function(const struct borrowed *borrowed, plat_addr sp, int64_t *ret)
{
	struct inject_stop at;
	int r;

	for (;;) {
		r = to_call(borrowed);
		if (r == 0)
			r = inject_look(borrowed, &at);
		if (r < 0)
			return r;
		if (at.pc == borrowed->code && at.sp == sp)
			break;
		r = to_call(borrowed);
		if (r < 0)
			return r;
	}
	*ret = at.number;
	r = inject_skip(borrowed);
	return r < 0 ? r : to_trap(borrowed);
}

/* --- which thread --- */

static bool read_process(const struct procdir *dir, plat_addr from, void *to, size_t size)
{
	struct iovec ours = {to, size}, theirs = {(void *)(uintptr_t)from, size};

	return process_vm_readv(dir->pid, &ours, 1, &theirs, 1, 0) == (ssize_t)size;
}

struct search {
	const struct procdir *dir;
	plat_addr code;
};

static void look_for_code(struct search *search, const struct maps_line *line)
{
	size_t size = (size_t)min_u64(line->end - line->start, CODE_MOST);
	unsigned char *bytes = malloc(size), *found;

	if (bytes && read_process(search->dir, line->start, bytes, size)) {
		found = memmem(bytes, size, inject_code, inject_code_bytes);
		if (found)
			search->code = line->start + (plat_addr)(found - bytes);
	}
	free(bytes);
}

static bool take_vdso(void *context, const struct maps_line *line)
{
	struct search *search = context;

	if ((line->rights & RIGHT_EXEC) && strcmp(line->name, "[vdso]") == 0)
		look_for_code(search, line);
	return search->code != 0;
}

static bool take_code(void *context, const struct maps_line *line)
{
	struct search *search = context;

	if ((line->rights & RIGHT_EXEC) && (line->rights & RIGHT_READ) && line->inode)
		look_for_code(search, line);
	return search->code != 0;
}

static plat_addr find_code(const struct procdir *dir)
{
	struct search search = {.dir = dir};

	if (inject_code_bytes == 0)
		return 0;
	if (maps_each(dir, take_vdso, &search) == 0 && !search.code &&
	    maps_each(dir, take_code, &search) < 0)
		return 0;
	return search.code;
}

/*
 * In the middle of a sequence that the kernel is to begin anew when the thread is disturbed (rseq),
 * it would not be begun anew: the kernel would see where the call is, and not where the thread was.
 */
static bool is_in_sequence(const struct procdir *dir, int tid)
{
	struct {
		uint64_t address;
		uint32_t size, signature, flags, pad;
	} rseq = {0};
	uint64_t sequence = 1;

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, tid, (void *)sizeof(rseq), &rseq) < 0)
		return errno != EINVAL && errno != EIO; /* Linux before 5.13 cannot say */
	if (rseq.address == 0)
		return false;
	return !read_process(dir, rseq.address + 8, &sequence, sizeof(sequence)) || sequence != 0;
}

struct stack {
	plat_addr sp, start, end;
};

static bool take_stack(void *context, const struct maps_line *line)
{
	struct stack *stack = context;

	if (stack->sp < line->start || stack->sp >= line->end || !(line->rights & RIGHT_WRITE))
		return false;
	stack->start = line->start;
	stack->end = line->end;
	return true;
}

/* No word above has an address of what is to be avoided; of what is too much, nobody knows. */
static bool is_clear(const struct procdir *dir, const struct stack *stack,
		     const struct inject_call *call)
{
	size_t size = (size_t)(stack->end - stack->sp), i;
	uint64_t *words = size <= STACK_MOST ? malloc(size + 1) : NULL;
	bool clear = words && read_process(dir, stack->sp, words, size);

	for (i = 0; clear && i < size / sizeof(*words); i++)
		clear = words[i] < call->avoid_start || words[i] >= call->avoid_end;
	free(words);
	return clear;
}

/* What is on the stack may be left over from calls that have ended: frames say it exactly. */
static bool has_good_stack(const struct job *job, const struct borrowed *borrowed)
{
	const struct inject_call *call = job->call;
	struct stack stack = {.sp = align_up(inject_stack(borrowed), sizeof(uint64_t))};

	if (maps_each(job->dir, take_stack, &stack) < 0 || stack.end == 0 ||
	    stack.sp - stack.start < STACK_ROOM)
		return false;
	return call->avoid_start == call->avoid_end || is_clear(job->dir, &stack, call) ||
	       (job->unwind &&
		unwind_avoids(job->unwind, borrowed->tid, borrowed->bytes, borrowed->general,
			      call->avoid_start, call->avoid_end));
}

static bool is_fit(const struct job *job, const struct borrowed *borrowed)
{
	if (!inject_fits(borrowed->general))
		return false;
	if (job->call)
		return inject_is_waiting(borrowed) && has_good_stack(job, borrowed);
	return inject_is_in_call(borrowed) || !is_in_sequence(job->dir, borrowed->tid);
}

static int choose_thread(const struct job *job, const struct stop *stop, struct borrowed *ret,
			 struct error *err)
{
	bool is_narrow = false;
	size_t i;

	ret->code = find_code(job->dir);
	if (!ret->code)
		return fail(err, -ENOTSUP, "%d: no call can be made in it: not on this processor",
			    job->dir->pid);
	for (i = 0; i < stop->nthreads; i++) {
		if (stop->threads[i].state != STOP_STOPPED ||
		    look_at_thread(stop->threads[i].tid, ret) < 0)
			continue;
		if (is_fit(job, ret))
			return 0;
		is_narrow |= !inject_fits(ret->general);
	}
	if (is_narrow)
		return fail(err, -ENOTSUP, "%d: a call can be made in 64-bit programs only",
			    job->dir->pid);
	return fail(err, -EAGAIN,
		    "%d: none of its threads is where a call could be made now: try again",
		    job->dir->pid);
}

/* --- the helper --- */

/* Only /proc/PID/status says what would make a call deadly. */
static int check_process(const struct procdir *dir, struct error *err)
{
	char value[128];

	procdir_line(dir, "status", "\nSeccomp:", value, sizeof(value));
	if (atoi(value) != 0)
		return fail(err, -EPERM,
			    "%d: it is confined by seccomp, and might be killed for a call that "
			    "it did not make itself",
			    dir->pid);
	procdir_line(dir, "status", "\nx86_Thread_features:", value, sizeof(value));
	if (strstr(value, "shstk"))
		return fail(err, -ENOTSUP, "%d: it has shadow stacks: no call can be made in it",
			    dir->pid);
	return 0;
}

static int bring(const struct procdir *dir, int64_t fd, struct error *err)
{
	int pidfd = (int)syscall(SYS_pidfd_open, dir->pid, 0), ours = -1, error = errno;

	if (pidfd >= 0) {
		ours = (int)syscall(SYS_pidfd_getfd, pidfd, (int)fd, 0);
		error = errno;
		close(pidfd);
	}
	if (ours < 0)
		return fail(err, error, "%d: its userfaultfd cannot be brought here", dir->pid);
	return ours;
}

/* A descriptor, made and closed there. */
static int make_userfaultfd(const struct job *job, const struct borrowed *borrowed,
			    struct error *err)
{
	const uint64_t flags[3] = {O_CLOEXEC | O_NONBLOCK | USER_MODE_ONLY};
	int64_t there, closed = 0;
	int r = do_call(borrowed, INJECT_USERFAULTFD, flags, &there), ours;

	if (r == 0 && there < 0)
		return fail(err, (int)-there, "%d: it cannot make a userfaultfd", job->dir->pid);
	if (r < 0)
		return fail(err, -r, "%d: the call could not be made", job->dir->pid);
	ours = bring(job->dir, there, err);
	r = do_call(borrowed, INJECT_CLOSE, (uint64_t[3]){(uint64_t)there}, &closed);
	if (r < 0 && ours >= 0) {
		close(ours);
		return fail(err, -r, "%d: the call could not be made", job->dir->pid);
	}
	return ours;
}

static int call_function(const struct job *job, const struct borrowed *borrowed, struct stop *stop,
			 struct inject_told *told, struct error *err)
{
	plat_addr sp;
	int r = inject_set_function(borrowed, job->call->function, job->call->argument, &sp);

	if (r < 0)
		return fail(err, -r, "%d: the function could not be called", job->dir->pid);
	/* From here on it is one thread among others, which may hold what it waits for. */
	stop_keep(stop, borrowed->tid);
	stop_release(stop);
	r = finish_function(borrowed, sp, &told->value);
	told->value = (int32_t)told->value;
	if (r < 0)
		return fail(
			err, r == -EFAULT ? -EFAULT : -r,
			r == -EFAULT
				? "%d: the function has found its state damaged: its thread was "
				  "restored, but may hold a lock"
				: "%d: it has ended meanwhile",
			job->dir->pid);
	return 0;
}

/* 0, or a descriptor; or a negative errno. */
static int do_job(const struct job *job, struct inject_told *told, struct error *err)
{
	const struct stop_wait wait = {.patience = PATIENCE, .end = UINT64_MAX};
	struct borrowed borrowed = {.tid = 0};
	struct stop stop;
	int r = stop_all(job->dir, &wait, &stop, err), restored;

	if (r < 0)
		return r;
	r = choose_thread(job, &stop, &borrowed, err);
	if (r == 0) {
		told->tid = borrowed.tid;
		restored = begin_borrowing(&borrowed);
		r = restored < 0 ? fail(err, -restored, "%d: no call can be made", job->dir->pid)
		    : job->call	 ? call_function(job, &borrowed, &stop, told, err)
				 : make_userfaultfd(job, &borrowed, err);
		restored = end_borrowing(&borrowed);
		if (restored < 0 && r >= 0)
			r = fail(err, -restored, "%d: its thread could not be restored",
				 job->dir->pid);
		ptrace(PTRACE_DETACH, borrowed.tid, NULL, NULL);
	}
	stop_release(&stop);
	told->pause = stop.ended - stop.began;
	stop_fini(&stop);
	return r;
}

/* What plat is told at the end; if it is gone, nobody. */
static void send_reply(int to, struct reply *reply)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.room = {0}};
	struct iovec bytes = {reply, sizeof(*reply)};
	struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

	if (reply->result > 0) {
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		control.header = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(&control.header), &reply->result, sizeof(int));
	}
	sendmsg(to, &message, MSG_NOSIGNAL);
}

/* It shares nothing with plat's terminal, and holds none of its pipes open. */
_Noreturn static void help(struct job *job, int to)
{
	struct reply reply = {.result = 0};
	int null = open("/dev/null", O_RDWR), i;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	for (i = 0; null >= 0 && i < 3; i++)
		dup2(null, i);
	if (job->call && job->call->avoid_start < job->call->avoid_end)
		job->unwind = unwind_new(job->dir->pid);
	reply.result = do_job(job, &reply.told, &reply.err);
	send_reply(to, &reply);
	_exit(0);
}

/* --- plat --- */

static int receive(int from, struct reply *reply, uint64_t patience)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec bytes = {reply, sizeof(*reply)};
	struct msghdr message = {.msg_iov = &bytes,
				 .msg_iovlen = 1,
				 .msg_control = control.room,
				 .msg_controllen = sizeof(control.room)};
	struct pollfd wait = {.fd = from, .events = POLLIN};
	uint64_t until = clock_now() + patience;
	int r;

	do
		r = poll(&wait, 1,
			 (int)min_u64((sub_floored(until, clock_now()) + NS_PER_MS - 1) / NS_PER_MS,
				      INT32_MAX));
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return -ETIMEDOUT;
	if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(*reply))
		return -EPIPE;
	if (reply->result > 0)
		memcpy(&reply->result, CMSG_DATA(&control.header), sizeof(int));
	return 0;
}

static int run_helper(struct job *job, uint64_t patience, struct inject_told *told,
		      struct error *err)
{
	struct reply reply = {.result = 0};
	int pair[2], pid, r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(err, errno, "a helper cannot be started");
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		help(job, pair[1]);
	}
	r = pid < 0 ? -errno : 0;
	close(pair[1]);
	if (r == 0)
		r = receive(pair[0], &reply, patience);
	close(pair[0]);
	if (r != -ETIMEDOUT && pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	*told = reply.told;
	told->is_late = r == -ETIMEDOUT;
	if (r == -EPIPE)
		return fail(err, -EPIPE, "%d: the helper that was to make a call in it has ended",
			    job->dir->pid);
	if (r == -ETIMEDOUT && job->call)
		return 0;
	if (r < 0)
		return fail(err, -r, "%d: a helper that was to make a call in it", job->dir->pid);
	if (reply.result < 0)
		return fail(err, reply.result, "%s", reply.err.text);
	return reply.result;
}

int inject_userfaultfd(const struct procdir *dir, struct inject_told *told, struct error *err)
{
	struct job job = {.dir = dir};
	int r = check_process(dir, err);

	return r < 0 ? r : run_helper(&job, FD_PATIENCE, told, err);
}

int inject_function(const struct procdir *dir, const struct inject_call *call,
		    struct inject_told *told, struct error *err)
{
	struct job job = {.dir = dir, .call = call};
	int r = check_process(dir, err);

	return r < 0 ? r : run_helper(&job, call->most, told, err);
}
