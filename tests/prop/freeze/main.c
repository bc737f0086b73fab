/*
 * plat is killed with SIGKILL at a random moment of a look, in every way to look there is, and of
 * calls that it has made; the process that it looks at goes on and notices nothing.
 *
 *	freeze-kills [--kills N] [--seed N]
 */
#include "prop/freeze/steady.h"

#include "source/clock.h"
#include "source/freeze.h"
#include "source/inject.h"
#include "source/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENTLY 60000 /* milliseconds for what has to come */
#define LOOK_EVERY 10	/* kills between two looks at the process */

enum way { WAY_NEVER, WAY_REGISTERS, WAY_COPY, WAY_TRACKED, WAY_WHOLE, WAY_FUNCTION, NWAYS };

static const char *const way_names[NWAYS] = {
	"without a stop",    "registers only", "a copy",
	"a copy, injecting", "a whole stop",   "a function that is called",
};

static uint64_t seed = 1;

static uint64_t random_number(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static void rest(uint64_t ns)
{
	const struct timespec time = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};

	nanosleep(&time, NULL);
}

static int start_steady(void)
{
	int pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		steady_run();
	}
	return pid;
}

/* --- plat, which is killed --- */

static int look(const struct procdir *dir, const struct freeze_wish *wish)
{
	struct freeze *freeze;
	struct space space;
	struct error err;
	int r = freeze_begin(dir, wish, &freeze, &err);

	if (r < 0)
		return r;
	r = proc_load(dir, PROC_PAGES, &space, &err);
	if (r == 0)
		space_fini(&space);
	freeze_free(freeze);
	return r;
}

static int call(const struct procdir *dir)
{
	const struct inject_call request = {
		.function = (plat_addr)(uintptr_t)steady_function,
		.argument = 1,
		.most = NS_PER_S,
	};
	struct inject_told told;
	struct error err;
	int r = inject_function(dir, &request, &told, &err);

	return r == -EAGAIN ? 0 : r;
}

static int go_once(int pid, enum way way)
{
	static const struct freeze_wish wishes[] = {
		[WAY_NEVER] = {.rung = FREEZE_NEVER},
		[WAY_REGISTERS] = {.rung = FREEZE_REGISTERS},
		[WAY_COPY] = {.rung = FREEZE_COPY},
		[WAY_TRACKED] = {.rung = FREEZE_COPY, .inject = true},
		[WAY_WHOLE] = {.rung = FREEZE_WHOLE},
	};
	struct procdir dir;
	struct error err;
	int r = procdir_open(NULL, pid, &dir, &err);

	if (r < 0)
		return r;
	r = way == WAY_FUNCTION ? call(&dir) : look(&dir, &wishes[way]);
	procdir_close(&dir);
	return r;
}

static _Noreturn void be_plat(int pid, enum way way)
{
	for (;;)
		if (go_once(pid, way) < 0)
			_exit(1);
}

/* Whether this way can be gone here, and how long that takes, in ns. */
static bool try_way(int pid, enum way way, uint64_t *ret)
{
	uint64_t begin = clock_now();
	int r = go_once(pid, way);

	*ret = clock_now() - begin;
	if (r < 0)
		printf("# %s: %s\n", way_names[way], strerror(-r));
	return r == 0;
}

/* --- the process --- */

static bool is_traced(int pid)
{
	char path[64], text[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return strstr(text, "\nTracerPid:\t0\n") == NULL;
}

/* All parts of it go on, and nothing was wrong. */
static bool is_well(int pid)
{
	uint64_t before[NSTEADY_PARTS], begin = clock_now();
	unsigned part;

	for (part = 0; part < NSTEADY_PARTS; part++)
		before[part] = steady->rounds[part];
	for (part = 0; part < NSTEADY_PARTS; part++) {
		while (steady->rounds[part] == before[part] &&
		       clock_now() - begin < PATIENTLY * NS_PER_MS)
			rest(NS_PER_MS);
		if (steady->rounds[part] == before[part])
			return printf("# part %u stands still\n", part), false;
		if (steady->wrong[part])
			return printf("# part %u: line %" PRIu64 "\n", part, steady->wrong[part]),
			       false;
	}
	/* A helper may still be at work. */
	while (is_traced(pid) && clock_now() - begin < PATIENTLY * NS_PER_MS)
		rest(NS_PER_MS);
	if (is_traced(pid))
		return puts("# it is traced still"), false;
	return waitpid(pid, NULL, WNOHANG) == 0;
}

static void kill_once(int pid, enum way way, uint64_t time)
{
	int plat = fork();

	if (plat == 0)
		be_plat(pid, way);
	rest(random_number(2 * time + 1));
	kill(plat, SIGKILL);
	waitpid(plat, NULL, 0);
}

static bool kill_often(int pid, enum way way, unsigned kills, uint64_t time)
{
	unsigned i;

	for (i = 1; i <= kills; i++) {
		kill_once(pid, way, time);
		if ((i % LOOK_EVERY == 0 || i == kills) && !is_well(pid))
			return printf("# after %u kills\n", i), false;
	}
	return true;
}

static unsigned read_arguments(int argc, char **argv)
{
	unsigned kills = 60;
	int i;

	for (i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--kills") == 0)
			kills = (unsigned)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 10) | 1;
	}
	return kills;
}

int main(int argc, char **argv)
{
	unsigned kills = read_arguments(argc, argv), way, failed = 0;
	uint64_t time;
	int pid;

	setvbuf(stdout, NULL, _IOLBF, 0);
	steady = mmap(NULL, sizeof(*steady), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (steady == MAP_FAILED)
		return 1;
	pid = start_steady();
	printf("1..%d\n", NWAYS);
	for (way = 0; way < NWAYS; way++) {
		bool can = try_way(pid, way, &time);
		bool is_fine = is_well(pid) &&
			       (!can || kill_often(pid, way, (kills + NWAYS - 1) / NWAYS, time));

		failed += !is_fine;
		printf("%sok %u - %s, killed%s\n", is_fine ? "" : "not ", way + 1, way_names[way],
		       can ? "" : " # SKIP it cannot be done here");
	}
	printf("# called %" PRIu64 " times\n", steady->called);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return failed > 0;
}
