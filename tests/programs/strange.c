/*
 * strange - does to its address space what programs rarely do, and says what it did.
 *
 * Each subcommand prints lines "KIND START END NAME" and then "ready PID", as town does, and waits
 * for a signal. They are the cases in which a reader of maps is easily wrong.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define HUGE (2 * MIB)
#define RW (PROT_READ | PROT_WRITE)

static size_t page;

static void list(const char *kind, const void *start, size_t size, const char *name)
{
	uintmax_t at = (uintptr_t)start;

	printf("%s 0x%jx 0x%jx %s\n", kind, at, at + size, name);
}

static void skip(const char *kind, const char *call)
{
	printf("skip %s %s: %s\n", kind, call, strerror(errno));
}

static void ready(void)
{
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
}

static char *map(size_t size, int rights, int flags, int fd)
{
	char *at = mmap(NULL, size, rights, flags, fd, 0);

	if (at == MAP_FAILED)
		err(1, "mmap");
	return at;
}

static char *map_anonymous(size_t size, int rights)
{
	return map(size, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void touch(char *at, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += page)
		*(volatile char *)(at + i) = 's';
}

static void look_at(const char *at, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += page)
		(void)*(const volatile char *)(at + i);
}

static sem_t settled;

static void name_self(const char *kind, const void *start, size_t size, const char *name)
{
	char text[64];

	snprintf(text, sizeof(text), "tid=%d %s", (int)gettid(), name);
	list(kind, start, size, text);
}

/* --- stacks: side by side in one mapping, with guards that are only marks (as glibc 2.42) --- */

struct bed {
	char *start;
	size_t size;
	const char *name;
};

static _Noreturn void *sleep_on(void *arg)
{
	const struct bed *bed = arg;

	name_self("thread-stack", bed->start, bed->size, bed->name);
	sem_post(&settled);
	for (;;)
		pause();
}

static void start_on(struct bed *bed, void *(*run)(void *))
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, bed->start, bed->size);
	errno = pthread_create(&thread, &attr, run, bed);
	if (errno)
		err(1, "pthread_create");
	sem_wait(&settled);
}

static void stacks(void)
{
	static struct bed beds[4];
	size_t size = 256 * KIB, guard = 4 * page, i;
	char *all = map_anonymous(4 * (size + guard), RW);

	/* A page between, or the kernel might join all this with what lies above. */
	map_anonymous(page, PROT_NONE);
	for (i = 0; i < 4; i++) {
		char *at = all + i * (size + guard);

		if (madvise(at, guard, MADV_GUARD_INSTALL) < 0)
			skip("guard", "madvise");
		else
			list("guard", at, guard, "below a stack");
		beds[i] = (struct bed){at + guard, size, "in one mapping"};
		start_on(&beds[i], sleep_on);
	}
}

/* --- odd-stacks: in .bss, in the heap, in shared memory; on a signal stack; a split main stack ---
 */

static char bed_in_bss[256 * KIB] __attribute__((aligned(4096)));

static void *on_signal_stack_stack;

static void stay(int signal)
{
	(void)signal;
	printf("elsewhere %d\n", (int)gettid());
	sem_post(&settled);
	for (;;)
		pause();
}

static void *go_to_signal_stack(void *arg)
{
	stack_t stack = {.ss_sp = on_signal_stack_stack, .ss_size = 64 * KIB};

	(void)arg;
	if (sigaltstack(&stack, NULL) < 0)
		err(1, "sigaltstack");
	raise(SIGUSR1);
	return NULL;
}

static void odd_stacks(void)
{
	struct sigaction action = {.sa_handler = stay, .sa_flags = SA_ONSTACK};
	static struct bed in_bss, in_heap;
	pthread_t thread;
	char *block;

	in_bss = (struct bed){bed_in_bss, sizeof(bed_in_bss), "in .bss"};
	start_on(&in_bss, sleep_on);
	block = sbrk(256 * (intptr_t)KIB + (intptr_t)page);
	block += page - ((uintptr_t)block & (page - 1));
	in_heap = (struct bed){block, 256 * KIB, "in the heap"};
	start_on(&in_heap, sleep_on);

	on_signal_stack_stack = map_anonymous(64 * KIB, RW);
	list("anon", on_signal_stack_stack, 64 * KIB, "a signal stack");
	sigaction(SIGUSR1, &action, NULL);
	if (pthread_create(&thread, NULL, go_to_signal_stack, NULL))
		errx(1, "pthread_create");
	sem_wait(&settled);
}

/* A page without rights in the main stack: only one of the three mappings is named [stack]. */
static void split_stack(void)
{
	char *here = (char *)((uintptr_t)__builtin_frame_address(0) & -page);
	char *closed = here - 8 * page;

	touch(here - 16 * page, 16 * page);
	if (mprotect(closed, page, PROT_NONE) < 0)
		err(1, "mprotect");
	list("guard", closed, page, "in the main stack");
	list("stack", here - 16 * page, 8 * page, "below it");
	list("stack", here - 7 * page, 7 * page, "above it");
}

/* The main thread runs on a stack that it made: a coroutine. */
static ucontext_t back, there;

static void in_coroutine(void)
{
	printf("elsewhere %d\n", (int)gettid());
	ready();
	for (;;)
		pause();
}

static void coroutine(void)
{
	char *stack = map_anonymous(256 * KIB, RW);

	list("anon", stack, 256 * KIB, "a coroutine's stack");
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = 256 * KIB;
	there.uc_link = &back;
	makecontext(&there, in_coroutine, 0);
	swapcontext(&back, &there);
}

/* --- huge: transparent and from the pool, full, half and zero --- */

static char *align_huge(size_t size)
{
	char *raw = map_anonymous(size + 2 * HUGE, PROT_NONE);
	char *at = (char *)(((uintptr_t)raw + HUGE) & -HUGE);

	if (mprotect(at, size, RW) < 0)
		err(1, "mprotect");
	return at;
}

static void transparent(void)
{
	char *full = align_huge(4 * HUGE), *zero = align_huge(2 * HUGE),
	     *cut = align_huge(2 * HUGE);

	madvise(full, 4 * HUGE, MADV_HUGEPAGE);
	full[0] = full[2 * HUGE] = 1;
	list("anon", full, 4 * HUGE, "two huge pages of four");
	madvise(zero, 2 * HUGE, MADV_HUGEPAGE);
	look_at(zero, HUGE);
	list("anon", zero, 2 * HUGE, "the huge page of zeros");
	/* A huge page mapped in pieces: half its entries are gone. */
	madvise(cut, 2 * HUGE, MADV_HUGEPAGE);
	cut[0] = 1;
	madvise(cut + HUGE / 2, HUGE / 2, MADV_DONTNEED);
	list("anon", cut, 2 * HUGE, "half of a huge page");
}

static void from_pool(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << 26;
	char *at = mmap(NULL, 2 * HUGE, RW, flags, -1, 0);
	int fd, id;

	if (at == MAP_FAILED) {
		skip("hugetlb", "mmap");
		return;
	}
	at[0] = 1;
	list("hugetlb", at, 2 * HUGE, "one of two");
	at = mmap(NULL, HUGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | 21 << 26, -1, 0);
	if (at != MAP_FAILED) {
		at[0] = 1;
		list("hugetlb", at, HUGE, "shared anonymous");
	} else {
		skip("hugetlb", "mmap shared");
	}
	fd = (int)syscall(SYS_memfd_create, "strange", MFD_HUGETLB | 21 << 26);
	if (fd >= 0 && ftruncate(fd, (off_t)HUGE) == 0) {
		at = map(HUGE, RW, MAP_SHARED, fd);
		at[0] = 1;
		list("hugetlb", at, HUGE, "memfd");
		at = map(HUGE, RW, MAP_PRIVATE, fd);
		at[0] = 1;
		list("hugetlb", at, HUGE, "memfd, private");
	} else {
		skip("hugetlb", "memfd_create");
	}
	id = shmget(IPC_PRIVATE, HUGE, IPC_CREAT | SHM_HUGETLB | 0600);
	at = id < 0 ? (char *)-1 : shmat(id, NULL, 0);
	if (id >= 0)
		shmctl(id, IPC_RMID, NULL);
	if (at != (char *)-1) {
		at[0] = 1;
		list("hugetlb", at, HUGE, "SysV");
	} else {
		skip("hugetlb", "shmget");
	}
}

static void huge(void)
{
	transparent();
	from_pool();
}

/* --- devices and other objects of the kernel --- */

static void perf(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_DUMMY,
				       .exclude_kernel = 1};
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	char *at;

	if (fd < 0) {
		skip("device", "perf_event_open");
		return;
	}
	at = mmap(NULL, 5 * page, RW, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		skip("device", "mmap perf");
		return;
	}
	look_at(at, 5 * page);
	list("device", at, 5 * page, "perf");
}

static void aio(void)
{
	unsigned long context = 0;

	if (syscall(SYS_io_setup, 64, &context) < 0) {
		skip("device", "io_setup");
		return;
	}
	list("device", (void *)context, page, "aio");
}

static void uring(void)
{
	unsigned params[30] = {0};
	int fd = (int)syscall(SYS_io_uring_setup, 8, params);
	char *at;

	if (fd < 0) {
		skip("device", "io_uring_setup");
		return;
	}
	at = mmap(NULL, page, RW, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (at == MAP_FAILED)
		skip("device", "mmap io_uring");
	else
		list("device", at, page, "io_uring");
}

static void physical(void)
{
	int fd = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	char *at;

	if (fd < 0) {
		skip("device", "/dev/mem");
		return;
	}
	at = mmap(NULL, 4 * page, PROT_READ, MAP_PRIVATE, fd, 0xf0000);
	if (at == MAP_FAILED)
		skip("device", "mmap /dev/mem");
	else
		list("device", at, 4 * page, "/dev/mem, private");
	at = mmap(NULL, 4 * page, PROT_READ, MAP_SHARED, fd, 0xf0000);
	if (at != MAP_FAILED)
		list("device", at, 4 * page, "/dev/mem, shared");
}

static void zero_device(void)
{
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	char *at = map(16 * page, RW, MAP_PRIVATE, fd);

	touch(at, 8 * page);
	list("device", at, 16 * page, "/dev/zero, private");
	at = map(16 * page, RW, MAP_SHARED, fd);
	touch(at, 8 * page);
	list("shm", at, 16 * page, "/dev/zero, shared");
	at = map(16 * page, PROT_NONE, MAP_SHARED, fd);
	list("shm", at, 16 * page, "/dev/zero, shared, closed");
}

/* Files in states that are seldom seen. */
static void files(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char *at;

	if (fd < 0 || ftruncate(fd, (off_t)(4 * page + 100)) < 0)
		err(1, "%s", path);
	at = map(16 * page, RW, MAP_PRIVATE, fd);
	touch(at, 2 * page);
	look_at(at, 4 * page);
	list("file", at, 16 * page, "larger than its file, two pages copied");
	at = map(4 * page, PROT_NONE, MAP_PRIVATE, fd);
	list("reserved", at, 4 * page, "file, closed");
	at = map(4 * page, RW, MAP_SHARED, fd);
	touch(at, page);
	mprotect(at, 4 * page, PROT_NONE);
	list("file", at, 4 * page, "shared file, closed");
	/* Closed after use: its pages stay. */
	at = map_anonymous(64 * page, RW);
	touch(at, 64 * page);
	mprotect(at, 64 * page, PROT_NONE);
	list("reserved", at, 64 * page, "closed after use");
	/* The end of the program's file once more, executable, at another place. */
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	at = map(4 * page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd);
	look_at(at, 2 * page);
	list("file", at, 4 * page, "own file as data, with the right to execute");
	at = map(4 * page, RW, MAP_PRIVATE, fd);
	touch(at, page);
	list("file", at, 4 * page, "own file as data, written to");
}

static void objects(const char *path)
{
	perf();
	aio();
	uring();
	physical();
	zero_device();
	files(path);
}

/* --- swap: pages that went out --- */

static void swap(void)
{
	int fd = (int)syscall(SYS_memfd_create, "swapped", MFD_CLOEXEC);
	char *at = map_anonymous(64 * page, RW), *shared;
	int status = MADV_PAGEOUT;

	touch(at, 64 * page);
	madvise(at, 32 * page, status);
	list("anon", at, 64 * page, "half of it in swap");
	if (ftruncate(fd, (off_t)(64 * page)) < 0)
		err(1, "ftruncate");
	shared = map(64 * page, RW, MAP_SHARED, fd);
	touch(shared, 64 * page);
	madvise(shared, 32 * page, status);
	list("shm", shared, 64 * page, "half of it in swap");
	shared = map(64 * page, RW, MAP_PRIVATE, fd);
	touch(shared + 48 * page, 16 * page);
	madvise(shared, 64 * page, status);
	list("shm", shared, 64 * page, "private, its copies in swap");
}

/* --- maps: n mappings, or as many as the kernel allows --- */

static void maps(size_t n)
{
	size_t i;
	char *at = map_anonymous(n * page, RW);

	for (i = 0; i < n; i += 2)
		if (mprotect(at + i * page, page, PROT_READ) < 0)
			break;
	for (i = 0; i < n; i += 64)
		*(volatile char *)(at + (i + 1) * page) = 1;
}

/* --- churn: threads come and go --- */

static void *pass(void *arg)
{
	volatile char deep[16 * 1024];

	deep[0] = deep[sizeof(deep) - 1] = 1;
	(void)deep[0];
	usleep((unsigned)(uintptr_t)arg);
	return NULL;
}

static void churn(void)
{
	pthread_t threads[8];
	unsigned i, round;

	ready();
	for (round = 0;; round++) {
		for (i = 0; i < 8; i++)
			if (pthread_create(&threads[i], NULL, pass, (void *)(uintptr_t)(i * 100)))
				errx(1, "pthread_create");
		for (i = 0; i < 8; i++)
			pthread_join(threads[i], NULL);
	}
}

/* --- exec: becomes the other program, and that one becomes this --- */

/*
 * strange exec A B: the program of this process is A and B in turn. Each maps memory that is named
 * after it, so that a reader can tell whether what it saw is of one program only.
 */
static _Noreturn void exec_on(char **argv)
{
	char *next[] = {argv[3], argv[1], argv[3], argv[2], argv[4], NULL};
	const char *mark = strrchr(argv[0], '/');
	int fd = (int)syscall(SYS_memfd_create, mark ? mark + 1 : argv[0], 0), i;

	for (i = 0; i < 200; i++) {
		if (ftruncate(fd, (off_t)page) < 0)
			err(1, "ftruncate");
		map(page, i % 2 ? PROT_READ : RW, MAP_SHARED, fd);
	}
	close(fd);
	usleep((unsigned)atoi(argv[4]));
	execv(next[0], next);
	err(1, "execv %s", next[0]);
}

/* --- leader: the first thread has ended, the others have not --- */

static _Noreturn void *stay_on(void *arg)
{
	(void)arg;
	usleep(100000);
	ready();
	for (;;)
		pause();
}

static void leader(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, stay_on, NULL))
		errx(1, "pthread_create");
	pthread_exit(NULL);
}

/* --- shared-space: another process in the same address space, as vfork() makes --- */

static _Noreturn int live_in_it(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

static void shared_space(void)
{
	char *stack = map_anonymous(64 * KIB, RW);
	int pid = clone(live_in_it, stack + 64 * KIB, CLONE_VM | SIGCHLD, NULL);

	if (pid < 0)
		err(1, "clone");
	list("anon", stack, 64 * KIB, "stack of a process that shares our memory");
	printf("child %d\n", pid);
}

static void zombie(void)
{
	int pid = fork();

	if (pid == 0)
		_exit(0);
	usleep(50000);
	printf("zombie %d\n", pid);
}

static void wait_to_end(void)
{
	ready();
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	page = (size_t)sysconf(_SC_PAGESIZE);
	sem_init(&settled, 0, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(what, "exec") == 0 && argc == 5)
		exec_on(argv);
	else if (strcmp(what, "stacks") == 0)
		stacks();
	else if (strcmp(what, "odd-stacks") == 0)
		odd_stacks();
	else if (strcmp(what, "split-stack") == 0)
		split_stack();
	else if (strcmp(what, "coroutine") == 0)
		coroutine();
	else if (strcmp(what, "huge") == 0)
		huge();
	else if (strcmp(what, "objects") == 0 && argc == 3)
		objects(argv[2]);
	else if (strcmp(what, "swap") == 0)
		swap();
	else if (strcmp(what, "maps") == 0)
		maps(argc > 2 ? (size_t)atoi(argv[2]) : 70000);
	else if (strcmp(what, "churn") == 0)
		churn();
	else if (strcmp(what, "leader") == 0)
		leader();
	else if (strcmp(what, "shared-space") == 0)
		shared_space();
	else if (strcmp(what, "zombie") == 0)
		zombie();
	else if (*what)
		errx(64, "%s: no such thing", what);
	wait_to_end();
}
