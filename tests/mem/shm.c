/* Shared memory: who makes it, who sees it when, and who takes it away. */
#include "check.h"
#include "files.h"

#include <plat/shm.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Names of this test's own; what a test that failed has left is taken away by the next of its name.
 */
static const char *name_of(const char *what)
{
	static char names[8][64];
	static unsigned next;
	char *name = names[next++ % ARRAY_SIZE(names)];

	(void)snprintf(name, sizeof(names[0]), "/plat-test-%d-%s", (int)getpid(), what);
	return name;
}

static bool exists(const char *name)
{
	struct stat file;
	char path[128];

	(void)snprintf(path, sizeof(path), "/dev/shm%s", name);
	return lstat(path, &file) == 0;
}

static int write_hello(void *data, size_t size, void *arg)
{
	check(size == 5000 && arg == NULL && first_set(data, size) == size);
	memcpy(data, "hello", 5);
	return 0;
}

static const struct plat_shm_new hello = {5000, 0600, write_hello, NULL};

static struct plat_shm opened(const char *name, int flags, const struct plat_shm_new *how, int made)
{
	struct plat_shm shm;
	int r = plat_shm_open(name, flags, how, &shm);

	check_with(r == made, "plat_shm_open %s: %d %s", name, r, strerror(-r));
	return shm;
}

static char *bytes(const struct plat_shm *shm)
{
	return shm->map.data;
}

/* --- one process --- */

static void an_object_is_made_once_and_opened_again(void)
{
	const char *name = name_of("once");
	struct plat_shm one = opened(name, PLAT_SHM_CREATE, &hello, 1);
	struct plat_shm other = opened(name, PLAT_SHM_CREATE, &hello, 0), third;

	check(one.map.size == 5000 && other.map.size == 5000);
	check(memcmp(bytes(&other), "hello", 5) == 0);
	bytes(&one)[4999] = 'x';
	check(bytes(&other)[4999] == 'x');
	check(plat_shm_open(name, PLAT_SHM_CREATE | PLAT_SHM_EXCLUSIVE, &hello, &third) == -EEXIST);
	check(plat_shm_close(&one) == 0 && plat_shm_close(&other) == 0);
	third = opened(name, 0, NULL, 0);
	check(memcmp(bytes(&third), "hello", 5) == 0);
	check(plat_shm_close(&third) == 0);
	check(plat_shm_unlink(name) == 0 && plat_shm_unlink(name) == -ENOENT);
	errno = 99;
	check(plat_shm_open(name, 0, NULL, &third) == -ENOENT && errno == 99);
}

static void it_is_that_of_shm_open(void)
{
	const char *name = name_of("posix");
	struct plat_shm shm = opened(name, PLAT_SHM_CREATE | PLAT_SHM_EXCLUSIVE, &hello, 1);
	int fd = shm_open(name, O_RDWR, 0);
	char *p = mmap(NULL, 5000, PROT_READ, MAP_SHARED, fd, 0);

	check(fd >= 0 && p != MAP_FAILED && memcmp(p, "hello", 5) == 0);
	check(plat_shm_close(&shm) == 0 && shm_unlink(name) == 0);
	/* Half made, as its maker leaves it between two calls. */
	fd = shm_open(name, O_RDWR | O_CREAT, 0600);
	check(fd >= 0);
	check(plat_shm_open(name, PLAT_SHM_CREATE, &hello, &shm) == -ERANGE);
	check(ftruncate(fd, 5000) == 0);
	shm = opened(name, PLAT_SHM_CREATE, &hello, 0);
	check(plat_shm_close(&shm) == 0 && plat_shm_unlink(name) == 0);
}

static void a_name_is_a_slash_and_no_other(void)
{
	struct plat_shm shm;
	char longest[257];

	check(plat_shm_open("name", PLAT_SHM_CREATE, &hello, &shm) == -EINVAL);
	check(plat_shm_open("", PLAT_SHM_CREATE, &hello, &shm) == -EINVAL);
	check(plat_shm_open("/", PLAT_SHM_CREATE, &hello, &shm) == -EINVAL);
	check(plat_shm_open("/a/b", PLAT_SHM_CREATE, &hello, &shm) == -EINVAL);
	check(plat_shm_open("//a", PLAT_SHM_CREATE, &hello, &shm) == -EINVAL);
	check(plat_shm_open("/..", PLAT_SHM_CREATE, &hello, &shm) == -EINVAL);
	check(plat_shm_unlink("/.") == -EINVAL && plat_shm_clean("/") == -EINVAL);
	memset(longest, 'n', sizeof(longest));
	longest[0] = '/';
	longest[256] = '\0';
	check(plat_shm_open(longest, PLAT_SHM_CREATE, &hello, &shm) == -ENAMETOOLONG);
	longest[255] = '\0';
	shm = opened(longest, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &hello, 1);
	check(strcmp(shm.name, longest) == 0);
	check(plat_shm_close(&shm) == 0 && !exists(longest));
}

static void flags_go_together(void)
{
	struct plat_shm_new empty = {0, 0600, NULL, NULL};
	const char *name = name_of("flags");
	struct plat_map map;
	struct plat_shm shm;

	check(plat_shm_open(name, PLAT_SHM_CREATE, NULL, &shm) == -EINVAL);
	check(plat_shm_open(name, PLAT_SHM_CREATE, &empty, &shm) == -EINVAL);
	check(plat_shm_open(name, PLAT_SHM_CREATE | PLAT_SHM_READ, &hello, &shm) == -EINVAL);
	check(plat_shm_open(name, PLAT_SHM_EXCLUSIVE, &hello, &shm) == -EINVAL);
	check(plat_shm_open(name, 1 << 20, &hello, &shm) == -EINVAL);
	check(plat_shm_memory("x", 1, PLAT_SHM_TEMPORARY, &map) == -EINVAL);
	check(!exists(name));
}

static void rights_are_as_asked_whatever_the_umask(void)
{
	struct plat_shm_new all = {100, 0666, NULL, NULL}, none = {100, 0400, NULL, NULL};
	const char *name = name_of("rights");
	struct plat_shm shm;
	struct stat file;

	umask(077);
	shm = opened(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &all, 1);
	check(fstat(plat_map_descriptor(&shm.map), &file) == 0 && (file.st_mode & 07777) == 0666);
	check(plat_shm_close(&shm) == 0);
	/* Its maker may write to it, whatever others may. */
	shm = opened(name, PLAT_SHM_CREATE, &none, 1);
	bytes(&shm)[0] = 'x';
	check(plat_shm_close(&shm) == 0);
	shm = opened(name, PLAT_SHM_READ, NULL, 0);
	check(bytes(&shm)[0] == 'x' && plat_map_write(&shm.map, 0, "y", 1) == -EINVAL);
	check(plat_shm_close(&shm) == 0 && plat_shm_unlink(name) == 0);
}

static void another_users_object_is_refused_if_it_has_to_be_ours(void)
{
	const char *name = name_of("theirs");
	struct plat_shm shm = opened(name, PLAT_SHM_CREATE, &hello, 1);
	int fd = plat_map_descriptor(&shm.map);

	if (fchown(fd, 65534, (gid_t)-1) < 0) {
		plat_shm_unlink(name);
		skip("not root: no other user's object can be made");
	}
	check(plat_shm_close(&shm) == 0);
	check(plat_shm_open(name, PLAT_SHM_OWN, NULL, &shm) == -EPERM);
	shm = opened(name, 0, NULL, 0);
	check(plat_shm_close(&shm) == 0 && plat_shm_unlink(name) == 0);
}

static void what_others_have_put_in_the_way_does_no_harm(void)
{
	const char *name = name_of("trap");
	struct plat_shm shm;
	char path[128];

	(void)snprintf(path, sizeof(path), "/dev/shm%s", name);
	check(mkfifo(path, 0600) == 0);
	check(plat_shm_open(name, PLAT_SHM_CREATE, &hello, &shm) == -ENODEV);
	check(unlink(path) == 0 && symlink("/etc/passwd", path) == 0);
	check(plat_shm_open(name, PLAT_SHM_CREATE, &hello, &shm) == -ELOOP);
	check(plat_shm_open(name, PLAT_SHM_READ, NULL, &shm) == -ELOOP);
	check(unlink(path) == 0 && mkdir(path, 0700) == 0);
	check(plat_shm_open(name, PLAT_SHM_CREATE, &hello, &shm) == -EISDIR);
	check(rmdir(path) == 0);
}

static void misuse_is_an_error(void)
{
	const char *name = name_of("misuse");
	struct plat_shm shm = opened(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &hello, 1);
	struct plat_shm none = PLAT_SHM_NONE, copy = shm, wrong;
	int before;

	check(plat_shm_close(&none) == 0);
	check(plat_map_close(&shm.map) == -EINVAL); /* its name would stay */
	wrong = shm, wrong.map.size--;
	check(plat_shm_close(&wrong) == -EINVAL);
	check(exists(name) && plat_shm_close(&shm) == 0 && !exists(name));
	shm = opened(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &hello, 1);
	before = next_descriptor();
	check(plat_shm_close(&copy) == -EINVAL && exists(name));
	check(next_descriptor() == before);
	/* Another's name does not come to harm. */
	wrong = shm;
	(void)snprintf(wrong.name, sizeof(wrong.name), "%s", name_of("other"));
	copy = opened(wrong.name, PLAT_SHM_CREATE, &hello, 1);
	check(plat_shm_close(&copy) == 0);
	check(plat_shm_close(&wrong) == 0 && exists(wrong.name));
	check(plat_shm_unlink(wrong.name) == 0 && plat_shm_unlink(name) == 0);
}

static int fail_to_prepare(void *data, size_t size, void *arg)
{
	(void)data, (void)size;
	*(int *)arg += 1;
	return -EPROTO;
}

static void what_cannot_be_prepared_is_not_there(void)
{
	int called = 0, before = next_descriptor();
	struct plat_shm_new how = {100, 0600, fail_to_prepare, &called};
	const char *name = name_of("fails");
	struct plat_shm shm;

	check(plat_shm_open(name, PLAT_SHM_CREATE, &how, &shm) == -EPROTO);
	check(called == 1 && !exists(name) && next_descriptor() == before);
}

static void what_cannot_be_mapped_is_not_there(void)
{
	struct plat_shm_new how = {PTRDIFF_MAX, 0600, NULL, NULL};
	int flags = PLAT_SHM_CREATE | PLAT_SHM_SPARSE;
	const char *name = name_of("unmappable");
	struct rlimit limit;
	struct plat_shm shm;

	check(plat_shm_open(name, flags, &how, &shm) == -EOVERFLOW && !exists(name));
	check(getrlimit(RLIMIT_AS, &limit) == 0);
	limit.rlim_cur = 0;
	check(setrlimit(RLIMIT_AS, &limit) == 0);
	how.size = 5000;
	check(plat_shm_open(name, flags, &how, &shm) == -ENOMEM && !exists(name));
}

static void an_object_grows_for_all(void)
{
	const char *name = name_of("grows");
	struct plat_shm one = opened(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &hello, 1);
	struct plat_shm other = opened(name, PLAT_SHM_TEMPORARY, NULL, 0);

	check(plat_map_resize(&one.map, 100000, 0) >= 0);
	bytes(&one)[99999] = 'x';
	check(plat_map_refresh(&other.map) >= 0 && other.map.size == 100000);
	check(bytes(&other)[99999] == 'x');
	check(plat_shm_close(&one) == 0 && exists(name));
	check(plat_shm_close(&other) == 0 && !exists(name));
}

static void a_full_tmpfs_is_told_before_it_is_written_to(void)
{
	struct plat_shm_new large = {4 * MIB, 0600, NULL, NULL}, some = {MIB / 2, 0600, NULL, NULL};
	const char *name = name_of("full");
	struct plat_shm shm;

	small_disk(MIB);
	check(plat_shm_open(name, PLAT_SHM_CREATE, &large, &shm) == -ENOSPC);
	check(!exists(name));
	shm = opened(name, PLAT_SHM_CREATE, &some, 1);
	memset(shm.map.data, 'x', shm.map.size);
	check(plat_map_resize(&shm.map, 4 * MIB, 0) == -ENOSPC && shm.map.size == MIB / 2);
	check(bytes(&shm)[MIB / 2 - 1] == 'x');
	check(plat_shm_close(&shm) == 0 && plat_shm_unlink(name) == 0);
	shm = opened(name, PLAT_SHM_CREATE | PLAT_SHM_SPARSE, &large, 1);
	check(plat_map_populate(&shm.map, 0, PLAT_MAP_ALL, PLAT_POPULATE_WRITE) == -EFAULT);
	check(plat_shm_close(&shm) == 0);
}

static void where_nothing_can_be_linked_by_its_descriptor_proc_does(void)
{
	const char *name = name_of("linkat");
	struct plat_shm shm;

	forbid_call(SYS_linkat, 4, AT_EMPTY_PATH, ENOENT);
	shm = opened(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &hello, 1);
	check(plat_shm_close(&shm) == 0 && !exists(name));
}

/* --- several processes --- */

struct board {
	pthread_barrier_t gate;
	unsigned nmade, nprepared, nwrong;
};

struct object {
	unsigned magic, nusers;
};

static struct board *shared_board(unsigned count)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t attributes;

	check(board != MAP_FAILED);
	check(pthread_barrierattr_init(&attributes) == 0);
	check(pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
	check(pthread_barrier_init(&board->gate, &attributes, count) == 0);
	return board;
}

static int write_magic(void *data, size_t size, void *arg)
{
	struct board *board = arg;
	struct object *object = data;

	(void)size;
	__atomic_fetch_add(&board->nprepared, 1, __ATOMIC_RELAXED);
	object->magic = 0x504c4154;
	return 0;
}

#define NPROCESSES 6
#define NROUNDS 40

static void one_of_many(const char *name, struct board *board)
{
	struct plat_shm_new how = {10000, 0600, write_magic, board};
	struct object *object;
	struct plat_shm shm;
	int round, r;

	for (round = 0; round < NROUNDS; round++) {
		pthread_barrier_wait(&board->gate);
		r = plat_shm_open(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &how, &shm);
		check_with(r >= 0, "round %d: %s", round, strerror(-r));
		object = shm.map.data;
		check(object->magic == 0x504c4154 && shm.map.size == 10000);
		__atomic_fetch_add(&board->nmade, (unsigned)r, __ATOMIC_RELAXED);
		__atomic_fetch_add(&object->nusers, 1, __ATOMIC_RELAXED);
		pthread_barrier_wait(&board->gate);
		check(object->nusers == NPROCESSES); /* all have the same */
		check(plat_shm_close(&shm) == 0);
		pthread_barrier_wait(&board->gate);
		check(!exists(name));
	}
}

static void of_many_that_come_at_once_one_makes_it_and_the_last_removes_it(void)
{
	struct board *board = shared_board(NPROCESSES);
	const char *name = name_of("race");
	pid_t children[NPROCESSES];
	size_t i;

	for (i = 0; i < NPROCESSES; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			one_of_many(name, board);
			_exit(0);
		}
	}
	for (i = 0; i < NPROCESSES; i++) {
		const char *how = child_failed(children[i]);

		check_with(how == NULL, "%s", how);
	}
	check(board->nmade == NROUNDS && board->nprepared >= NROUNDS);
	munmap(board, sizeof(*board));
}

/* Nobody waits for anybody: opening and closing meet in every order. */
static void without_a_gate(const char *name, struct board *board)
{
	struct plat_shm_new how = {10000, 0600, write_magic, board};
	struct object *object;
	struct plat_shm shm;
	int round;

	for (round = 0; round < 300; round++) {
		check(plat_shm_open(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &how, &shm) >= 0);
		object = shm.map.data;
		check(object->magic == 0x504c4154);
		check(__atomic_fetch_add(&object->nusers, 1, __ATOMIC_RELAXED) < NPROCESSES);
		check(exists(name)); /* as long as we have it open */
		__atomic_fetch_sub(&object->nusers, 1, __ATOMIC_RELAXED);
		check(plat_shm_close(&shm) == 0);
	}
}

static void the_name_is_there_as_long_as_anybody_has_it_open(void)
{
	struct board *board = shared_board(1);
	const char *name = name_of("storm");
	pid_t children[NPROCESSES];
	size_t i;

	for (i = 0; i < NPROCESSES; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			without_a_gate(name, board);
			_exit(0);
		}
	}
	for (i = 0; i < NPROCESSES; i++) {
		const char *how = child_failed(children[i]);

		check_with(how == NULL, "%s", how);
	}
	check(!exists(name));
}

static int be_killed(void *data, size_t size, void *arg)
{
	(void)size, (void)arg;
	memcpy(data, "half", 4);
	raise(SIGKILL);
	return 0;
}

static void kill_and_wait(pid_t child)
{
	int status;

	kill(child, SIGKILL);
	check(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

static void one_that_is_killed_while_it_makes_it_leaves_nothing(void)
{
	struct plat_shm_new how = {5000, 0600, be_killed, NULL};
	const char *name = name_of("killed");
	struct plat_shm shm;
	pid_t child = fork();

	if (child == 0) {
		plat_shm_open(name, PLAT_SHM_CREATE, &how, &shm);
		_exit(0);
	}
	kill_and_wait(child);
	check(!exists(name));
	shm = opened(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &hello, 1);
	check(memcmp(bytes(&shm), "hello", 5) == 0);
	check(plat_shm_close(&shm) == 0);
}

/* A child that has the object open, until it is killed. */
static pid_t holder(const char *name, int flags)
{
	struct plat_shm shm;
	int ends[2];
	pid_t child;
	char c;

	check(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		check(plat_shm_open(name, flags, &hello, &shm) >= 0);
		memcpy(bytes(&shm), "child", 5);
		check(write(ends[1], "x", 1) == 1);
		for (;;)
			pause();
	}
	check(read(ends[0], &c, 1) == 1);
	close(ends[0]);
	close(ends[1]);
	return child;
}

static void a_temporary_one_dies_with_its_last_holder_however_that_ends(void)
{
	const char *name = name_of("orphan");
	pid_t child = holder(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY);
	struct plat_shm shm = opened(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &hello, 0);

	check(memcmp(bytes(&shm), "child", 5) == 0);
	kill_and_wait(child);
	check(plat_shm_close(&shm) == 0 && !exists(name));
	kill_and_wait(holder(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY));
	check(exists(name));
	check(plat_shm_open(name, PLAT_SHM_TEMPORARY | PLAT_SHM_READ, NULL, &shm) == -ENOENT);
	/* Whoever does not say that it is temporary finds what was left. */
	shm = opened(name, PLAT_SHM_CREATE, &hello, 0);
	check(memcmp(bytes(&shm), "child", 5) == 0);
	check(plat_shm_close(&shm) == 0);
	shm = opened(name, PLAT_SHM_CREATE | PLAT_SHM_EXCLUSIVE | PLAT_SHM_TEMPORARY, &hello, 1);
	check(memcmp(bytes(&shm), "hello", 5) == 0);
	check(plat_shm_open(name, PLAT_SHM_CREATE | PLAT_SHM_EXCLUSIVE | PLAT_SHM_TEMPORARY, &hello,
			    &shm) == -EEXIST);
	check(plat_shm_close(&shm) == 0 && !exists(name));
}

static void nobody_is_kept_waiting_for_ever(void)
{
	const char *name = name_of("locked");
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct plat_shm shm;
	int fd;

	/* So that it is over soon: nobody sleeps. */
	forbid_call(SYS_nanosleep, -1, 0, EINTR);
	forbid_call(SYS_clock_nanosleep, -1, 0, EINTR);
	shm = opened(name, PLAT_SHM_CREATE, &hello, 1);
	check(plat_shm_close(&shm) == 0);
	fd = shm_open(name, O_RDWR, 0);
	check(fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0);
	check(plat_shm_open(name, 0, NULL, &shm) == -EBUSY);
	check(plat_shm_unlink(name) == 0);
}

/* Until the process has a descriptor of the object. */
static void await_open(pid_t pid, const char *name)
{
	char path[64], object[128], target[128];
	ssize_t n;
	int fd;

	(void)snprintf(object, sizeof(object), "/dev/shm%s", name);
	for (fd = 3;; fd = fd < 20 ? fd + 1 : 3) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		n = readlink(path, target, sizeof(target));
		if (n == (ssize_t)strlen(object) && memcmp(target, object, (size_t)n) == 0)
			return;
	}
}

/* The child opens the object, and waits for who holds it alone; it wakes up to another one. */
static void who_finds_one_that_is_being_removed_makes_another(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	const char *name = name_of("removed");
	struct plat_shm shm = opened(name, PLAT_SHM_CREATE, &hello, 1);
	int fd, go[2];
	pid_t child;
	char c;

	check(plat_shm_close(&shm) == 0 && pipe(go) == 0);
	child = fork();
	if (child == 0) {
		check(read(go[0], &c, 1) == 1);
		shm = opened(name, PLAT_SHM_CREATE, &hello, 1);
		check(exists(name));
		check(plat_shm_close(&shm) == 0 && plat_shm_unlink(name) == 0);
		_exit(0);
	}
	fd = shm_open(name, O_RDWR, 0);
	check(fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0);
	check(write(go[1], "x", 1) == 1);
	await_open(child, name);
	check(plat_shm_unlink(name) == 0);
	close(fd);
	check(child_failed(child) == NULL);
}

static void parent_and_child_hold_it_together(void)
{
	const char *name = name_of("fork");
	struct plat_shm shm = opened(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &hello, 1);
	int go[2];
	pid_t child = fork();
	char c;

	if (child == 0) {
		check(plat_shm_close(&shm) == 0 && exists(name));
		_exit(0);
	}
	check(child_failed(child) == NULL && exists(name));
	check(pipe(go) == 0);
	child = fork();
	if (child == 0) {
		close(go[1]);
		check(read(go[0], &c, 1) == 0);
		check(exists(name) && memcmp(bytes(&shm), "hello", 5) == 0);
		check(plat_shm_close(&shm) == 0 && !exists(name));
		_exit(0);
	}
	check(plat_shm_close(&shm) == 0 && exists(name));
	close(go[1]);
	check(child_failed(child) == NULL && !exists(name));
}

static void a_mapping_holds_it_when_its_descriptor_was_closed(void)
{
	const char *name = name_of("mapped");
	struct plat_shm one = opened(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &hello, 1), other;

	close(plat_map_descriptor(&one.map));
	other = opened(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &hello, 0);
	check(plat_shm_close(&other) == 0 && exists(name));
	check(plat_shm_unlink(name) == 0);
}

static void use_for_ever(const char *name, const struct plat_shm_new *how)
{
	struct plat_shm shm;

	for (;;) {
		check(plat_shm_open(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, how, &shm) >= 0);
		check(((struct object *)shm.map.data)->magic == 0x504c4154);
		check(plat_shm_close(&shm) == 0);
	}
}

/* Two that open and close it are killed in the middle of whatever they do, again and again. */
static void the_killed_harm_nobody(void)
{
	struct plat_shm_new how = {10000, 0600, write_magic, shared_board(1)};
	const char *name = name_of("kills");
	pid_t children[2] = {0, 0};
	struct plat_shm shm;
	int i, round;

	for (i = 0; i < 80; i++) {
		pid_t *child = &children[i % 2];

		if (*child)
			kill_and_wait(*child);
		*child = fork();
		if (*child == 0)
			use_for_ever(name, &how);
		for (round = 0; round < 10; round++) {
			check(plat_shm_open(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &how,
					    &shm) >= 0);
			check(((struct object *)shm.map.data)->magic == 0x504c4154);
			check(exists(name) && plat_shm_close(&shm) == 0);
		}
	}
	kill_and_wait(children[0]);
	kill_and_wait(children[1]);
	check(plat_shm_clean(name) >= 0 && !exists(name));
}

/* --- listing and cleaning --- */

struct sought {
	const char *name;
	struct plat_shm_info info;
	bool was_found;
};

static int seek(const struct plat_shm_info *info, void *arg)
{
	struct sought *sought = arg;

	if (strcmp(info->name, sought->name) != 0)
		return 0;
	sought->info = *info;
	sought->was_found = true;
	return 7;
}

static struct plat_shm_info listed(const char *name)
{
	struct sought sought = {.name = name};

	check(plat_shm_list(seek, &sought) == 7 && sought.was_found);
	return sought.info;
}

static int count(const struct plat_shm_info *info, void *arg)
{
	*(int *)arg += strncmp(info->name, "/plat-many-", 11) == 0;
	return 0;
}

static void objects_are_listed(void)
{
	const char *name = name_of("listed");
	struct plat_shm shm = opened(name, PLAT_SHM_CREATE, &hello, 1);
	struct plat_shm_info info = listed(name);
	struct sought sought = {.name = name};

	check(info.size == 5000 && info.in_memory >= 5000 && info.mode == 0600);
	check(info.owner == geteuid() && info.held == PLAT_SHM_HELD);
	check(plat_shm_close(&shm) == 0);
	check(listed(name).held == PLAT_SHM_NOT_HELD);
	check(plat_shm_unlink(name) == 0);
	check(plat_shm_list(seek, &sought) == 0 && !sought.was_found);
}

static void many_objects_are_listed_and_cleaned(void)
{
	struct plat_shm_new small = {1, 0600, NULL, NULL};
	int i, n = 0, before = next_descriptor();
	struct plat_shm shm, held;
	char name[64];

	small_disk(16 * MIB);
	for (i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), "/plat-many-%d", i);
		shm = opened(name, PLAT_SHM_CREATE, &small, 1);
		check(plat_shm_close(&shm) == 0);
	}
	held = opened("/plat-many-77", 0, NULL, 0);
	check(plat_shm_list(count, &n) == 0 && n == 500);
	check(plat_shm_clean("/plat-many-") == 499);
	check(exists("/plat-many-77") && plat_shm_clean("/plat-many-") == 0);
	check(plat_shm_close(&held) == 0 && plat_shm_clean("/plat-many-") == 1);
	check(next_descriptor() == before);
}

static void what_somebody_else_has_open_is_not_cleaned(void)
{
	const char *name = name_of("foreign");
	int fd = shm_open(name, O_RDWR | O_CREAT, 0600);
	char *p;

	check(fd >= 0 && ftruncate(fd, 4096) == 0);
	check(listed(name).held == PLAT_SHM_NOT_HELD);
	check(plat_shm_clean(name) == 0 && exists(name));
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	check(p != MAP_FAILED);
	close(fd);
	check(plat_shm_clean(name) == 0 && exists(name));
	munmap(p, 4096);
	check(plat_shm_clean(name) == 1 && !exists(name));
}

static void what_the_killed_have_left_is_cleaned(void)
{
	const char *name = name_of("stale");
	pid_t child = holder(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY);

	check(plat_shm_clean(name) == 0 && exists(name));
	kill_and_wait(child);
	check(plat_shm_clean(name) == 1 && !exists(name));
}

/* Cleaning meets opening: an object is never taken from who has it. */
static void cleaning_takes_nothing_away_that_is_being_opened(void)
{
	struct board *board = shared_board(1);
	const char *name = name_of("sweep");
	pid_t cleaner, user;
	int i;

	cleaner = fork();
	if (cleaner == 0) {
		for (i = 0; i < 2000; i++)
			check(plat_shm_clean(name) >= 0);
		_exit(0);
	}
	user = fork();
	if (user == 0) {
		without_a_gate(name, board);
		_exit(0);
	}
	check(child_failed(user) == NULL && child_failed(cleaner) == NULL);
	check(!exists(name));
}

/* --- memory without a name --- */

static struct plat_map memory_of(size_t size, int flags)
{
	struct plat_map map;
	int r = plat_shm_memory("plat test", size, flags, &map);

	check_with(r == 0, "plat_shm_memory: %s", strerror(-r));
	return map;
}

static void memory_is_passed_on_by_its_descriptor(void)
{
	struct plat_map map = memory_of(10000, 0), other;

	check(plat_map_fd(plat_map_descriptor(&map), PLAT_MAP_SHARED | PLAT_MAP_KEEP, 0,
			  PLAT_MAP_ALL, &other) == 0);
	check(other.size == 10000 && first_set(other.data, 10000) == 10000);
	((char *)map.data)[9999] = 'x';
	check(((char *)other.data)[9999] == 'x');
	check(plat_map_resize(&map, 50000, 0) >= 0);
	check(plat_map_refresh(&other) >= 0 && other.size == 50000);
	check(plat_map_close(&map) == 0 && plat_map_close(&other) == 0);
	map = memory_of(0, 0);
	check(map.size == 0 && plat_map_resize(&map, 10, 0) == 1);
	check(plat_map_close(&map) == 0);
}

/* tmpfs would take it page by page, until the kernel kills somebody. */
static void more_memory_than_there_is_is_refused(void)
{
	size_t much = SIZE_MAX >> 19; /* 32 TiB: there are as many addresses */
	struct plat_shm_new how = {.size = much, .mode = 0600};
	struct plat_map map = memory_of(10000, 0);
	struct plat_shm shm;
	int r;

	if (sizeof(size_t) == 4)
		skip("what can be counted there may be had");
	check(plat_shm_memory("large", much, 0, &map) == -ENOMEM);
	check(plat_map_resize(&map, much, 0) == -ENOMEM && map.size == 10000);
	check(plat_map_write(&map, 9999, "x", 1) == 0);
	check(plat_map_close(&map) == 0);
	r = plat_shm_open("/plat-test-large", PLAT_SHM_CREATE, &how, &shm);
	check_with(r == -ENOMEM || r == -ENOSPC, "%d", r);
	check(plat_shm_unlink("/plat-test-large") == -ENOENT);
}

static void sealed_memory_does_not_change(void)
{
	struct plat_map map = memory_of(10000, 0), other;
	int fd = plat_map_descriptor(&map);
	void *place = map.data;

	memcpy(map.data, "sealed", 6);
	check(plat_map_fd(fd, PLAT_MAP_SHARED, 0, PLAT_MAP_ALL, &other) == 0);
	check(plat_shm_seal(&map, PLAT_SEAL_WRITE) == -EBUSY);
	((char *)map.data)[6] = '!'; /* as before */
	check(plat_map_close(&other) == 0);
	check(plat_shm_seal(&map, PLAT_SEAL_WRITE | PLAT_SEAL_SHRINK | PLAT_SEAL_GROW) == 0);
	check(map.data == place && memcmp(map.data, "sealed!", 7) == 0);
	check((plat_shm_seals(fd) & 15) == (PLAT_SEAL_WRITE | PLAT_SEAL_SHRINK | PLAT_SEAL_GROW));
	check(plat_map_write(&map, 0, "x", 1) == -EINVAL);
	check(write(fd, "x", 1) < 0 && ftruncate(fd, 1) < 0 && ftruncate(fd, 20000) < 0);
	check(mprotect(map.data, 1, PROT_READ | PROT_WRITE) == 0 || errno == EACCES);
	check(plat_map_fd(fd, PLAT_MAP_SHARED, 0, PLAT_MAP_ALL, &other) == -EPERM);
	check(plat_map_fd(fd, PLAT_MAP_READ, 0, PLAT_MAP_ALL, &other) == 0);
	check(memcmp(other.data, "sealed!", 7) == 0);
	check(plat_map_resize(&map, 20000, 0) == -ERANGE);
	check(plat_map_resize(&map, 100, 0) == 0);
	check(plat_map_close(&map) == 0 && plat_map_close(&other) == 0);
}

/* A map to read counts, too, as long as it could become one to write. */
static void a_window_can_be_sealed_by_itself(void)
{
	struct plat_map map = memory_of(20000, 0), window, reads;
	int fd = plat_map_descriptor(&map);

	memcpy((char *)map.data + 9000, "sealed", 6);
	check(plat_map_fd(fd, PLAT_MAP_SHARED | PLAT_MAP_KEEP, 9000, 100, &window) == 0);
	check(plat_map_close(&map) == 0);
	fd = plat_map_descriptor(&window);
	check(plat_map_fd(fd, PLAT_MAP_READ | PLAT_MAP_KEEP, 9000, 100, &reads) == 0);
	check(plat_shm_seal(&reads, PLAT_SEAL_WRITE) == -EBUSY);
	check(memcmp(reads.data, "sealed", 6) == 0);
	check(plat_map_write(&window, 6, "!", 1) == 0 && memcmp(reads.data, "sealed!", 7) == 0);
	check(plat_shm_seal(&window, PLAT_SEAL_WRITE) == -EBUSY);
	fd = plat_map_descriptor(&reads);
	check(plat_map_close(&window) == 0);
	check(plat_shm_seal(&reads, PLAT_SEAL_WRITE) == 0);
	check(memcmp(reads.data, "sealed!", 7) == 0 && plat_shm_seals(fd) & PLAT_SEAL_WRITE);
	check(plat_map_close(&reads) == 0);
}

static void seals_stop_resizing_without_harm(void)
{
	struct plat_map map = memory_of(10000, 0);

	check(plat_shm_seal(&map, PLAT_SEAL_SHRINK) == 0);
	check(plat_map_resize(&map, 100, PLAT_RESIZE_CUT) == -EPERM && map.size == 10000);
	check(plat_map_resize(&map, 20000, 0) >= 0);
	check(plat_shm_seal(&map, PLAT_SEAL_GROW | PLAT_SEAL_SEAL) == 0);
	check(plat_map_resize(&map, 30000, 0) == -EPERM && map.size == 20000);
	check(plat_shm_seal(&map, PLAT_SEAL_WRITE) == -EPERM);
	((char *)map.data)[0] = 'x';
	check(plat_map_close(&map) == 0);
	check(plat_shm_seal(&map, PLAT_SEAL_SEAL) == -EINVAL);
	check(plat_shm_seals(0) < 0 && plat_shm_seals(-1) == -EBADF);
}

static void others_may_be_kept_from_writing(void)
{
	struct plat_map map = memory_of(100, 0), other;
	int r = plat_shm_seal(&map, PLAT_SEAL_FUTURE_WRITE);

	if (r == -EINVAL)
		skip("this kernel does not know the seal");
	check(r == 0);
	check(plat_map_fd(plat_map_descriptor(&map), PLAT_MAP_SHARED, 0, PLAT_MAP_ALL, &other) ==
	      -EPERM);
	check(plat_map_fd(plat_map_descriptor(&map), PLAT_MAP_READ, 0, PLAT_MAP_ALL, &other) == 0);
	memcpy(map.data, "news", 4);
	check(memcmp(other.data, "news", 4) == 0);
	check(plat_map_close(&map) == 0 && plat_map_close(&other) == 0);
}

static void memory_is_no_program_unless_asked_for(void)
{
	struct plat_map map = memory_of(100, 0), program = memory_of(100, PLAT_SHM_EXECUTABLE);
	struct stat file;

	check(fstat(plat_map_descriptor(&program), &file) == 0 && file.st_mode & 0111);
	if (!(plat_shm_seals(plat_map_descriptor(&map)) & PLAT_SEAL_EXECUTABLE))
		skip("before Linux 6.3 all can be");
	check(fstat(plat_map_descriptor(&map), &file) == 0 && !(file.st_mode & 0111));
	check(fchmod(plat_map_descriptor(&map), 0755) < 0);
}

static void an_older_kernel_makes_memory_too(void)
{
	struct plat_map map;

	forbid_call(SYS_memfd_create, 1, MFD_CLOEXEC | MFD_ALLOW_SEALING | 8, EINVAL);
	map = memory_of(100, 0);
	check(!(plat_shm_seals(plat_map_descriptor(&map)) & PLAT_SEAL_EXECUTABLE));
	check(plat_shm_seal(&map, PLAT_SEAL_WRITE) == 0);
	check(plat_map_close(&map) == 0);
}

static const struct test tests[] = {
	{TEST(an_object_is_made_once_and_opened_again)},
	{TEST(it_is_that_of_shm_open)},
	{TEST(a_name_is_a_slash_and_no_other)},
	{TEST(flags_go_together)},
	{TEST(rights_are_as_asked_whatever_the_umask)},
	{TEST(another_users_object_is_refused_if_it_has_to_be_ours)},
	{TEST(what_others_have_put_in_the_way_does_no_harm)},
	{TEST(misuse_is_an_error)},
	{TEST(what_cannot_be_prepared_is_not_there)},
	{TEST(what_cannot_be_mapped_is_not_there)},
	{TEST(an_object_grows_for_all)},
	{TEST(a_full_tmpfs_is_told_before_it_is_written_to)},
	{TEST(where_nothing_can_be_linked_by_its_descriptor_proc_does)},
	{TEST(of_many_that_come_at_once_one_makes_it_and_the_last_removes_it)},
	{TEST(the_name_is_there_as_long_as_anybody_has_it_open)},
	{TEST(one_that_is_killed_while_it_makes_it_leaves_nothing)},
	{TEST(a_temporary_one_dies_with_its_last_holder_however_that_ends)},
	{TEST(nobody_is_kept_waiting_for_ever)},
	{TEST(who_finds_one_that_is_being_removed_makes_another)},
	{TEST(parent_and_child_hold_it_together)},
	{TEST(a_mapping_holds_it_when_its_descriptor_was_closed)},
	{TEST(the_killed_harm_nobody)},
	{TEST(objects_are_listed)},
	{TEST(many_objects_are_listed_and_cleaned)},
	{TEST(what_somebody_else_has_open_is_not_cleaned)},
	{TEST(what_the_killed_have_left_is_cleaned)},
	{TEST(cleaning_takes_nothing_away_that_is_being_opened)},
	{TEST(memory_is_passed_on_by_its_descriptor)},
	{TEST(more_memory_than_there_is_is_refused)},
	{TEST(sealed_memory_does_not_change)},
	{TEST(a_window_can_be_sealed_by_itself)},
	{TEST(seals_stop_resizing_without_harm)},
	{TEST(others_may_be_kept_from_writing)},
	{TEST(memory_is_no_program_unless_asked_for)},
	{TEST(an_older_kernel_makes_memory_too)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
