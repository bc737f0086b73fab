#include "world.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM_DESCRIPTOR (RING_DESCRIPTOR + 1)
#define NOBODY 65534
#define CAP_IPC_LOCK_NUMBER 14
#define PATIENCE_SECONDS 20

/*
 * The process, from fork to exec. What fails here ends it: the parent sees that it never listens.
 */

static void write_small_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		errno = 0; /* a convenience only */
	if (fd >= 0)
		close(fd);
}

static void must_work(long r)
{
	if (r < 0)
		_exit(102);
}

/* Above all numbers that are wanted, so that none is overwritten before it was moved. */
static int move_high(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 64);
}

static void arrange_descriptors(const struct world *world)
{
	const struct host *host = world->host;
	int from[PROGRAM_DESCRIPTOR + 1], i;

	for (i = 0; i <= PROGRAM_DESCRIPTOR; i++)
		from[i] = -1;
	for (i = HOST_MEMFD; i < HOST_FILES_END; i++)
		from[i] = host_is_new_file((enum host_file)i)
				  ? host_new_file(host, (enum host_file)i)
				  : host->descriptors[i];
	from[RING_DESCRIPTOR] = world->ring_descriptor;
	from[PROGRAM_DESCRIPTOR] = world->setting.bits == 32 ? host->child32 : host->child64;
	for (i = 0; i <= PROGRAM_DESCRIPTOR; i++)
		from[i] = move_high(from[i]);
	for (i = 3; i <= PROGRAM_DESCRIPTOR; i++) {
		if (from[i] < 0)
			close(i);
		else
			must_work(dup2(from[i], i));
	}
	must_work(fcntl(PROGRAM_DESCRIPTOR, F_SETFD, FD_CLOEXEC));
	must_work(syscall(SYS_close_range, PROGRAM_DESCRIPTOR + 1, ~0u, 0));
}

static void set_limits(const struct setting *setting)
{
	static const int numbers[NMODEL_LIMITS] = {[MODEL_AS] = RLIMIT_AS,
						   [MODEL_DATA] = RLIMIT_DATA,
						   [MODEL_STACK] = RLIMIT_STACK,
						   [MODEL_MEMLOCK] = RLIMIT_MEMLOCK};
	struct rlimit limit;
	unsigned i;

	for (i = 0; i < NMODEL_LIMITS; i++) {
		if (setting->soft[i] == LIMIT_KEPT)
			continue;
		must_work(getrlimit(numbers[i], &limit));
		limit.rlim_cur =
			setting->soft[i] > limit.rlim_max ? limit.rlim_max : setting->soft[i];
		must_work(setrlimit(numbers[i], &limit));
	}
	limit = (struct rlimit){0, 0};
	setrlimit(RLIMIT_CORE, &limit);
}

static void become(const struct world *world)
{
	const struct setting *setting = &world->setting;

	write_small_file("/proc/self/oom_score_adj", "1000");
	if (world->host->is_root && setting->no_lock_cap)
		must_work(prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK_NUMBER, 0, 0, 0));
	if (world->host->is_root && setting->nobody) {
		must_work(setgroups(0, NULL));
		must_work(setgid(NOBODY));
		must_work(setuid(NOBODY));
	}
	must_work(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	/*
	 * Where a huge page comes to be depends on page tables, which the model does not have: a
	 * read then gives an identity, and one access makes 512 pages. exec keeps this.
	 */
	must_work(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	must_work(personality((setting->aslr ? 0 : ADDR_NO_RANDOMIZE) |
			      (setting->legacy ? ADDR_COMPAT_LAYOUT : 0) |
			      (setting->limit_3gb ? ADDR_LIMIT_3GB : 0)));
}

static _Noreturn void run_child(const struct world *world)
{
	char *argv[] = {(char *)"child", NULL}, *envp[] = {NULL};

	arrange_descriptors(world);
	become(world);
	set_limits(&world->setting);
	syscall(SYS_execveat, PROGRAM_DESCRIPTOR, "", argv, envp, AT_EMPTY_PATH);
	_exit(103);
}

/*
 * Talking to it.
 */

static bool is_gone(struct world *world)
{
	if (waitpid(world->pid, NULL, WNOHANG) != world->pid)
		return false;
	world->pid = 0;
	return true;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int wait_for_done(struct world *world, uint32_t wanted)
{
	const struct timespec timeout = {.tv_nsec = 200000000};
	double start = 0;
	uint32_t done;

	while ((done = __atomic_load_n(&world->ring->done, __ATOMIC_ACQUIRE)) != wanted) {
		long r = syscall(SYS_futex, &world->ring->done, FUTEX_WAIT, done, &timeout);

		if (r == 0 || errno != ETIMEDOUT)
			continue;
		if (is_gone(world))
			return -ESRCH;
		if (start == 0)
			start = now();
		else if (now() - start > PATIENCE_SECONDS)
			return -ESRCH;
	}
	return 0;
}

static int post(struct world *world, uint32_t n)
{
	uint32_t posted = world->ring->posted + n;

	__atomic_store_n(&world->ring->posted, posted, __ATOMIC_RELEASE);
	syscall(SYS_futex, &world->ring->posted, FUTEX_WAKE, 1);
	return wait_for_done(world, posted);
}

static struct ring_entry *entry_at(struct world *world, size_t i)
{
	return &world->ring->entries[(world->ring->posted + i) % RING_ENTRIES];
}

static void put_request(struct ring_entry *entry, const struct model_request *request)
{
	entry->call = request->call;
	memcpy(entry->arg, request->arg, sizeof(entry->arg));
}

static struct model_result result_of(const struct ring_entry *entry)
{
	struct model_result result = {.value = entry->value};

	if (entry->signal == SIGBUS)
		result.fault = FAULT_BUS;
	else if (entry->signal && entry->code == SEGV_ACCERR)
		result.fault = FAULT_RIGHTS;
	else if (entry->signal && entry->code == SEGV_PKUERR)
		result.fault = FAULT_KEY;
	else if (entry->signal) /* also what no address can be, which the processor finds */
		result.fault = FAULT_UNMAPPED;
	return result;
}

static int open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void close_proc(struct world *world)
{
	int *files[] = {&world->maps, &world->smaps, &world->status};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (*files[i] >= 0)
			close(*files[i]);
		*files[i] = -1;
	}
}

static int open_proc_files(struct world *world)
{
	world->maps = open_proc(world->pid, "maps");
	world->smaps = open_proc(world->pid, "smaps");
	world->status = open_proc(world->pid, "status");
	return world->maps < 0 || world->smaps < 0 || world->status < 0 ? -errno : 0;
}

/* After fork the newborn goes on, and the one that forked has ended. */
static int follow(struct world *world)
{
	if (world->ring->pid == world->pid)
		return 0;
	waitpid(world->pid, NULL, 0);
	world->pid = world->ring->pid;
	close_proc(world);
	return open_proc_files(world);
}

int world_do(struct world *world, const struct model_request *request, struct model_result *ret)
{
	struct ring_entry *entry = entry_at(world, 0);
	int r;

	put_request(entry, request);
	r = post(world, 1);
	if (r < 0)
		return r;
	*ret = result_of(entry);
	return request->call == CALL_FORK ? follow(world) : 0;
}

int world_do_many(struct world *world, const struct model_request *requests, size_t n,
		  struct model_result *ret)
{
	struct ring_entry *first[RING_ENTRIES];
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		first[i] = entry_at(world, i);
		put_request(first[i], &requests[i]);
	}
	r = post(world, (uint32_t)n);
	for (i = 0; i < n && r == 0; i++)
		ret[i] = result_of(first[i]);
	return r;
}

/*
 * Beginning and end.
 */

static int make_ring(struct world *world)
{
	void *p;

	if (world->ring)
		return 0;
	world->ring_descriptor = memfd_create("conformance-ring", MFD_CLOEXEC);
	if (world->ring_descriptor < 0 || ftruncate(world->ring_descriptor, RING_SIZE) < 0)
		return -errno;
	p = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		 world->ring_descriptor, 0);
	if (p == MAP_FAILED)
		return -errno;
	world->ring = p;
	return 0;
}

int world_start(struct world *world, const struct host *host, const struct setting *setting,
		struct error *err)
{
	const struct model_request nothing = {.call = CALL_BRK};
	struct model_result result;
	int r = make_ring(world);

	if (r < 0)
		return fail(err, -r, "no memory to share with a child");
	memset(world->ring, 0, sizeof(*world->ring));
	world->ring->parent = getpid();
	world->host = host;
	world->setting = *setting;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	world->pid = fork();
	if (world->pid == 0)
		run_child(world);
	if (world->pid < 0)
		return fail(err, errno, "fork");
	r = world_do(world, &nothing, &result);
	if (r == 0)
		r = open_proc_files(world);
	if (r < 0) {
		world_stop(world);
		return fail(err, -r, "the child does not listen");
	}
	return 0;
}

void world_stop(struct world *world)
{
	close_proc(world);
	if (world->pid <= 0)
		return;
	kill(world->pid, SIGKILL);
	waitpid(world->pid, NULL, 0);
	world->pid = 0;
}

void world_fini(struct world *world)
{
	world_stop(world);
	if (world->ring)
		munmap(world->ring, RING_SIZE);
	if (world->ring_descriptor >= 0)
		close(world->ring_descriptor);
	*world = WORLD_EMPTY;
}
