/*
 * A page that this program has in common with `plat run`, and with all that it starts: faults are
 * counted there when they happen, so that nothing needs to be said at the end, however it comes.
 */
#include "alloc/outside.h"

#include "alloc/atomic.h"
#include "alloc/options.h"
#include "alloc/system.h"
#include "base/compiler.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static struct report *report;

/* Digits up to the separator; the place behind it, or NULL. */
static const char *take_number(const char *text, char separator, uint64_t *ret)
{
	uint64_t value = 0;

	if (*text < '0' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return NULL;
	if (*text != separator)
		return NULL;
	*ret = value;
	return separator ? text + 1 : text;
}

/* "/proc/PID/fd/FD" */
static void name_descriptor(uint64_t pid, uint64_t fd, char *to)
{
	const uint64_t numbers[] = {pid, fd};
	const char *const words[] = {"/proc/", "/fd/"};
	char digits[21];
	size_t i, at;

	for (i = 0; i < 2; i++) {
		uint64_t number = numbers[i];

		to = stpcpy(to, words[i]);
		at = sizeof(digits) - 1;
		digits[at] = '\0';
		do
			digits[--at] = (char)('0' + number % 10);
		while ((number /= 10) != 0);
		to = stpcpy(to, digits + at);
	}
}

/* The page that this process has behind this descriptor, if it is the one with this number. */
static struct report *map_page(uint64_t pid, uint64_t fd, uint64_t number)
{
	struct report *page;
	uintptr_t at;
	char path[64];
	int file, r;

	name_descriptor(pid, fd, path);
	file = plat__system_open(path);
	if (file < 0)
		return NULL;
	r = plat__system_share(file, REPORT_BYTES, &at);
	plat__system_close(file);
	if (r < 0)
		return NULL;
	page = (struct report *)at;
	if (page->magic == REPORT_MAGIC && page->number == number)
		return page;
	plat__system_unmap(at, REPORT_BYTES);
	return NULL;
}

static bool is_started_one(void)
{
	return load_relaxed(&report->pid) == (uint32_t)plat__system_pid();
}

void plat__report_open(const char *value)
{
	uint64_t pid, fd, number;

	value = take_number(value, ':', &pid);
	value = value ? take_number(value, ':', &fd) : NULL;
	if (report || !value || !take_number(value, '\0', &number))
		return;
	report = map_page(pid, fd, number);
	if (!report)
		return;
	fetch_add(&report->nloaded, 1);
	if (is_started_one())
		store_release(&report->is_loaded, 1);
}

void plat__report_begin(void)
{
	if (!report)
		return;
	fetch_add(&report->nprograms, 1);
	if (is_started_one())
		store_release(&report->is_active, 1);
}

void plat__report_fault(void)
{
	if (report)
		fetch_add(&report->nfaults, 1);
}

/* --- PLAT_ALONE=FILE[:FILE]: programs that this one starts shall not have these libraries --- */

static bool is_in(const char *files, const char *name, size_t length)
{
	while (*files) {
		size_t n = strcspn(files, ":");

		if (n == length && memcmp(files, name, n) == 0)
			return true;
		files += n + (files[n] != '\0');
	}
	return false;
}

/* Takes the files out of a list with colons and blanks between; true if nothing else is left. */
static bool take_out(char *list, const char *files)
{
	char *from = list, *to = list;

	while (*from) {
		size_t n = strcspn(from, ": ");

		if (n > 0 && !is_in(files, from, n)) {
			if (to > list)
				*to++ = ':';
			memmove(to, from, n);
			to += n;
		}
		from += n + (from[n] != '\0');
	}
	*to = '\0';
	return to == list;
}

static bool is_gone(char *entry, const char *files)
{
	if (strncmp(entry, "PLAT_ALONE=", 11) == 0 || strncmp(entry, "PLAT_REPORT=", 12) == 0)
		return true;
	return strncmp(entry, "LD_PRELOAD=", 11) == 0 && take_out(entry + 11, files);
}

static void clean_environment(const char *files)
{
	char **from, **to = environ;

	for (from = environ; *from; from++)
		if (!is_gone(*from, files))
			*to++ = *from;
	*to = NULL;
}

/* Before main, also where nothing has been allocated: that it was loaded is to be known. */
static WHEN_IT_BEGINS void begin(void)
{
	if (!plat__options.is_ready)
		plat__options_init();
	if (plat__options.alone)
		clean_environment(plat__options.alone);
}

CALL_WHEN_IT_BEGINS(begin);
