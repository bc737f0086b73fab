/*
 * Secrets: what an access does at every state and border, what children, other readers and the
 * kernel get to see, and what misuse leads to. What cores hold is asked in
 * tests/cli/mem-secret.bats.
 */
#include "access.h"
#include "check.h"
#include "locks.h"
#include "refuse.h"

#include <plat/lock.h>
#include <plat/secret.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ PLAT_SECRET_READ
#define WRITE PLAT_SECRET_WRITE
#define RIGHT_READ PLAT_RIGHT_READ
#define RIGHT_BOTH (PLAT_RIGHT_READ | PLAT_RIGHT_WRITE)

#define MEMFD_SECRET 447

static size_t page;

/* Where this kernel has no hidden memory, NULL. */
static char *try_secret(size_t size, size_t alignment, int flags)
{
	void *p = NULL;
	int r = plat_secret_new(size, alignment, flags, &p);

	if (r == -EDQUOT)
		skip("nothing can be locked here");
	check_with(r == 0 || (r == -ENOSYS && flags & PLAT_SECRET_HIDDEN), "%d", r);
	return p;
}

static char *secret_of(size_t size, int flags)
{
	char *p = try_secret(size, 0, flags);

	if (!p)
		skip("this kernel has no memfd_secret");
	return p;
}

/* Opened for writing. */
static char *open_secret(size_t size, int flags)
{
	char *p = secret_of(size, flags);

	check(plat_secret_open(p, WRITE) == 0);
	return p;
}

static struct plat_secret_state state_of(const void *p)
{
	struct plat_secret_state state;

	check(plat_secret_state(p, &state, sizeof(state)) == 0);
	return state;
}

static const int kinds[] = {PLAT_SECRET_HIDDEN, PLAT_SECRET_ANONYMOUS};

/* --- access --- */

static void a_new_secret_is_closed_and_zeros(void)
{
	char *p = secret_of(32, 0);

	check(rights_at(p) == 0 && rights_at(p + 31) == 0);
	check(plat_secret_open(p, READ) == 0);
	check(first_set(p, 32) == 32);
}

static void it_can_be_used_as_it_was_opened(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		char *p = try_secret(32, 0, kinds[i]);

		if (!p)
			continue;
		check(plat_secret_open(p, READ) == 0);
		check(rights_at(p) == RIGHT_READ);
		check(plat_secret_close(p, READ) == 0);
		check(rights_at(p) == 0);
		check(plat_secret_open(p, WRITE) == 0);
		check(rights_at(p + 31) == RIGHT_BOTH);
		check(plat_secret_close(p, WRITE) == 0);
		check(rights_at(p + 31) == 0);
		check(plat_secret_open(p, READ) == 0);
		check(p[31] == 1);
		check(plat_secret_free(p) == 0);
	}
}

static void opening_is_counted(void)
{
	char *p = secret_of(32, 0);

	check(plat_secret_open(p, READ) == 0 && plat_secret_open(p, WRITE) == 0);
	check(plat_secret_open(p, READ) == 0 && plat_secret_open(p, WRITE) == 0);
	check(state_of(p).readers == 2 && state_of(p).writers == 2);
	check(plat_secret_close(p, WRITE) == 0);
	check(rights_at(p) == RIGHT_BOTH);
	check(plat_secret_close(p, WRITE) == 0);
	check(rights_at(p) == RIGHT_READ);
	check(plat_secret_close(p, READ) == 0);
	check(rights_at(p) == RIGHT_READ);
	check(plat_secret_close(p, READ) == 0);
	check(rights_at(p) == 0);
}

/* --- borders --- */

static const size_t sizes[] = {1,  2,  3,  7,	8,    12,   15,	  16,	17,   31,
			       32, 33, 64, 100, 1000, 4095, 4096, 4097, 8192, 12304};

static void the_first_byte_behind_it_faults(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *p = open_secret(sizes[i], 0);

		check(rights_at(p) == RIGHT_BOTH && rights_at(p + sizes[i] - 1) == RIGHT_BOTH);
		check(rights_at(p + sizes[i]) == 0);
		check(plat_secret_free(p) == 0);
	}
}

static void it_is_aligned_as_an_object_of_its_size(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t alignment = sizes[i] & -sizes[i];

		check(is_aligned(secret_of(sizes[i], 0), alignment < 16 ? alignment : 16));
	}
}

static void it_is_aligned_as_asked_for(void)
{
	size_t alignment;

	for (alignment = 1; alignment <= page; alignment *= 2) {
		char *p = try_secret(100, alignment, 0);

		check(is_aligned(p, alignment) && is_aligned(p, 4));
		check(plat_secret_open(p, WRITE) == 0);
		fill(p, 100, alignment);
		check(filled(p, 100, alignment));
		check(plat_secret_free(p) == 0);
	}
}

static void the_guard_before_its_pages_faults(void)
{
	char *p = open_secret(100, 0), *pages = state_of(p).pages;

	check(state_of(p).pages_size == page);
	check(rights_at(pages) == RIGHT_BOTH);
	check(rights_at(pages - 1) == 0);
	check(rights_at(pages + page) == 0);
}

static void a_secret_of_whole_pages_has_a_guard_on_each_side(void)
{
	char *p = open_secret(2 * page, 0);

	check(rights_at(p - 1) == 0 && rights_at(p) == RIGHT_BOTH);
	check(rights_at(p + 2 * page - 1) == RIGHT_BOTH && rights_at(p + 2 * page) == 0);
}

/* --- misuse --- */

/* What a child writes to stderr; it has to end by SIGABRT. */
static const char *last_words(void (*run)(char *), char *p)
{
	static char words[400];
	int fds[2], status;
	ssize_t n;
	pid_t child;

	check(pipe(fds) == 0);
	child = fork();
	if (child == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		dup2(fds[1], STDERR_FILENO);
		run(p);
		_exit(0);
	}
	close(fds[1]);
	n = read(fds[0], words, sizeof(words) - 1);
	check(n >= 0 && waitpid(child, &status, 0) == child);
	words[n] = '\0';
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	return words;
}

/* The child makes its own secret, which tells where it is by its words. */
static void check_words(void (*run)(char *), const char *format, long offset)
{
	char *p = open_secret(100, 0), expected[400];
	const char *words = last_words(run, p), *at = strstr(words, " at 0x");
	unsigned long data;

	check_with(at && sscanf(at, " at %lx", &data) == 1, "%s", words);
	snprintf(expected, sizeof(expected), format, data + (unsigned long)offset, data);
	check_with(strcmp(words, expected) == 0, "%s", words);
}

static void write_before(char *unused)
{
	char *p = open_secret(32, 0);

	(void)unused;
	p[-1] = 0;
	plat_secret_free(p);
}

static void write_far_before(char *unused)
{
	char *p = open_secret(1, PLAT_SECRET_ANONYMOUS);

	(void)unused;
	p[-7] = 'x';
	p[-9] = 'x';
	check(plat_secret_close(p, WRITE) == 0);
	plat_secret_free(p);
}

static void write_behind(char *unused)
{
	char *p = try_secret(33, 64, 0);

	(void)unused;
	check(plat_secret_open(p, WRITE) == 0);
	p[33 + 4] = 0;
	plat_secret_free(p);
}

/* In a child the canary is zeros. */
static void write_before_inherited(char *p)
{
	p[-2] = 'x';
	plat_secret_free(p);
}

static void an_overwritten_canary_is_one_line_and_abort(void)
{
	check_words(write_before,
		    "plat: underflow: 0x%lx, 1 byte before the secret of 32 bytes at 0x%lx\n", -1);
	check_words(write_far_before,
		    "plat: underflow: 0x%lx, 7 bytes before the secret of 1 byte at 0x%lx\n", -7);
	check_words(write_behind,
		    "plat: overflow: 0x%lx, 5 bytes behind the secret of 33 bytes at 0x%lx\n", 37);
	check_words(write_before_inherited,
		    "plat: underflow: 0x%lx, 2 bytes before the secret of 100 bytes at 0x%lx\n",
		    -2);
}

static void what_is_no_secret_is_refused(void)
{
	char *p = open_secret(100, 0), other[32];
	struct plat_secret_state state = {.size = 77};

	errno = 98;
	check(plat_secret_free(other) == -EINVAL && plat_secret_free(p + 1) == -EINVAL);
	check(plat_secret_open(other, READ) == -EINVAL && plat_secret_open(NULL, READ) == -EINVAL);
	check(plat_secret_close(p - 1, READ) == -EINVAL);
	check(plat_secret_state(other, &state, sizeof(state)) == -EINVAL && state.size == 77);
	check(plat_secret_open(p, (enum plat_secret_access)3) == -EINVAL);
	check(plat_secret_free(p) == 0);
	check(plat_secret_free(p) == -EINVAL && plat_secret_open(p, READ) == -EINVAL);
	check(plat_secret_free(NULL) == 0);
	check(errno == 98);
}

static void what_is_not_open_is_not_closed(void)
{
	char *p = secret_of(32, 0);

	check(plat_secret_close(p, READ) == -EALREADY);
	check(plat_secret_open(p, READ) == 0);
	check(plat_secret_close(p, WRITE) == -EALREADY);
	check(rights_at(p) == RIGHT_READ);
}

static void arguments_that_make_no_sense_are_refused(void)
{
	void *p = &p;

	check(plat_secret_new(0, 0, 0, &p) == -EINVAL);
	check(plat_secret_new(32, 3, 0, &p) == -EINVAL);
	check(plat_secret_new(32, 2 * page, 0, &p) == -EINVAL);
	check(plat_secret_new(32, 0, 64, &p) == -EINVAL);
	check(plat_secret_new(32, 0, PLAT_SECRET_HIDDEN | PLAT_SECRET_ANONYMOUS, &p) == -EINVAL);
	check(plat_secret_new(opaque_size(SIZE_MAX), 0, 0, &p) == -ENOMEM);
	check(p == &p);
}

/* --- the end --- */

static void it_is_zeros_before_its_memory_is_given_back(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		char *p = try_secret(5000, 0, kinds[i]);
		pid_t child;

		if (!p)
			continue;
		child = fork();
		if (child == 0) {
			p = open_secret(5000, kinds[i]);
			fill(p, 5000, 7);
			/* The memory stays. */
			refuse(SYS_munmap, -1, 0, EPERM);
			check(plat_secret_free(p) == 0);
			check(first_set(p, 5000) == 5000);
			_exit(0);
		}
		check(child_failed(child) == NULL);
	}
}

static size_t descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void nothing_is_left_of_a_thousand(void)
{
	char *p = secret_of(32, 0);
	size_t before, open, i;

	check(plat_secret_free(p) == 0);
	open = descriptors();
	before = address_space();
	for (i = 0; i < 1000; i++) {
		p = open_secret(1 + i, 0);
		check(plat_secret_free(p) == 0);
	}
	check(address_space() == before && descriptors() == open);
}

static void several_hundred_at_a_time_are_found(void)
{
	char *p[400];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = open_secret(16, 0);
		fill(p[i], 16, i);
	}
	for (i = 0; i < ARRAY_SIZE(p); i += 2)
		check(plat_secret_free(p[i]) == 0);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		check(plat_secret_free(p[i]) == (i % 2 ? 0 : -EINVAL));
}

/* --- fork --- */

static void check_inherited(char *p, size_t size)
{
	check(state_of(p).protection & PLAT_SECRET_IS_INHERITED);
	check(!(state_of(p).protection & (PLAT_SECRET_IS_LOCKED | PLAT_SECRET_IS_HIDDEN)));
	check(rights_at(p) == 0);
	check(plat_secret_open(p, READ) == 0);
	check(first_set(p, size) == size);
	check(plat_secret_close(p, READ) == 0);
}

/* The child writes to it, and has a child. */
static void use_inherited(char *p, size_t size)
{
	pid_t child;

	check_inherited(p, size);
	check(plat_secret_open(p, WRITE) == 0);
	fill(p, size, 8);
	check(plat_secret_close(p, WRITE) == 0);
	child = fork();
	if (child == 0) {
		check_inherited(p, size);
		_exit(0);
	}
	check(child_failed(child) == NULL);
	check(plat_secret_open(p, READ) == 0 && filled(p, size, 8));
	check(plat_secret_free(p) == 0 && plat_secret_free(p) == -EINVAL);
	check(plat_secret_free(open_secret(32, 0)) == 0);
	_exit(0);
}

static void check_fork(int flags)
{
	char *p = open_secret(5000, flags);
	pid_t child;

	fill(p, 5000, 7);
	check(plat_secret_close(p, WRITE) == 0);
	child = fork();
	if (child == 0)
		use_inherited(p, 5000);
	check(child_failed(child) == NULL);
	check(plat_secret_open(p, READ) == 0 && filled(p, 5000, 7));
	check(plat_secret_free(p) == 0);
}

static void the_child_of_a_fork_reads_zeros_of_a_hidden_one(void)
{
	check_fork(PLAT_SECRET_HIDDEN);
}

static void the_child_of_a_fork_reads_zeros_of_an_anonymous_one(void)
{
	check_fork(PLAT_SECRET_ANONYMOUS);
}

static void the_child_of_a_fork_reads_zeros_with_an_older_kernel(void)
{
	refuse(SYS_madvise, 2, MADV_WIPEONFORK, EINVAL);
	check_fork(PLAT_SECRET_ANONYMOUS);
}

static void the_child_of_a_fork_reads_zeros_where_no_advice_is_taken(void)
{
	refuse(SYS_madvise, -1, 0, EINVAL);
	check_fork(PLAT_SECRET_ANONYMOUS);
	check(!(state_of(secret_of(32, 0)).protection & PLAT_SECRET_IS_NOT_IN_CORES));
}

static void an_open_secret_is_open_in_the_child_and_zeros(void)
{
	char *p = open_secret(32, 0);
	pid_t child;

	fill(p, 32, 7);
	child = fork();
	if (child == 0) {
		check(first_set(p, 32) == 32 && rights_at(p) == RIGHT_BOTH);
		_exit(0);
	}
	check(child_failed(child) == NULL);
	check(filled(p, 32, 7));
}

/* Of such a child nobody is told. */
static void a_child_by_clone_does_not_read_it(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		char *p = try_secret(32, 0, kinds[i]);
		pid_t child;

		if (!p)
			continue;
		check(plat_secret_open(p, WRITE) == 0);
		fill(p, 32, 7);
		child = (pid_t)syscall(SYS_clone, (long)SIGCHLD, 0, 0, 0, 0);
		if (child == 0) {
			check(read_faults(p) || first_set(p, 32) == 32);
			_exit(0);
		}
		check(child_failed(child) == NULL);
	}
}

static void map_in_its_place(void *place)
{
	check(mmap(place, page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == place);
}

static char *hidden;

static void take_its_place(void)
{
	map_in_its_place((void *)((uintptr_t)hidden & ~(page - 1)));
}

static void what_a_handler_maps_in_its_place_in_the_child_is_left_alone(void)
{
	pid_t child;

	/* Registered before ours, so that it runs first in the child. */
	check(pthread_atfork(NULL, NULL, take_its_place) == 0);
	hidden = open_secret(32, PLAT_SECRET_HIDDEN);
	child = fork();
	if (child == 0) {
		hidden[0] = 9;
		check(plat_secret_open(hidden, READ) == -ENOMEM);
		check(plat_secret_free(hidden) == 0);
		check(hidden[0] == 9);
		_exit(0);
	}
	check(child_failed(child) == NULL);
}

/* --- others --- */

static ssize_t by_the_kernel(const char *p, size_t size, char *to)
{
	struct iovec local = {to, size}, remote = {(void *)p, size};

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

static ssize_t by_proc(const char *p, size_t size, char *to)
{
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	ssize_t n = pread(fd, to, size, (off_t)(uintptr_t)p);

	close(fd);
	return n;
}

static void a_hidden_one_cannot_be_read_from_outside(void)
{
	char *p = open_secret(32, PLAT_SECRET_HIDDEN), *q = open_secret(32, PLAT_SECRET_ANONYMOUS);
	char copy[32];

	fill(p, 32, 7);
	fill(q, 32, 7);
	check(by_the_kernel(p, 32, copy) == -1 && by_proc(p, 32, copy) == -1);
	/* The same ways lead to what is not hidden. */
	check(by_the_kernel(q, 32, copy) == 32 && filled(copy, 32, 7));
	check(by_proc(q, 32, copy) == 32);
	/* But not by process_vm_readv while it is closed. */
	check(plat_secret_close(q, WRITE) == 0);
	check(by_the_kernel(q, 32, copy) == -1);
}

static void it_can_be_read_from_and_written_to_files(void)
{
	char *p = open_secret(32, 0), copy[32];
	int fds[2];

	check(pipe(fds) == 0);
	fill(copy, 32, 7);
	check(write(fds[1], copy, 32) == 32 && read(fds[0], p, 32) == 32);
	check(filled(p, 32, 7));
	check(write(fds[1], p, 32) == 32);
}

static void a_kernel_without_hidden_memory_has_anonymous_ones(void)
{
	void *p;

	refuse(MEMFD_SECRET, -1, 0, ENOSYS);
	check(plat_secret_new(32, 0, PLAT_SECRET_HIDDEN, &p) == -ENOSYS);
	p = open_secret(32, 0);
	check(!(state_of(p).protection & PLAT_SECRET_IS_HIDDEN));
	check(state_of(p).protection & PLAT_SECRET_IS_LOCKED);
	check(plat_secret_free(p) == 0);
}

static void without_descriptors_it_is_anonymous(void)
{
	struct rlimit none = {0, 0};
	void *p;

	check(setrlimit(RLIMIT_NOFILE, &none) == 0);
	p = secret_of(32, 0);
	check(!(state_of(p).protection & PLAT_SECRET_IS_HIDDEN));
	if (plat_secret_new(32, 0, PLAT_SECRET_HIDDEN, &p) == -ENOSYS)
		skip("this kernel has no memfd_secret");
	check(plat_secret_new(32, 0, PLAT_SECRET_HIDDEN, &p) == -EMFILE);
}

/* --- locks --- */

static void its_pages_are_locked_and_its_guards_are_not(void)
{
	size_t i;

	needs_locks();
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		char *p = try_secret(5000, 0, kinds[i]);

		if (!p)
			continue;
		check(locked_now() == 2 * page);
		check(state_of(p).protection & PLAT_SECRET_IS_LOCKED);
		check(plat_secret_open(p, WRITE) == 0 && plat_secret_close(p, WRITE) == 0);
		check(locked_now() == 2 * page);
		check(plat_secret_free(p) == 0);
		check(locked_now() == 0);
	}
}

/* The kernel is asked to put it into swap. */
static bool can_be_paged_out(char *p)
{
	return madvise(p, page, MADV_PAGEOUT) == 0;
}

static void nobody_can_ask_it_into_swap(void)
{
	size_t i;
	char *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	needs_locks();
	p[0] = 1;
	if (!can_be_paged_out(p))
		skip("this kernel cannot be asked for it");
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		p = try_secret(page, 0, kinds[i]);
		if (!p)
			continue;
		check(!can_be_paged_out(p));
		check(plat_secret_open(p, READ) == 0 && !can_be_paged_out(p));
	}
	be_limited_to(0);
	p = try_secret(page, 0, PLAT_SECRET_MAY_BE_UNLOCKED);
	check(can_be_paged_out(p));
}

static void what_cannot_be_locked_is_an_error(void)
{
	size_t before, i;
	void *p = NULL;

	be_limited_to(3 * page);
	check(plat_secret_free(secret_of(32, 0)) == 0);
	before = address_space();
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		int r = plat_secret_new(4 * page, 0, kinds[i], &p);

		check(r == -EDQUOT || (r == -ENOSYS && kinds[i] == PLAT_SECRET_HIDDEN));
	}
	check(plat_secret_new(4 * page, 0, 0, &p) == -EDQUOT);
	check(p == NULL && address_space() == before && locked_now() == 0);
	p = secret_of(3 * page, 0);
	check(plat_secret_new(1, 0, 0, &p) == -EDQUOT);
}

static void where_all_is_locked_the_limit_is_met_earlier(void)
{
	void *p;

	be_limited_to(page);
	check(plat_lock_all(PLAT_LOCK_FUTURE) == 0);
	check(plat_secret_new(page, 0, 0, &p) == -EDQUOT);
	check(plat_secret_new(page, 0, PLAT_SECRET_MAY_BE_UNLOCKED, &p) == -EDQUOT);
	check(plat_unlock_all() == 0);
	check(plat_secret_new(page, 0, 0, &p) == 0);
	check(plat_lock_all(PLAT_LOCK_FUTURE) == 0);
	check(plat_secret_new(page, 0, 0, &p) == -EDQUOT);
}

static void what_may_be_unlocked_says_so(void)
{
	char *p;

	be_limited_to(page);
	p = open_secret(2 * page, PLAT_SECRET_MAY_BE_UNLOCKED);
	check(!(state_of(p).protection & PLAT_SECRET_IS_LOCKED));
	check(state_of(p).protection & PLAT_SECRET_IS_NOT_IN_CORES);
	check(locked_now() == 0);
	/* What can be locked is locked all the same. */
	p = open_secret(page, PLAT_SECRET_MAY_BE_UNLOCKED);
	check(state_of(p).protection & PLAT_SECRET_IS_LOCKED);
}

static void a_limit_of_nothing_is_a_limit(void)
{
	void *p;

	be_limited_to(0);
	check(plat_secret_new(1, 0, 0, &p) == -EDQUOT);
	check(plat_secret_new(1, 0, PLAT_SECRET_ANONYMOUS, &p) == -EDQUOT);
	check(plat_secret_new(1, 0, PLAT_SECRET_MAY_BE_UNLOCKED, &p) == 0);
}

/* --- threads --- */

static char *shared;

static void *open_and_read(void *unused)
{
	size_t i;

	(void)unused;
	for (i = 0; i < 2000; i++) {
		check(plat_secret_open(shared, READ) == 0);
		check(filled(shared, 32, 7));
		check(plat_secret_close(shared, READ) == 0);
	}
	return NULL;
}

static void threads_read_it_while_others_close_it(void)
{
	pthread_t threads[4];
	size_t i;

	shared = open_secret(32, 0);
	fill(shared, 32, 7);
	check(plat_secret_close(shared, WRITE) == 0);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		check(pthread_create(&threads[i], NULL, open_and_read, NULL) == 0);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		check(pthread_join(threads[i], NULL) == 0);
	check(rights_at(shared) == 0);
}

static bool is_over;

static void *make_and_free(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		char *p = open_secret(64, 0);

		fill(p, 64, 9);
		check(filled(p, 64, 9));
		check(plat_secret_free(p) == 0);
	}
	return NULL;
}

static void children_of_a_busy_process_make_secrets_at_once(void)
{
	char *p = open_secret(32, 0);
	pthread_t threads[2];
	size_t i;

	fill(p, 32, 7);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		check(pthread_create(&threads[i], NULL, make_and_free, NULL) == 0);
	for (i = 0; i < 100; i++) {
		pid_t child = fork();

		if (child == 0) {
			check(first_set(p, 32) == 32);
			check(plat_secret_free(open_secret(32, 0)) == 0);
			_exit(0);
		}
		check(child_failed(child) == NULL);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		check(pthread_join(threads[i], NULL) == 0);
}

static const struct test tests[] = {
	{TEST(a_new_secret_is_closed_and_zeros)},
	{TEST(it_can_be_used_as_it_was_opened)},
	{TEST(opening_is_counted)},
	{TEST(the_first_byte_behind_it_faults)},
	{TEST(it_is_aligned_as_an_object_of_its_size)},
	{TEST(it_is_aligned_as_asked_for)},
	{TEST(the_guard_before_its_pages_faults)},
	{TEST(a_secret_of_whole_pages_has_a_guard_on_each_side)},
	{TEST(an_overwritten_canary_is_one_line_and_abort)},
	{TEST(what_is_no_secret_is_refused)},
	{TEST(what_is_not_open_is_not_closed)},
	{TEST(arguments_that_make_no_sense_are_refused)},
	{TEST(it_is_zeros_before_its_memory_is_given_back)},
	{TEST(nothing_is_left_of_a_thousand)},
	{TEST(several_hundred_at_a_time_are_found)},
	{TEST(the_child_of_a_fork_reads_zeros_of_a_hidden_one)},
	{TEST(the_child_of_a_fork_reads_zeros_of_an_anonymous_one)},
	{TEST(the_child_of_a_fork_reads_zeros_with_an_older_kernel)},
	{TEST(the_child_of_a_fork_reads_zeros_where_no_advice_is_taken)},
	{TEST(an_open_secret_is_open_in_the_child_and_zeros)},
	{TEST(a_child_by_clone_does_not_read_it)},
	{TEST(what_a_handler_maps_in_its_place_in_the_child_is_left_alone)},
	{TEST(a_hidden_one_cannot_be_read_from_outside)},
	{TEST(it_can_be_read_from_and_written_to_files)},
	{TEST(a_kernel_without_hidden_memory_has_anonymous_ones)},
	{TEST(without_descriptors_it_is_anonymous)},
	{TEST(its_pages_are_locked_and_its_guards_are_not)},
	{TEST(nobody_can_ask_it_into_swap)},
	{TEST(what_cannot_be_locked_is_an_error)},
	{TEST(where_all_is_locked_the_limit_is_met_earlier)},
	{TEST(what_may_be_unlocked_says_so)},
	{TEST(a_limit_of_nothing_is_a_limit)},
	{TEST(threads_read_it_while_others_close_it)},
	{TEST(children_of_a_busy_process_make_secrets_at_once)},
};

int main(int argc, char **argv)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
