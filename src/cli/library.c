#include "cli/library.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef PLAT_LIBDIR
#define PLAT_LIBDIR "/usr/local/lib"
#endif
/* From the folder of plat's executable to that of libraries. */
#ifndef PLAT_LIBDIR_FROM_BIN
#define PLAT_LIBDIR_FROM_BIN "../lib"
#endif

#define FILE_NAME "libplat-malloc.so.1"
#define CHECKED_NAME "libplat-checked.so.1"

static bool try_file(const char *folder, const char *between, const char *name, char *ret)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s%s/%s", folder, between, name) >= sizeof(path))
		return false;
	/* Links are followed only in folders: what is to be loaded may be moved behind the link. */
	return access(path, R_OK) == 0 && realpath(path, ret);
}

static bool try(const char *folder, const char *between, char *ret)
{
	return try_file(folder, between, FILE_NAME, ret);
}

static bool find_beside_plat(char *ret)
{
	char folder[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	char *slash;

	if (n <= 0)
		return false;
	folder[n] = '\0';
	slash = strrchr(folder, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return try(folder, "/../alloc", ret) || try(folder, "/" PLAT_LIBDIR_FROM_BIN, ret) ||
	       try(folder, "", ret);
}

static int take_named(const char *named, char *ret, struct error *err)
{
	if (!realpath(named, ret))
		return fail(err, errno, "%s: this library cannot be used", named);
	return 0;
}

/* LD_PRELOAD separates by both, and knows no escape. */
static int check_path(const char *path, struct error *err)
{
	if (path[strcspn(path, ": \t")])
		return fail(err, -EINVAL,
			    "%s: LD_PRELOAD cannot name a library whose path has a blank or a "
			    "colon",
			    path);
	return 0;
}

int library_find(const char *named, char ret[PATH_MAX], struct error *err)
{
	const char *variable = getenv("PLAT_LIBRARY");
	int r = 0;

	if (named)
		r = take_named(named, ret, err);
	else if (variable && *variable)
		r = take_named(variable, ret, err);
	else if (!find_beside_plat(ret) && !try(PLAT_LIBDIR, "", ret))
		r = fail(err, -ENOENT,
			 FILE_NAME " is neither beside plat nor in " PLAT_LIBDIR
				   "; name it by --library or PLAT_LIBRARY");
	return r < 0 ? r : check_path(ret, err);
}

int library_find_checked(const char *library, char ret[PATH_MAX], struct error *err)
{
	char folder[PATH_MAX];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", library);
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	if (!try_file(folder, "", CHECKED_NAME, ret) &&
	    !try_file(folder, "/../mem", CHECKED_NAME, ret))
		return fail(err, -ENOENT, CHECKED_NAME " is not beside %s", library);
	return check_path(ret, err);
}
