#include "cli/target.h"

#include "cli/report.h"
#include "source/core.h"
#include "source/core_unpack.h"
#include "source/snapshot.h"
#include "space/kinds.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool all_digits(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!isdigit((unsigned char)*s))
			return false;
	return true;
}

/* What is neither a process nor an address. */
static bool names_file(const char *operand)
{
	if (all_digits(operand) || strcmp(operand, "self") == 0 || strncmp(operand, "0x", 2) == 0)
		return false;
	return strchr(operand, '/') || access(operand, F_OK) == 0;
}

int target_pid(const struct command *command, const char *operand, int *ret)
{
	long pid;

	if (strcmp(operand, "self") == 0) {
		*ret = getpid();
		return 0;
	}
	if (all_digits(operand)) {
		errno = 0;
		pid = strtol(operand, NULL, 10);
		if (errno || pid <= 0 || pid > INT32_MAX)
			return usage_error(command, "%s: not the number of a process", operand);
		*ret = (int)pid;
		return 0;
	}
	if (strncmp(operand, "0x", 2) == 0)
		return usage_error(command, "%s: an address, where a process is wanted", operand);
	if (names_file(operand))
		return usage_error(command, "%s: a file, where a running process is wanted",
				   operand);
	return usage_error(command, "%s: neither a process nor a file", operand);
}

int target_check(const struct options *options, const char *operand)
{
	int pid;

	if (!options->command->takes_core || !names_file(operand))
		return target_pid(options->command, operand, &pid);
	if (options->root)
		return usage_error(options->command, "%s: a file: not with --root", operand);
	return 0;
}

/* A core or a snapshot; either may have been packed by zstd. */
static int open_file(const char *path, struct procdir *ret, struct error *err)
{
	struct snapshot *snapshot;
	struct core *core;
	/* A pipe without a writer must not hold us up, nor a terminal become ours. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r;
	uint64_t size;

	if (fd < 0)
		return fail(err, errno, "%s: cannot open it", path);
	r = core_unpack(path, &fd, &size, err);
	if (r < 0) {
		close(fd);
		return r;
	}
	if (snapshot_is(fd)) {
		r = snapshot_open_fd(fd, path, &snapshot, err);
		if (r == 0)
			*ret = procdir_of_snapshot(snapshot);
	} else {
		r = core_open_fd(fd, path, &core, err);
		if (r == 0)
			*ret = procdir_of_core(core);
	}
	return r;
}

int target_open_dir(const struct options *options, const char *operand, struct procdir *ret)
{
	struct error err;
	int pid, code = target_check(options, operand);

	if (code == 0 && names_file(operand)) {
		if (open_file(operand, ret, &err) < 0)
			code = look_error(options->command, "%s", err.text);
		return code;
	}
	if (code == 0)
		code = target_pid(options->command, operand, &pid);
	if (code == 0 && procdir_open(options->root, pid, ret, &err) < 0)
		code = look_error(options->command, "%s", err.text);
	return code;
}

/* Where there is nothing to stop, that says more than that it could not be stopped. */
static int begin_freeze(const struct options *options, struct target *target)
{
	struct error err, better;
	int r = freeze_begin(&target->dir, &options->freeze, &target->freeze, &err);

	if (r == 0)
		return 0;
	if (proc_is_there(&target->dir, &better) < 0)
		err = better;
	else if (r == -EBUSY) /* but it can be looked at all the same */
		return look_error(options->command, "%s; --no-stop looks at it as it is", err.text);
	return look_error(options->command, "%s", err.text);
}

int target_open(const struct options *options, const char *operand, unsigned want,
		struct target *ret)
{
	struct error err;
	int code = target_open_dir(options, operand, &ret->dir);

	if (code)
		return code;
	code = begin_freeze(options, ret);
	if (code) {
		procdir_close(&ret->dir);
		return code;
	}
	if (proc_load(&ret->dir, want, &ret->space, &err) < 0) {
		freeze_free(ret->freeze);
		procdir_close(&ret->dir);
		return look_error(options->command, "%s", err.text);
	}
	report_name(&ret->space, ret->name);
	return 0;
}

bool target_is_stopped(const struct target *target)
{
	const struct space *space = &target->space;
	const struct freeze_told *told = freeze_told(target->freeze);
	size_t i;

	if (space->core)
		return true;
	if (told->rung != FREEZE_NEVER)
		return told->rung >= FREEZE_COPY && !told->was_cut;
	for (i = 0; i < space->nthreads; i++)
		if (space->threads[i].tid && space->threads[i].state != 'T' &&
		    space->threads[i].state != 't')
			return false;
	return space->nthreads > 0;
}

const char *target_looked(const struct target *target, char to[FREEZE_WORDS_SIZE])
{
	if (!target->space.core)
		return freeze_words(freeze_told(target->freeze), to);
	snprintf(to, FREEZE_WORDS_SIZE, "as the core has it");
	return to;
}

void target_close(struct target *target)
{
	freeze_free(target->freeze);
	space_fini(&target->space);
	procdir_close(&target->dir);
}

static const char *parse_address(const char *s, plat_addr *ret)
{
	char *end;

	if (strncmp(s, "0x", 2) != 0 || !isxdigit((unsigned char)s[2]))
		return NULL;
	errno = 0;
	*ret = strtoull(s, &end, 16);
	return errno ? NULL : end;
}

int target_address(const struct command *command, const char *operand, plat_addr *ret)
{
	const char *end = parse_address(operand, ret);

	if (!end || *end)
		return usage_error(command, "%s: not an address; one begins with 0x", operand);
	return 0;
}

static const char *parse_size(const char *s, uint64_t *ret)
{
	static const char units[] = "KMGTPE";
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)*s))
		return NULL;
	errno = 0;
	*ret = strtoull(s, &end, 0);
	if (errno)
		return NULL;
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		if (__builtin_mul_overflow(*ret, UINT64_C(1) << (10 * (unit - units + 1)), ret))
			return NULL;
		end++;
		if (strcmp(end, "iB") == 0)
			end += 2;
	}
	return *end ? NULL : end;
}

int target_count(const struct command *command, const char *operand, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(operand, &end, 10);
	if (!isdigit((unsigned char)*operand) || *end || errno || *ret == 0)
		return usage_error(command, "%s: not a count", operand);
	return 0;
}

int target_top(const struct command *command, const char *operand, size_t *ret)
{
	uint64_t count = 0;
	int code = target_count(command, operand, &count);

	*ret = (size_t)min_u64(count, SIZE_MAX);
	return code;
}

int target_size(const struct command *command, const char *operand, uint64_t *ret)
{
	if (!parse_size(operand, ret))
		return usage_error(command, "%s: not a size", operand);
	return 0;
}

int target_range(const struct command *command, const char *operand, plat_addr *start,
		 plat_addr *end)
{
	const char *rest = parse_address(operand, start);
	uint64_t size;

	if (rest && *rest == '\0') {
		*end = add_capped(*start, 1);
		return 0;
	}
	if (rest && *rest == '-') {
		rest = parse_address(rest + 1, end);
		if (rest && *rest == '\0' && *start < *end)
			return 0;
	} else if (rest && *rest == '+' && parse_size(rest + 1, &size) && size) {
		*end = add_capped(*start, size);
		return 0;
	}
	return usage_error(command, "%s: not a range; write 0xSTART-0xEND or 0xSTART+SIZE",
			   operand);
}

int target_kinds(const struct command *command, const char *list, uint32_t *kinds)
{
	if (!*list)
		return usage_error(command, "name kinds, separated by commas");
	while (*list) {
		size_t length = strcspn(list, ",");
		char name[32];
		enum kind kind;

		snprintf(name, sizeof(name), "%.*s", (int)length, list);
		kind = kind_by_name(name);
		if (kind == KIND_NONE)
			return usage_error(command, "%.*s: no such kind", (int)length, list);
		*kinds |= UINT32_C(1) << kind;
		list += length + (list[length] == ',');
	}
	return 0;
}
