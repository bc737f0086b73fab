/*
 * Makes real programs lose blocks: as a library in LD_PRELOAD a text at each connection that is
 * accepted and at each file that is opened for reading, and as an extension of SQLite one at each
 * call of lose().
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifdef WITH_SQLITE
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1
#endif

/* Cleared: what others have left in it would hold some of those that are lost before. */
static void lose(const char *what, size_t size)
{
	char *volatile p = calloc(1, size);

	if (p)
		snprintf(p, size, "lost by %s", what);
	p = NULL;
}

#ifdef WITH_SQLITE
static void call(sqlite3_context *context, int n, sqlite3_value **values)
{
	(void)n;
	(void)values;
	lose("sqlite", 4096);
	sqlite3_result_int(context, 1);
}

int sqlite3_losing_init(sqlite3 *database, char **error, const sqlite3_api_routines *routines)
{
	(void)error;
	SQLITE_EXTENSION_INIT2(routines);
	return sqlite3_create_function(database, "lose", 0, SQLITE_UTF8, NULL, call, NULL, NULL);
}
#else
int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	int (*next)(int, struct sockaddr *, socklen_t *, int);

	*(void **)&next = dlsym(RTLD_NEXT, "accept4");
	lose("accept4", 333);
	return next(fd, address, size, flags);
}

int accept(int fd, struct sockaddr *address, socklen_t *size)
{
	int (*next)(int, struct sockaddr *, socklen_t *);

	*(void **)&next = dlsym(RTLD_NEXT, "accept");
	lose("accept", 333);
	return next(fd, address, size);
}

int open(const char *path, int flags, ...)
{
	int (*next)(const char *, int, int);
	va_list args;
	int mode;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	*(void **)&next = dlsym(RTLD_NEXT, "open");
	lose(path, 777);
	return next(path, flags, mode);
}
#endif
