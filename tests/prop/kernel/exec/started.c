#include "started.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_FILE (UINT64_C(1) << 61)

static const struct {
	unsigned field;
	const char *name;
} stats[NEXEC_STATS] = {
	[STAT_START_CODE] = {26, "start_code"},	  [STAT_END_CODE] = {27, "end_code"},
	[STAT_START_STACK] = {28, "start_stack"}, [STAT_START_DATA] = {45, "start_data"},
	[STAT_END_DATA] = {46, "end_data"},	  [STAT_START_BRK] = {47, "start_brk"},
	[STAT_ARG_START] = {48, "arg_start"},	  [STAT_ARG_END] = {49, "arg_end"},
	[STAT_ENV_START] = {50, "env_start"},	  [STAT_ENV_END] = {51, "env_end"},
};

const char *exec_stat_name(enum exec_stat stat)
{
	return stats[stat].name;
}

void exec_started_fini(struct exec_started *started)
{
	seen_fini(&started->seen);
	free(started->own_pages);
	*started = (struct exec_started){0};
}

/*
 * The child.
 */

/* All the same one: in the same piece of memory behind the list, which the caller frees. */
static char **make_strings(const struct exec_strings *strings)
{
	char **list = calloc(1, (strings->n + 1) * sizeof(*list) + strings->size + 1);
	unsigned i;

	if (!list)
		return NULL;
	if (strings->size)
		memset(list + strings->n + 1, 'a', strings->size - 1);
	for (i = 0; i < strings->n; i++)
		list[i] = (char *)(list + strings->n + 1);
	return list;
}

static int set_limits(const struct exec_setting *setting)
{
	static const int numbers[NMODEL_LIMITS] = {
		[MODEL_AS] = RLIMIT_AS,
		[MODEL_DATA] = RLIMIT_DATA,
		[MODEL_STACK] = RLIMIT_STACK,
		[MODEL_MEMLOCK] = -1,
	};
	struct rlimit limit;
	unsigned i;

	for (i = 0; i < NMODEL_LIMITS; i++) {
		if (numbers[i] < 0)
			continue;
		getrlimit(numbers[i], &limit);
		limit.rlim_cur = setting->limits[i];
		if (setrlimit(numbers[i], &limit) < 0)
			return -errno;
	}
	return 0;
}

static _Noreturn void become(const char *path, const struct exec_setting *setting, char **args,
			     char **envs, int report)
{
	int errnum;

	personality(setting->personality);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	errnum = -set_limits(setting);
	if (errnum == 0) {
		execve(path, args, envs);
		errnum = errno;
	}
	if (write(report, &errnum, sizeof(errnum)) != sizeof(errnum))
		_exit(126);
	_exit(0);
}

/* The memory is the parent's until then: to copy it costs more than all that is compared. */
static pid_t start(const char *path, const struct exec_setting *setting, int report)
{
	char **args = make_strings(&setting->args), **envs = make_strings(&setting->envs);
	pid_t pid = -1;

	if (args && envs)
		pid = vfork();
	if (pid == 0)
		become(path, setting, args, envs, report);
	free(args);
	free(envs);
	return pid;
}

/*
 * What the kernel shows.
 */

static int open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static ssize_t read_proc(pid_t pid, const char *name, void *to, size_t size)
{
	int fd = open_proc(pid, name);
	ssize_t n = fd < 0 ? -1 : read(fd, to, size - 1);

	if (fd >= 0)
		close(fd);
	((char *)to)[n < 0 ? 0 : n] = '\0';
	return n;
}

/* Fields are counted from 1, and the name in parentheses is the second. */
static int look_at_stat(pid_t pid, struct exec_started *ret)
{
	char text[2048];
	unsigned field, i;
	char *at;

	if (read_proc(pid, "stat", text, sizeof(text)) <= 0)
		return -EIO;
	at = strrchr(text, ')');
	for (field = 3; at && (at = strchr(at, ' ')) != NULL; field++) {
		at++;
		for (i = 0; i < NEXEC_STATS; i++)
			if (stats[i].field == field)
				ret->stat[i] = strtoull(at, NULL, 10);
	}
	return 0;
}

static int look_at_auxv(pid_t pid, unsigned bits, struct exec_started *ret)
{
	unsigned char bytes[2048];
	ssize_t n = read_proc(pid, "auxv", bytes, sizeof(bytes));
	size_t word = bits / 8, at;

	if (n <= 0)
		return -EIO;
	for (at = 0; at + 2 * word <= (size_t)n; at += 2 * word) {
		uint64_t key = 0, value = 0;

		memcpy(&key, bytes + at, word);
		memcpy(&value, bytes + at + word, word);
		ret->nauxv++;
		if (key == 0)
			break;
		if (key == 9)
			ret->entry = value;
		if (key == 7)
			ret->base = value;
	}
	return 0;
}

/* Names stand in smaps, whose text is still there. */
static void look_at_names(struct exec_started *ret)
{
	const char *at, *next;
	uint64_t start, end;

	for (at = ret->seen.text; *at; at = next) {
		const char *name = strchr(at, '[');

		next = strchr(at, '\n') + 1;
		if (!name || name > next || sscanf(at, "%" SCNx64 "-%" SCNx64, &start, &end) != 2)
			continue;
		if (strncmp(name, "[stack]", 7) == 0) {
			ret->stack_end = end;
		} else if (strncmp(name, "[vdso]", 6) == 0) {
			ret->vdso = start;
			ret->vdso_pages = (end - start) / MODEL_PAGE;
		} else if (strncmp(name, "[vvar", 5) == 0) {
			ret->vvar = ret->vvar ? ret->vvar : start;
			ret->vvar_pages += (end - start) / MODEL_PAGE;
		}
	}
}

static int look_at_pages(pid_t pid, struct exec_started *ret)
{
	int fd = open_proc(pid, "pagemap");
	size_t i;

	ret->own_pages = calloc(ret->seen.nvmas + 1, sizeof(*ret->own_pages));
	if (fd < 0 || !ret->own_pages)
		return -EIO;
	for (i = 0; i < ret->seen.nvmas; i++) {
		const struct seen_vma *vma = &ret->seen.vmas[i];
		uint64_t entries[512], at;

		/* Only small ones: nothing is written to in the others but their first page. */
		for (at = vma->start; at < vma->end && at < vma->start + (16 << 20);) {
			size_t n = (vma->end - at) / MODEL_PAGE, j;
			ssize_t got;

			n = n < 512 ? n : 512;
			got = pread(fd, entries, n * 8, (off_t)(at / MODEL_PAGE * 8));
			for (j = 0; got > 0 && j < (size_t)got / 8; j++)
				ret->own_pages[i] += (entries[j] & PAGEMAP_PRESENT) &&
						     !(entries[j] & PAGEMAP_FILE);
			at += n * MODEL_PAGE;
		}
	}
	close(fd);
	return 0;
}

static int look(pid_t pid, struct exec_started *ret)
{
	int smaps = open_proc(pid, "smaps"), status = open_proc(pid, "status");
	unsigned char ident[8];
	int mem = open_proc(pid, "exe");
	int r = -EIO;

	if (smaps >= 0 && status >= 0 && mem >= 0 && read(mem, ident, 8) == 8)
		r = seen_read_smaps(&ret->seen, smaps);
	if (r == 0)
		r = seen_read_counters(&ret->counters, status);
	if (r == 0)
		r = look_at_stat(pid, ret);
	if (r == 0)
		r = look_at_auxv(pid, ident[4] == 2 ? 64 : 32, ret);
	if (r == 0) {
		look_at_names(ret);
		r = look_at_pages(pid, ret);
	}
	close(smaps);
	close(status);
	close(mem);
	free(ret->seen.text);
	ret->seen.text = NULL;
	ret->seen.text_room = 0;
	return r;
}

int exec_start(const char *path, const struct exec_setting *setting, struct exec_started *ret)
{
	int report[2], status, r = 0;
	pid_t pid;

	*ret = (struct exec_started){.seen = SEEN_EMPTY};
	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	pid = start(path, setting, report[1]);
	close(report[1]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		r = -errno;
	if (r == 0 && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) {
		ret->outcome = EXEC_STOPPED;
		r = look(pid, ret);
	} else if (r == 0 && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSEGV) {
		ret->outcome = EXEC_KILLED;
	} else if (r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		ret->outcome = EXEC_REFUSED;
		if (read(report[0], &ret->errnum, sizeof(ret->errnum)) != sizeof(ret->errnum))
			r = -EIO;
		pid = 0;
	} else {
		r = -EIO;
	}
	close(report[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	if (r < 0)
		exec_started_fini(ret);
	return r;
}
