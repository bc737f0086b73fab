/*
 * What /proc/self/status and /proc/self/statm say, as numbers. The text is the kernel's, and short:
 * it is read into a buffer on the stack, with nothing between it and the caller's structure but a
 * table.
 */
#include "../include/plat/usage.h"
#include "base/compiler.h"
#include "mem/kept_file.h"
#include "mem/result.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct plat__kept_file status = PLAT__KEPT_FILE("/proc/self/status");
static struct plat__kept_file statm = PLAT__KEPT_FILE("/proc/self/statm");

/* Each name as it begins its line, in the kernel's order, and where its number goes. */
#define LINE(name, field)                                                                          \
	{                                                                                          \
		"\n" name ":", sizeof("\n" name ":") - 1, offsetof(struct plat_usage, field)       \
	}
static const struct line {
	const char *name;
	size_t length;
	size_t offset;
} lines[] = {
	LINE("VmPeak", address_space_peak),
	LINE("VmSize", address_space),
	LINE("VmLck", locked),
	LINE("VmPin", pinned),
	LINE("VmHWM", resident_peak),
	LINE("VmRSS", resident),
	LINE("RssAnon", resident_anonymous),
	LINE("RssFile", resident_file),
	LINE("RssShmem", resident_shared),
	LINE("VmData", data),
	LINE("VmStk", stack),
	LINE("VmExe", text),
	LINE("VmLib", libraries),
	LINE("VmPTE", page_tables),
	LINE("VmSwap", swapped),
	LINE("HugetlbPages", huge),
};

/* The number at the start of the text, and where the text goes on; NULL: there is none. */
static const char *number(const char *text, size_t *ret)
{
	size_t value = 0;

	while (*text == ' ' || *text == '\t')
		text++;
	if (*text < '0' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *text - '0', &value))
			return NULL;
	}
	*ret = value;
	return text;
}

static size_t in_units(size_t count, size_t unit)
{
	size_t bytes;

	return __builtin_mul_overflow(count, unit, &bytes) ? SIZE_MAX - 1 : bytes;
}

/* Where the name ends. It should follow the last number, which ends at `at`, and its unit. */
static const char *find_line(const char *text, const struct line *line, const char *at)
{
	static const char unit[] = " kB";
	const char *next = at + sizeof(unit) - 1;

	if (strncmp(at, unit, sizeof(unit) - 1) != 0 ||
	    strncmp(next, line->name, line->length) != 0)
		next = strstr(text, line->name);
	return next ? next + line->length : NULL;
}

/* A line "VmRSS:	    1234 kB" */
static size_t kib_of(const char *text, const struct line *line, const char **at)
{
	const char *found = find_line(text, line, *at);
	size_t kib;

	found = found ? number(found, &kib) : NULL;
	if (!found)
		return PLAT_UNKNOWN;
	*at = found;
	return in_units(kib, 1024);
}

int plat_usage(struct plat_usage *ret, size_t size)
{
	struct plat_usage usage;
	char text[8192];
	const char *at = text;
	ssize_t n = plat__kept_file_read(&status, text, sizeof(text));
	size_t i;

	if (n < 0)
		return (int)n;
	memset(&usage, 0xff, sizeof(usage)); /* PLAT_UNKNOWN */
	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		size_t bytes = kib_of(text, &lines[i], &at);

		memcpy((char *)&usage + lines[i].offset, &bytes, sizeof(bytes));
	}
	plat__answer(ret, size, &usage, sizeof(usage), PLAT__NOT_KNOWN);
	return 0;
}

/* In pages: "size resident shared text lib data dt", proc(5). */
int plat_usage_now(size_t *address_space, size_t *resident)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), all, in_memory;
	char text[256];
	ssize_t n = plat__kept_file_read(&statm, text, sizeof(text));
	const char *rest;

	if (n < 0)
		return (int)n;
	rest = number(text, &all);
	if (!rest || !number(rest, &in_memory))
		return -EIO;
	*address_space = in_units(all, page);
	*resident = in_units(in_memory, page);
	return 0;
}

/* --- limits --- */

static size_t from_kernel(rlim_t limit)
{
	return limit == RLIM_INFINITY || limit > SIZE_MAX ? SIZE_MAX : (size_t)limit;
}

static size_t used_of(int resource)
{
	struct plat_usage usage;

	if (plat_usage(&usage, sizeof(usage)) < 0)
		return PLAT_UNKNOWN;
	switch (resource) {
	case RLIMIT_AS:
		return usage.address_space;
	case RLIMIT_DATA:
		return usage.data;
	case RLIMIT_MEMLOCK:
		return usage.locked;
	case RLIMIT_STACK:
		return usage.stack;
	default:
		return PLAT_UNKNOWN;
	}
}

int plat_limit_get(int resource, struct plat_limit *ret)
{
	struct plat_limit limit;
	struct rlimit kernel;
	int before = errno;

	if (getrlimit(resource, &kernel) < 0) {
		errno = before;
		return -EINVAL;
	}
	limit.soft = from_kernel(kernel.rlim_cur);
	limit.hard = from_kernel(kernel.rlim_max);
	limit.used = used_of(resource);
	if (limit.soft == SIZE_MAX)
		limit.left = SIZE_MAX;
	else if (limit.used == PLAT_UNKNOWN)
		limit.left = PLAT_UNKNOWN;
	else
		limit.left = limit.soft > limit.used ? limit.soft - limit.used : 0;
	*ret = limit;
	return 0;
}

int plat_limit_set(int resource, size_t soft)
{
	struct rlimit kernel;
	int before = errno, r = 0;

	if (getrlimit(resource, &kernel) < 0 || (soft != SIZE_MAX && soft > kernel.rlim_max)) {
		errno = before;
		return -EINVAL;
	}
	kernel.rlim_cur = soft == SIZE_MAX ? kernel.rlim_max : soft;
	if (setrlimit(resource, &kernel) < 0)
		r = -errno;
	errno = before;
	return r;
}
