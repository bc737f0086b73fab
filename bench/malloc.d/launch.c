/*
 * launch: runs a command once and says what it cost. It is a small program of its own because
 * wait4() reports as peak RSS at least that of the process that forked, and Python's is larger than
 * most of what we measure.
 *
 *     launch [-c CPU,CPU] [-r RUNS] [-s SECONDS] [-o FILE] [-m] [-k] [-e NAME=VALUE]... --
 * COMMAND...
 *
 *     -c  processors the command may use
 *     -r  runs it so many times; the figures are those of one run on the average, peaks the largest
 *     -s  kills it after that time
 *     -o  where its output goes, instead of nowhere
 *     -m  looks at /proc/PID/maps of it and of its children every few milliseconds: the most lines
 *     -k  brackets it with a calibration: a loop of arithmetic and cache that should take the same
 *         time always; the machine was slower when it does not
 *
 * Prints one line of NAME=NUMBER: status (as the shell counts), wall, user, sys in ns, rss in KiB,
 * minflt, majflt, vmas, foreign (ns of processor time that others used), cal (ns).
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_VARIABLES = 32, LOOPS = 3, TABLE = 1 << 15, ROUNDS = 40 };

struct options {
	cpu_set_t cpus;
	unsigned runs, seconds;
	const char *output;
	int look, calibrate;
	char **command;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A walk through 256 KiB in an order the prefetcher cannot guess, and some arithmetic. */
static uint64_t one_loop(void)
{
	static uint64_t table[TABLE];
	uint64_t x = 88172645463325252u, begin = now();
	unsigned i, j;

	for (j = 0; j < ROUNDS; j++)
		for (i = 0; i < TABLE; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			table[x % TABLE] += x;
		}
	/* the compiler must not see that nobody reads it */
	if (table[x % TABLE] == 1)
		return 0;
	return now() - begin;
}

/* The best of some loops on each processor, and of these the mean. */
static uint64_t calibrate(const cpu_set_t *cpus)
{
	uint64_t sum = 0, best, t;
	unsigned cpu, n = 0, i;
	cpu_set_t before, one;

	sched_getaffinity(0, sizeof(before), &before);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, cpus))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		for (best = UINT64_MAX, i = 0; i < LOOPS; i++) {
			t = one_loop();
			best = t < best ? t : best;
		}
		sum += best;
		n++;
	}
	sched_setaffinity(0, sizeof(before), &before);
	return n ? sum / n : 0;
}

/* Processor time that the given processors spent working, for anybody, in ns. */
static uint64_t busy(const cpu_set_t *cpus)
{
	unsigned long long user, nice, sys, idle, wait, irq, softirq, ticks = 0;
	char line[512];
	unsigned cpu;
	FILE *file = fopen("/proc/stat", "re");

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "cpu%u %llu %llu %llu %llu %llu %llu %llu", &cpu, &user, &nice,
			   &sys, &idle, &wait, &irq, &softirq) == 8 &&
		    cpu < CPU_SETSIZE && CPU_ISSET(cpu, cpus))
			ticks += user + nice + sys + irq + softirq;
	fclose(file);
	return ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

static unsigned lines_of(const char *path)
{
	char buffer[65536];
	unsigned n = 0;
	ssize_t length, i;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	while ((length = read(fd, buffer, sizeof(buffer))) > 0)
		for (i = 0; i < length; i++)
			n += buffer[i] == '\n';
	close(fd);
	return n;
}

/* Mappings of the process, or of one of its children if that has more. */
static unsigned mappings(pid_t pid)
{
	char path[64], list[4096];
	unsigned n, most;
	ssize_t length;
	char *at, *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	most = lines_of(path);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return most;
	length = read(fd, list, sizeof(list) - 1);
	close(fd);
	list[length > 0 ? length : 0] = '\0';
	for (at = list;; at = end) {
		long child = strtol(at, &end, 10);

		if (end == at)
			return most;
		snprintf(path, sizeof(path), "/proc/%ld/maps", child);
		n = lines_of(path);
		most = n > most ? n : most;
	}
}

static volatile sig_atomic_t running;

static void too_long(int signal)
{
	(void)signal;
	if (running)
		kill(-running, SIGKILL);
}

/* What we started has a process group of its own, and does not hear what the terminal says. */
static void interrupted(int signal)
{
	if (running)
		kill(-running, SIGKILL);
	_exit(128 + signal);
}

/* By fork, not posix_spawn: a child that shares our memory would inherit our peak with it. */
static pid_t spawn(const struct options *options, char **environment)
{
	const char *output = options->output ? options->output : "/dev/null";
	pid_t pid = fork();
	int fd;

	if (pid < 0)
		err(3, "fork");
	if (pid > 0) {
		setpgid(pid, pid);
		return pid;
	}
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		_exit(126);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
	environ = environment;
	execvp(options->command[0], options->command);
	_exit(127);
}

struct cost {
	int status;
	unsigned vmas;
	uint64_t wall, user, sys, minflt, majflt, rss;
};

static void add_run(const struct options *options, char **environment, struct cost *cost)
{
	struct timespec pause = {0, 3000000};
	struct rusage usage;
	uint64_t begin = now();
	unsigned n;
	int status;
	pid_t got;

	running = spawn(options, environment);
	alarm(options->seconds);
	for (;;) {
		got = wait4(running, &status, options->look ? WNOHANG : 0, &usage);
		if (got == running)
			break;
		if (got < 0 && errno != EINTR)
			err(3, "wait4");
		n = mappings(running);
		cost->vmas = n > cost->vmas ? n : cost->vmas;
		nanosleep(&pause, NULL);
	}
	cost->wall += now() - begin;
	running = 0;
	alarm(0);
	if (status)
		cost->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	cost->user +=
		(uint64_t)usage.ru_utime.tv_sec * 1000000000u + usage.ru_utime.tv_usec * 1000u;
	cost->sys += (uint64_t)usage.ru_stime.tv_sec * 1000000000u + usage.ru_stime.tv_usec * 1000u;
	cost->minflt += usage.ru_minflt;
	cost->majflt += usage.ru_majflt;
	cost->rss = (uint64_t)usage.ru_maxrss > cost->rss ? (uint64_t)usage.ru_maxrss : cost->rss;
}

static cpu_set_t read_cpus(const char *list)
{
	cpu_set_t cpus;
	char *end;

	CPU_ZERO(&cpus);
	for (;; list = end + 1) {
		CPU_SET(strtoul(list, &end, 10), &cpus);
		if (*end != ',')
			return cpus;
	}
}

/* Our environment, but for what -e sets. */
static char **environment_with(char **variables, unsigned nvariables)
{
	static char *all[1024];
	unsigned n = 0, i;
	char **at;

	for (at = environ; *at && n < 1024 - MOST_VARIABLES - 1; at++) {
		for (i = 0; i < nvariables; i++)
			if (strncmp(*at, variables[i], strcspn(variables[i], "=") + 1) == 0)
				break;
		if (i == nvariables)
			all[n++] = *at;
	}
	for (i = 0; i < nvariables; i++)
		all[n++] = variables[i];
	return all;
}

int main(int argc, char **argv)
{
	struct options options = {.runs = 1};
	char *variables[MOST_VARIABLES];
	unsigned nvariables = 0, i;
	struct cost cost = {0};
	uint64_t used, others, cal = 0;
	char **environment;
	int c;

	sched_getaffinity(0, sizeof(options.cpus), &options.cpus);
	while ((c = getopt(argc, argv, "+c:e:kmo:r:s:")) >= 0)
		switch (c) {
		case 'c':
			options.cpus = read_cpus(optarg);
			break;
		case 'r':
			options.runs = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 's':
			options.seconds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'o':
			options.output = optarg;
			break;
		case 'm':
			options.look = 1;
			break;
		case 'k':
			options.calibrate = 1;
			break;
		case 'e':
			if (nvariables == MOST_VARIABLES)
				errx(64, "too many variables");
			variables[nvariables++] = optarg;
			break;
		default:
			return 64;
		}
	options.command = argv + optind;
	if (!options.command[0] || options.runs < 1)
		errx(64, "no command");
	signal(SIGALRM, too_long);
	signal(SIGINT, interrupted);
	signal(SIGTERM, interrupted);
	environment = environment_with(variables, nvariables);
	if (sched_setaffinity(0, sizeof(options.cpus), &options.cpus) < 0)
		err(3, "sched_setaffinity");

	if (options.calibrate)
		cal = calibrate(&options.cpus);
	others = busy(&options.cpus);
	for (i = 0; i < options.runs; i++)
		add_run(&options, environment, &cost);
	others = busy(&options.cpus) - others;
	if (options.calibrate)
		cal = (cal + calibrate(&options.cpus)) / 2;
	used = cost.user + cost.sys;
	others = others > used ? others - used : 0;
	printf("status=%d wall=%llu user=%llu sys=%llu rss=%llu minflt=%llu majflt=%llu vmas=%u "
	       "foreign=%llu cal=%llu\n",
	       cost.status, (unsigned long long)cost.wall / options.runs,
	       (unsigned long long)cost.user / options.runs,
	       (unsigned long long)cost.sys / options.runs, (unsigned long long)cost.rss,
	       (unsigned long long)cost.minflt / options.runs,
	       (unsigned long long)cost.majflt / options.runs, cost.vmas,
	       (unsigned long long)others / options.runs, (unsigned long long)cal);
	return 0;
}
