#include "check.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED 77
#define DEFAULT_SECONDS 300

static bool everything;
static unsigned long seconds_each = DEFAULT_SECONDS;
static char why_skipped[200];

/* One write a line: threads and processes say things at the same time. */
static void say(const char *line, int size)
{
	if (size > 0 && write(STDOUT_FILENO, line, (size_t)size) != size)
		_exit(99);
}

static void say_note(const char *format, va_list args)
{
	char line[500];
	int size = snprintf(line, sizeof(line), "# ");

	size += vsnprintf(line + size, sizeof(line) - (size_t)size - 1, format, args);
	if (size > (int)sizeof(line) - 2)
		size = (int)sizeof(line) - 2;
	line[size++] = '\n';
	say(line, size);
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_note(format, args);
	va_end(args);
}

void check_failed(const char *file, int line, const char *condition, const char *format, ...)
{
	const char *name = strrchr(file, '/');
	int error = errno;

	note("%s:%d: this does not hold: %s (errno %d)", name ? name + 1 : file, line, condition,
	     error);
	if (format) {
		va_list args;

		va_start(args, format);
		say_note(format, args);
		va_end(args);
	}
	_exit(1);
}

/* The reason is the last note before the exit; the parent cannot see into this process. */
void skip(const char *why)
{
	note("SKIP %s", why);
	_exit(SKIPPED);
}

bool is_ours(void)
{
	static int answer = -1;

	if (answer < 0)
		answer = dlsym(RTLD_DEFAULT, "plat_block_of") != NULL;
	return answer;
}

/* Whether it lies in the same file as a function that nobody replaces. */
bool is_libc(void)
{
	Dl_info of_malloc, of_libc;

	return dladdr(dlsym(RTLD_DEFAULT, "malloc"), &of_malloc) &&
	       dladdr(dlsym(RTLD_DEFAULT, "getpid"), &of_libc) &&
	       of_malloc.dli_fbase == of_libc.dli_fbase;
}

void needs_ours(const char *why)
{
	if (!is_ours() && !everything)
		skip(why);
}

static bool is_set(const char *name, const char *wanted)
{
	const char *value = getenv(name);

	return is_ours() && value && strcmp(value, wanted) == 0;
}

bool is_hard(void)
{
	return is_set("PLAT_HARD", "1");
}

bool is_guard_all(void)
{
	return is_set("PLAT_GUARD", "all");
}

void *entry_point(const char *name)
{
	void *function = dlsym(RTLD_DEFAULT, name);

	check_with(function || !is_ours(), "%s is missing", name);
	return function;
}

const char *child_failed(pid_t child)
{
	static _Thread_local char word[60];
	int status;

	check(child > 0);
	while (waitpid(child, &status, 0) < 0)
		check(errno == EINTR);
	if (WIFSIGNALED(status))
		snprintf(word, sizeof(word), "ended by SIG%s", sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		snprintf(word, sizeof(word), "exit status %d", WEXITSTATUS(status));
	else
		return NULL;
	return word;
}

/* The nth number of a file that has only numbers; stdio would allocate. */
static size_t statm(unsigned nth)
{
	char text[200], *at = text;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t size;
	unsigned long value;

	check(fd >= 0);
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	check(size > 0);
	text[size] = 0;
	do
		value = strtoul(at, &at, 10);
	while (nth-- > 0);
	return value * (size_t)sysconf(_SC_PAGESIZE);
}

size_t address_space(void)
{
	return statm(0);
}

size_t resident(void)
{
	return statm(1);
}

const size_t edges[] = {
	1,	7,	8,	15,	 16,	  17,	   24,	    25,	     31,     32,
	33,	40,	47,	48,	 49,	  63,	   64,	    65,	     100,    127,
	128,	129,	200,	255,	 256,	  257,	   500,	    511,     512,    513,
	1000,	1023,	1024,	1025,	 1500,	  2047,	   2048,    2049,    4000,   4095,
	4096,	4097,	8191,	8192,	 8193,	  16383,   16384,   16385,   32767,  32768,
	32769,	65535,	65536,	65537,	 100000,  131055,  131071,  131072,  131073, 200000,
	262144, 500000, 999999, 1048576, 2097151, 2097152, 2097153, 5000000, 0,
};

/*
 * Patterns.
 */

static uint64_t word_of(uint64_t pattern, size_t i)
{
	return (pattern + i) * UINT64_C(0x9e3779b97f4a7c15);
}

void fill(void *block, size_t size, uint64_t pattern)
{
	unsigned char *bytes = block;
	size_t i;

	for (i = 0; i < size / 8; i++) {
		uint64_t word = word_of(pattern, i);

		memcpy(bytes + 8 * i, &word, 8);
	}
	if (size % 8) {
		uint64_t word = word_of(pattern, i);

		memcpy(bytes + 8 * i, &word, size % 8);
	}
}

size_t first_wrong(const void *block, size_t size, uint64_t pattern)
{
	const unsigned char *bytes = block;
	size_t i, j;

	for (i = 0; i < size; i += 8) {
		size_t n = size - i < 8 ? size - i : 8;
		uint64_t word = word_of(pattern, i / 8);

		if (memcmp(bytes + i, &word, n) == 0)
			continue;
		for (j = 0; bytes[i + j] == ((unsigned char *)&word)[j]; j++)
			;
		return i + j;
	}
	return size;
}

size_t first_set(const void *block, size_t size)
{
	const unsigned char *bytes = block;
	size_t i = 0;

	while (size - i >= 8) {
		uint64_t word;

		memcpy(&word, bytes + i, 8);
		if (word)
			break;
		i += 8;
	}
	while (i < size && bytes[i] == 0)
		i++;
	return i;
}

/*
 * The program.
 */

/* The leader of a process group, so that no child of its own outlives it. */
static volatile pid_t running;
static volatile sig_atomic_t too_long;

static void take_too_long(int signal)
{
	static const char text[] = "# it took too long\n";

	(void)signal;
	too_long = 1;
	say(text, sizeof(text) - 1);
	kill(-running, SIGKILL);
}

/* What the child says passes through, so that the reason for a skip can stand in TAP's line. */
static void pass_on(int from)
{
	char text[4096];
	size_t size = 0;

	why_skipped[0] = 0;
	for (;;) {
		ssize_t n = read(from, text + size, sizeof(text) - 1 - size);
		char *line = text, *end;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		size += (size_t)n;
		text[size] = 0;
		while ((end = strchr(line, '\n'))) {
			*end = 0;
			if (strncmp(line, "# SKIP ", 7) == 0) {
				snprintf(why_skipped, sizeof(why_skipped), "%s", line + 7);
			} else {
				*end = '\n';
				say(line, (int)(end + 1 - line));
			}
			line = end + 1;
		}
		size = (size_t)(text + size - line);
		memmove(text, line, size);
		if (size == sizeof(text) - 1)
			size = 0;
	}
}

static bool run_apart(const struct test *test, unsigned number)
{
	const char *failure;
	char line[600];
	int fds[2], size;

	check(pipe(fds) == 0);
	too_long = 0;
	running = fork();
	check(running >= 0);
	if (running == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		test->run();
		_exit(0);
	}
	setpgid(running, running);
	close(fds[1]);
	alarm((unsigned)seconds_each);
	pass_on(fds[0]);
	failure = child_failed(running);
	alarm(0);
	close(fds[0]);
	kill(-running, SIGKILL);
	if (too_long && !failure)
		failure = "a child of its own was left behind";

	if (failure && strcmp(failure, "exit status 77") == 0) {
		size = snprintf(line, sizeof(line), "ok %u - %s # SKIP %s\n", number, test->name,
				why_skipped);
		failure = NULL;
	} else {
		if (failure)
			note("%s", failure);
		size = snprintf(line, sizeof(line), "%s %u - %s\n", failure ? "not ok" : "ok",
				number, test->name);
	}
	say(line, size);
	return failure == NULL;
}

static const struct test *find(const struct test *tests, size_t ntests, const char *name)
{
	size_t i;

	for (i = 0; i < ntests; i++)
		if (strcmp(tests[i].name, name) == 0)
			return &tests[i];
	fprintf(stderr, "%s: there is no such test\n", name);
	exit(64);
}

/* An option with its number, if it is one; the next argument to look at. */
static int option(int argc, char **argv, int i, const struct number *numbers, size_t nnumbers)
{
	const char *word = argv[i] + 2;
	size_t j;

	if (strcmp(word, "everything") == 0) {
		everything = true;
		return i + 1;
	}
	if (i + 1 < argc) {
		if (strcmp(word, "seconds") == 0) {
			seconds_each = strtoul(argv[i + 1], NULL, 0);
			return i + 2;
		}
		for (j = 0; j < nnumbers; j++) {
			if (strcmp(word, numbers[j].name) == 0) {
				*numbers[j].value = strtoul(argv[i + 1], NULL, 0);
				return i + 2;
			}
		}
	}
	fprintf(stderr, "%s: wrong usage: %s; see the head of the program\n", argv[0], argv[i]);
	exit(64);
}

int tests_main(int argc, char **argv, const struct test *tests, size_t ntests,
	       const struct number *numbers, size_t nnumbers)
{
	const struct test *chosen[100];
	size_t nchosen = 0, i, nfailed = 0;
	struct sigaction action = {.sa_handler = take_too_long};
	char plan[20];
	int a = 1;

	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (i = 0; i < ntests; i++)
			puts(tests[i].name);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "--here") == 0) {
		find(tests, ntests, argv[2])->run();
		return 0;
	}
	while (a < argc) {
		if (strncmp(argv[a], "--", 2) == 0)
			a = option(argc, argv, a, numbers, nnumbers);
		else if (nchosen < ARRAY_SIZE(chosen))
			chosen[nchosen++] = find(tests, ntests, argv[a++]);
	}
	if (nchosen == 0) {
		check(ntests <= ARRAY_SIZE(chosen));
		for (; nchosen < ntests; nchosen++)
			chosen[nchosen] = &tests[nchosen];
	}

	sigaction(SIGALRM, &action, NULL);
	say(plan, snprintf(plan, sizeof(plan), "1..%zu\n", nchosen));
	for (i = 0; i < nchosen; i++)
		nfailed += !run_apart(chosen[i], (unsigned)i + 1);
	return nfailed ? 1 : 0;
}
