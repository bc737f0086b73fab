/*
 * town - a small program with threads that uses everything an address space can hold.
 *
 * It is there to be looked at. It makes something of each kind, says "ready PID", and waits:
 *
 *     $ sleep 600 | ./town --list &
 *     $ plat map 4711
 *
 *     high addresses
 *     |  [stack]           main's                                                    |
 *     |  stacks and TLS    of the townspeople: baker, miller, smith, night-watch,    |
 *     |                    and a peddler who has left                                |
 *     |  special land      locked, guarded, sealed, reserved, huge, secret ...       |
 *     |  shared land       POSIX, SysV, memfd, anonymous; files, a device            |
 *     |  large blocks      mallocs that get a mapping of their own                   |
 *     |  [heap]            piles of sacks, every second one taken away               |
 *     |  the program       .text .rodata .tdata .data .bss                           |
 *     low addresses
 *
 * What the machine refuses is skipped with a reason. Always: what would outlive the process, a name
 * in /dev/shm or a file, stands in shm_name or file_path when it is made, and clean_up(), run by
 * each exit() and so by err(), takes it away. All the rest is left to the kernel.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of many C libraries; the same on x86, ARM and RISC-V. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447 /* Linux 5.14 */
#endif
#ifndef SYS_mseal
#define SYS_mseal 462 /* Linux 6.10 */
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define RW (PROT_READ | PROT_WRITE)
#define EXIT_USAGE 64

static bool listing, spinning;
static size_t page;
static char shm_name[32], file_path[PATH_MAX];

/* --- Telling, touching, mapping --- */

/* With --list, one line about a thing that we made. */
static void list(const char *kind, const void *start, size_t size, const char *name)
{
	uintmax_t at = (uintptr_t)start;

	if (listing)
		printf("%s 0x%jx 0x%jx %s\n", kind, at, at + size, name);
}

/* Whether a call succeeded. If not, says that we go on without a thing of this kind. */
static bool granted(int result, const char *kind, const char *call)
{
	const char *reason = strerror(errno);

	if (result >= 0)
		return true;
	if (listing)
		printf("skip %s %s: %s\n", kind, call, reason);
	warnx("skipped %s: %s: %s", kind, call, reason);
	return false;
}

/* Writes to each page; volatile, for the compiler would leave out what nobody reads. */
static void touch(void *start, size_t size)
{
	volatile char *at = start;

	for (size_t i = 0; i < size; i += page)
		at[i] = 't';
	at[size - 1] = 't';
}

/* Reads each page. */
static void look_at(const void *start, size_t size)
{
	const volatile char *at = start;

	for (size_t i = 0; i < size; i += page)
		(void)at[i];
}

/* Touches the first bytes of a thing and lists it. */
static void settle(const char *kind, void *start, size_t size, size_t touched, const char *name)
{
	touch(start, touched);
	list(kind, start, size, name);
}

/*
 * Maps private memory with free land on both sides: the kernel merges neighbours that have the same
 * rights, and a reader of the map would look for the second thing in vain.
 *
 *     |  free  | start ... start + size |  free  |
 *     raw                                        raw + whole
 *
 * The rights come last: if `raw` had them it would merge for a moment and keep flags for good.
 */
static char *map_apart(const char *kind, size_t size, size_t align, int rights, int flags)
{
	size_t whole = size + 2 * align, before;
	char *raw = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (raw == MAP_FAILED)
		err(1, "%s: mmap", kind);
	before = align - ((uintptr_t)raw & (align - 1));
	munmap(raw, before);
	munmap(raw + before + size, whole - before - size);
	if (mprotect(raw + before, size, rights) < 0)
		err(1, "%s: mprotect", kind);
	return raw + before;
}

static char *map_private(const char *kind, size_t size)
{
	return map_apart(kind, size, page, RW, 0);
}

/* Maps the start of a file, and closes it: the mapping is enough to keep it. */
static char *map_file(const char *kind, int fd, size_t size, int rights, int flags)
{
	char *start = mmap(NULL, size, rights, flags, fd, 0);

	if (start == MAP_FAILED)
		err(1, "%s: mmap", kind);
	close(fd);
	return start;
}

/* Gives a new file its size, and shares it with whoever opens it. */
static void share_file(const char *kind, int fd, size_t size, const char *name)
{
	/* Not ftruncate(): a store to a page for which the disk has no room would be SIGBUS. */
	errno = posix_fallocate(fd, 0, size);
	if (errno)
		err(1, "%s: posix_fallocate", kind);
	settle(kind, map_file(kind, fd, size, RW, MAP_SHARED), size, size, name);
}

/* --- The program itself --- */

static const unsigned chronicle[4096] = {[0 ... 4095] = 1291};
static unsigned prices[4096] = {[0 ... 4095] = 12};
static char fields[1 * MIB];
static _Thread_local char purse[2 * KIB] = "a penny";
static _Thread_local char debts[4 * KIB];
static _Thread_local char self[48]; /* "tid=4712 baker" */

/* Text, constants, data, and a .bss of which half stays untouched. */
static void use_image(void)
{
	extern const char _start[], etext[]; /* from the C library and the linker */

	look_at(chronicle, sizeof(chronicle));
	list("text", _start, (uintptr_t)etext - (uintptr_t)_start, "town");
	list("rodata", chronicle, sizeof(chronicle), "chronicle");
	settle("data", prices, sizeof(prices), sizeof(prices), "prices");
	settle("bss", fields, sizeof(fields), sizeof(fields) / 2, "fields");
}

/* Thread-local variables: the purse comes filled (.tdata), the debts start at nothing (.tbss). */
static void use_thread_locals(const char *name)
{
	snprintf(self, sizeof(self), "tid=%d %s", (int)gettid(), name);
	settle("tls", purse, sizeof(purse), sizeof(purse), self);
	settle("tls", debts, sizeof(debts), sizeof(debts), self);
}

/* Our own executable file once more, as data: the same file, but not the module. */
static void map_own_file(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	char *start;

	if (size < 0)
		err(1, "file-private: /proc/self/exe");
	start = map_file("file-private", fd, size, PROT_READ, MAP_PRIVATE);
	look_at(start, size);
	list("file-private", start, size, "/proc/self/exe");
}

/* --- malloc --- */

struct sack {
	struct sack *next;
};

/* Static, so that a search for leaks finds none. */
static struct sack *granary[5], *bakery;
static char *barns[2];

/*
 * Allocates n blocks of one size in a chain and frees every second one: no hole has a free
 * neighbour to become one with, so all of them stay.
 */
static struct sack *pile_up(int n, size_t size)
{
	struct sack *pile = NULL;

	while (n--) {
		struct sack *sack = malloc(size);

		if (!sack)
			err(1, "heap-block: malloc");
		memset(sack, 's', size);
		sack->next = pile;
		pile = sack;
	}
	for (struct sack *kept = pile; kept && kept->next; kept = kept->next) {
		struct sack *hole = kept->next;

		kept->next = hole->next;
		free(hole);
	}
	return pile;
}

/* Some MiB of small blocks at the break. Lists one of each size. */
static void fill_heap(void)
{
	static const struct {
		int n, size;
		const char *name;
	} piles[ARRAY_SIZE(granary)] = {
		{20000, 24, "sack of 24"},    {8000, 100, "sack of 100"},
		{2000, 600, "sack of 600"},   {300, 4000, "sack of 4000"},
		{20, 40000, "sack of 40000"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(piles); i++) {
		granary[i] = pile_up(piles[i].n, piles[i].size);
		list("heap-block", granary[i], piles[i].size, piles[i].name);
	}
}

/* Blocks so large that malloc maps each on its own: one in full use, one touched for a quarter. */
static void malloc_large(void)
{
	barns[0] = malloc(3 * MIB);
	barns[1] = malloc(16 * MIB);
	if (!barns[0] || !barns[1])
		err(1, "large: malloc");
	settle("large", barns[0], 3 * MIB, 3 * MIB, "full barn");
	settle("large", barns[1], 16 * MIB, 4 * MIB, "barn after a bad year");
}

/* --- Shared memory and files --- */

/*
 * POSIX shared memory: a file in /dev/shm that others can open by its name. A town that was killed
 * has left its own, and its PID comes again.
 */
static void share_posix(void)
{
	char name[sizeof(shm_name)];
	unsigned i;
	int fd = -1;

	for (i = 0; i < 100 && fd < 0 && (!i || errno == EEXIST); i++) {
		snprintf(name, sizeof(name), i ? "/plat-town-%d.%u" : "/plat-town-%d",
			 (int)getpid(), i);
		fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	}
	if (fd < 0)
		err(1, "shm-posix: shm_open %s", name);
	memcpy(shm_name, name, sizeof(name));
	share_file("shm-posix", fd, 128 * KIB, shm_name);
}

/* SysV shared memory. Marked for removal as soon as we are attached, it goes when we go. */
static void share_sysv(void)
{
	int id = shmget(IPC_PRIVATE, 96 * KIB, IPC_CREAT | 0600);
	void *start = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

	if (id >= 0)
		shmctl(id, IPC_RMID, NULL);
	if (start == (void *)-1)
		err(1, "shm-sysv");
	settle("shm-sysv", start, 96 * KIB, 96 * KIB, "IPC_PRIVATE");
}

/* A file that is only memory and has a name only for show. */
static void share_memfd(void)
{
	int fd = memfd_create("town-ledger", MFD_CLOEXEC);

	if (fd < 0)
		err(1, "memfd: memfd_create");
	share_file("memfd", fd, 64 * KIB, "town-ledger");
}

/* Shared memory without a name, for the children of a fork. */
static void share_anonymous(void)
{
	char *start = mmap(NULL, 256 * KIB, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED)
		err(1, "shm-anon: mmap");
	settle("shm-anon", start, 256 * KIB, 128 * KIB, "common");
}

/* Opens a new file and leaves its path in file_path. */
static int open_temporary(void)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	snprintf(file_path, sizeof(file_path), "%s/town-XXXXXX", dir && *dir ? dir : "/tmp");
	fd = mkostemp(file_path, O_CLOEXEC);
	if (fd < 0)
		err(1, "temporary file %s", file_path);
	return fd;
}

/* A file that has lost its name, as a library that was upgraded under a running program. */
static void share_deleted_file(void)
{
	int fd = open_temporary();

	unlink(file_path);
	share_file("file-deleted", fd, 32 * KIB, file_path);
}

/* One file mapped twice: shared, and private with one page made our own by a store. */
static void map_file_twice(void)
{
	int fd = open_temporary();
	char *start;

	share_file("file-shared", dup(fd), 64 * KIB, file_path);
	start = map_file("file-private", fd, 64 * KIB, RW, MAP_PRIVATE);
	look_at(start, 64 * KIB);
	settle("file-private", start, 64 * KIB, 1, file_path);
}

/* The only device that everybody may map everywhere. Its pages are anonymous, but it has a name. */
static void map_device(void)
{
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	char *start;

	if (!granted(fd, "device", "open /dev/zero"))
		return;
	start = map_file("device", fd, 64 * KIB, RW, MAP_PRIVATE);
	settle("device", start, 64 * KIB, 16 * KIB, "/dev/zero");
}

/* --- Special land; where the kernel refuses, it stays plain memory --- */

/* Memory that is never swapped out. */
static void lock_memory(void)
{
	char *start = map_private("locked", 64 * KIB);

	if (granted(mlock(start, 64 * KIB), "locked", "mlock"))
		list("locked", start, 64 * KIB, "iron chest");
}

/* Writable memory that was only read: each of its pages is the one page of zeros. */
static void read_only_zeros(void)
{
	char *start = map_private("zero", 64 * KIB);

	look_at(start, 64 * KIB);
	list("zero", start, 64 * KIB, "fallow land");
}

/* Memory with an advice to the kernel. */
static void advise(const char *kind, size_t size, size_t align, int advice, const char *name)
{
	char *start = map_apart(kind, size, align, RW, 0);

	if (granted(madvise(start, size, advice), kind, "madvise"))
		settle(kind, start, size, size, name);
}

/* A buffer between two pages without rights: three mappings. */
static void guard_by_rights(void)
{
	size_t size = 16 * page;
	char *start = map_apart("guard-none", size + 2 * page, page, PROT_NONE, 0) + page;

	if (mprotect(start, size, RW) < 0)
		err(1, "guard-none: mprotect");
	touch(start, size);
	list("guard-none", start - page, page, "moat below");
	list("guard-none", start + size, page, "moat above");
}

/* Guards that are marks in the page table, so that the mapping stays one. */
static void guard_by_madvise(void)
{
	char *start = map_private("guard-madvise", 16 * page), *guard = start + 8 * page;

	touch(start, 16 * page);
	if (granted(madvise(guard, 2 * page, MADV_GUARD_INSTALL), "guard-madvise", "madvise"))
		list("guard-madvise", guard, 2 * page, "pages 8 and 9 of 16");
}

/* Addresses kept for later: a GiB without rights costs nothing. A little of it is opened. */
static void reserve(void)
{
	char *start = map_apart("reserved", 1024 * MIB, page, PROT_NONE, MAP_NORESERVE);
	char *opened = start + 16 * MIB;

	if (mprotect(opened, 256 * KIB, RW) < 0)
		err(1, "opened: mprotect");
	list("reserved", start, 1024 * MIB, "land around the town");
	settle("opened", opened, 256 * KIB, 256 * KIB, "suburb");
}

/* A page that the kernel takes out of its own map: nobody else can read it, not even root. */
static void keep_secret(void)
{
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	char *start;

	if (!granted(fd, "secret", "memfd_secret"))
		return;
	start = ftruncate(fd, page) < 0 ? MAP_FAILED : mmap(NULL, page, RW, MAP_SHARED, fd, 0);
	if (granted(start == MAP_FAILED ? -1 : 0, "secret", "mmap"))
		settle("secret", start, page, page, "under the floor");
	close(fd);
}

/* A mapping that nobody can change or unmap until the process ends; 64 bits only. */
static void seal(void)
{
	char *start = map_private("sealed", 32 * KIB);

	if (granted((int)syscall(SYS_mseal, start, 32 * KIB, 0), "sealed", "mseal"))
		settle("sealed", start, 32 * KIB, 32 * KIB, "charter");
}

/* A mapping that grows to lower addresses when it is touched below, as [stack] does. */
static void map_growing(void)
{
	char *start = map_apart("growsdown", 64 * KIB, page, RW, MAP_GROWSDOWN);

	touch(start + 48 * KIB, 16 * KIB);
	list("growsdown", start, 64 * KIB, "well");
}

/* A page from the pool that the administrator has set aside, vm.nr_hugepages; often empty. */
static void map_hugetlb(void)
{
	int two_mib = 21 << 26; /* MAP_HUGE_2MB in linux/mman.h */
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | two_mib;
	char *start = mmap(NULL, 2 * MIB, RW, flags, -1, 0);

	if (granted(start == MAP_FAILED ? -1 : 0, "hugetlb", "mmap"))
		settle("hugetlb", start, 2 * MIB, 2 * MIB, "castle");
}

/* "return 42" in the language of this processor, or 0 where we do not speak it. */
static const unsigned char answer[] = {
#if defined(__x86_64__) || defined(__i386__)
	0xb8, 0x2a, 0, 0, 0, 0xc3, /* mov $42, %eax; ret */
#elif defined(__aarch64__)
	0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6, /* mov w0, #42; ret */
#elif defined(__riscv)
	0x13, 0x05, 0xa0, 0x02, 0x67, 0x80, 0, 0, /* li a0, 42; ret */
#else
	0
#endif
};

/* A function made while running, as a just-in-time compiler does, in memory with all rights. */
static void make_code(void)
{
	char *start = map_private("jit", 16 * KIB);

	memcpy(start, answer, sizeof(answer));
	__builtin___clear_cache(start, start + sizeof(answer));
	errno = ENOSYS;
	if (!granted(answer[0] ? mprotect(start, 16 * KIB, RW | PROT_EXEC) : -1, "jit", "mprotect"))
		return;
	if (((int (*)(void))start)() != 42)
		errx(1, "jit: the function that we made does not return 42");
	list("jit", start, 16 * KIB, "return 42");
}

/* --- The townspeople --- */

/* A malloc in a thread: glibc makes an arena for it, 64 MiB reserved and a little of it opened. */
static void bake(void)
{
	bakery = pile_up(1000, 200);
	list("heap-block", bakery, 200, self);
}

/* Goes 200 KiB deep and comes back: the stack has touched more than it uses. */
static __attribute__((noinline)) void dig(void)
{
	char shaft[200 * KIB];

	touch(shaft, sizeof(shaft));
}

static struct person {
	const char *name;
	size_t stack_size;  /* 0: what the C library gives */
	void (*work)(void); /* done before the next person wakes up */
	bool walks;	    /* with --spin never sleeps */
	pthread_t thread;
} people[] = {
	{.name = "baker", .work = bake},
	{.name = "miller", .stack_size = 256 * KIB},
	{.name = "smith", .stack_size = 1 * MIB, .work = dig},
	{.name = "night-watch", .walks = true},
};

static sem_t settled; /* posted by a thread that has made its things */

/* The stack of this thread without its guard. */
static void list_stack(void)
{
	pthread_attr_t attr;
	void *start;
	size_t size;

	errno = pthread_getattr_np(pthread_self(), &attr);
	if (errno)
		err(1, "thread-stack: pthread_getattr_np");
	pthread_attr_getstack(&attr, &start, &size);
	pthread_attr_destroy(&attr);
	list("thread-stack", start, size, self);
}

/* What a thread does until the process ends. */
static _Noreturn void *live(void *arg)
{
	const struct person *person = arg;
	volatile unsigned long steps = 0; /* a loop that does nothing would be left out */

	pthread_setname_np(pthread_self(), person->name);
	use_thread_locals(person->name);
	list_stack();
	if (person->work)
		person->work();
	sem_post(&settled);
	while (person->walks && spinning)
		steps++;
	for (;;)
		pause();
}

static void *pass_through(void *arg)
{
	pthread_setname_np(pthread_self(), "peddler");
	return arg;
}

static void start_thread(struct person *person, void *(*run)(void *))
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	if (person->stack_size)
		pthread_attr_setstacksize(&attr, person->stack_size);
	errno = pthread_create(&person->thread, &attr, run, person);
	if (errno)
		err(1, "thread-stack: pthread_create %s", person->name);
	pthread_attr_destroy(&attr);
}

/* Starts the threads one by one, so that their lines do not mix. */
static void wake_people(void)
{
	struct person peddler = {.name = "peddler"};

	sem_init(&settled, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(people); i++) {
		start_thread(&people[i], live);
		sem_wait(&settled);
	}
	/* Last, and gone at once: glibc keeps his stack for the next thread, but there is none. */
	start_thread(&peddler, pass_through);
	pthread_join(peddler.thread, NULL);
}

/* --- The day --- */

static void build_town(void)
{
	use_image();
	use_thread_locals("town");
	map_own_file();
	fill_heap();
	malloc_large();
	share_posix();
	share_sysv();
	share_memfd();
	share_anonymous();
	share_deleted_file();
	map_file_twice();
	map_device();
	lock_memory();
	read_only_zeros();
	advise("dontdump", 128 * KIB, page, MADV_DONTDUMP, "left out of core dumps");
	advise("huge", 4 * MIB, 2 * MIB, MADV_HUGEPAGE, "may become huge pages");
	advise("mergeable", 1 * MIB, page, MADV_MERGEABLE, "equal pages may become one");
	guard_by_rights();
	guard_by_madvise();
	reserve();
	keep_secret();
	seal();
	map_growing();
	map_hugetlb();
	make_code();
	wake_people();
}

static void clean_up(void)
{
	if (*shm_name)
		shm_unlink(shm_name);
	if (*file_path)
		unlink(file_path);
}

/* Signals that end us wait until wait_to_end() reads them here: none comes before clean_up(). */
static int hold_signals(void)
{
	sigset_t ends;
	int fd;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	sigaddset(&ends, SIGALRM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN); /* fflush() says it too */
	fd = signalfd(-1, &ends, SFD_CLOEXEC);
	if (fd < 0)
		err(1, "signalfd");
	return fd;
}

/* Returns when stdin ends or a signal is there. */
static void wait_to_end(int signals)
{
	struct pollfd fds[] = {
		{.fd = signals, .events = POLLIN},
		{.fd = STDIN_FILENO, .events = POLLIN},
	};
	char ignored[256];

	do {
		while (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			if (errno != EINTR)
				err(1, "poll");
	} while (!fds[0].revents && read(STDIN_FILENO, ignored, sizeof(ignored)) > 0);
}

static const char help[] =
	"Usage: town [--list] [--spin] [--for SECONDS]\n"
	"Makes something of each kind that an address space can hold, prints \"ready PID\", and\n"
	"waits to be looked at, until stdin or the time ends or SIGTERM, SIGINT or SIGHUP comes.\n"
	"\n"
	"  --list         before that, print a line for each thing, KIND START END NAME,\n"
	"                 and for what this machine refuses, skip KIND REASON\n"
	"  --spin         let the thread night-watch run instead of sleep\n"
	"  --for SECONDS  wait no longer than this\n"
	"  --help         print this\n"
	"\n"
	"KIND is text rodata data bss tls heap-block large shm-posix shm-sysv memfd shm-anon\n"
	"file-private file-shared file-deleted device locked dontdump huge mergeable guard-none\n"
	"guard-madvise reserved opened secret sealed growsdown hugetlb zero jit or thread-stack.\n"
	"In the background stdin is often empty and ends at once; use: sleep 600 | town &\n";

static unsigned parse_seconds(const char *text)
{
	char *rest;
	unsigned long seconds = strtoul(text, &rest, 10);

	if (strspn(text, "0123456789") != strlen(text) || *rest || !seconds || seconds > INT_MAX)
		errx(EXIT_USAGE, "--for takes a number of seconds above 0, not '%s'", text);
	return (unsigned)seconds;
}

/* Returns the seconds to wait, 0 for no limit. */
static unsigned parse_arguments(int argc, char **argv)
{
	static const struct option options[] = {
		{"list", no_argument, NULL, 'l'},
		{"spin", no_argument, NULL, 's'},
		{"for", required_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	unsigned seconds = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'l':
			listing = true;
			break;
		case 's':
			spinning = true;
			break;
		case 'f':
			seconds = parse_seconds(optarg);
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		default:
			exit(EXIT_USAGE); /* getopt_long() has said why */
		}
	}
	if (argv[optind])
		errx(EXIT_USAGE, "unexpected argument '%s'", argv[optind]);
	return (unsigned)seconds;
}

int main(int argc, char **argv)
{
	unsigned seconds = parse_arguments(argc, argv);
	int signals = hold_signals();

	page = sysconf(_SC_PAGESIZE);
	atexit(clean_up);
	build_town();
	printf("ready %d\n", (int)getpid());
	if (fflush(stdout) || ferror(stdout))
		err(1, "stdout");
	alarm(seconds);
	wait_to_end(signals);
	return 0;
}
