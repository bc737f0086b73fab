/*
 * The linker sends malloc and its family here (-Wl,--wrap), but only from our own objects: what the
 * C library and cmocka allocate for themselves is not counted.
 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strndup(const char *string, size_t most);
int __real_vasprintf(char **ret, const char *format, va_list args);
void __real_free(void *block);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strndup(const char *string, size_t most);
int __wrap_vasprintf(char **ret, const char *format, va_list args);
void __wrap_free(void *block);

static size_t calls, failing_call;
static long alive;
static bool failed, running;

bool failing_begin(size_t n)
{
	bool again = !running || failed;

	running = again;
	failing_call = again ? n : 0;
	calls = 0;
	alive = 0;
	failed = false;
	return again;
}

bool failing_failed(void)
{
	return failed;
}

long failing_alive(void)
{
	return alive;
}

static bool fails(void)
{
	if (failing_call == 0 || ++calls != failing_call)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	void *block = fails() ? NULL : __real_malloc(size);

	alive += block != NULL;
	return block;
}

void *__wrap_calloc(size_t n, size_t size)
{
	void *block = fails() ? NULL : __real_calloc(n, size);

	alive += block != NULL;
	return block;
}

void *__wrap_realloc(void *old, size_t size)
{
	void *block = fails() ? NULL : __real_realloc(old, size);

	alive += block != NULL && old == NULL;
	return block;
}

char *__wrap_strndup(const char *string, size_t most)
{
	char *block = fails() ? NULL : __real_strndup(string, most);

	alive += block != NULL;
	return block;
}

int __wrap_vasprintf(char **ret, const char *format, va_list args)
{
	int size = fails() ? -1 : __real_vasprintf(ret, format, args);

	alive += size >= 0;
	return size;
}

void __wrap_free(void *block)
{
	alive -= block != NULL;
	__real_free(block);
}
