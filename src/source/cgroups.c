/*
 * /proc/PID/cgroup says in which group a process is, mountinfo where groups are to be seen:
 *
 *	4:memory:/docker/4711			version 1, the memory controller
 *	0::/user.slice/session.scope		version 2
 *
 *	32 31 0:29 /docker /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
 *		   ^root   ^mount point		    ^type	       ^options
 *
 * The mount shows groups below its root only, so that what is above cannot be read. A machine has
 * the memory controller in one of the two versions.
 */
#include "source/cgroups.h"

#include "base/list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MOST (1 << 20)
#define PATH_ROOM 4200
#define LEVELS_MOST 64

struct mount {
	unsigned version;
	char root[PATH_ROOM], point[PATH_ROOM];
};

/* Whether the words, separated by commas, have this one. */
static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);

	while (*words) {
		size_t n = strcspn(words, ",");

		if (n == length && strncmp(words, word, n) == 0)
			return true;
		words += n + (words[n] == ',');
	}
	return false;
}

/* The path in the hierarchy that limits memory. Version 1 wins: what it has, version 2 has not. */
static bool find_group(char *text, unsigned *version, char *path)
{
	char *line, *rest = text;

	*version = 0;
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *number = strsep(&line, ":"), *controllers = line ? strsep(&line, ":") : NULL;

		if (!controllers || !line || line[0] != '/' || strlen(line) >= PATH_ROOM)
			continue;
		if (has_word(controllers, "memory"))
			*version = 1;
		else if (*controllers || strcmp(number, "0") != 0 || *version)
			continue;
		else
			*version = 2;
		snprintf(path, PATH_ROOM, "%s", line);
	}
	return *version;
}

/* Takes the mount that a line of mountinfo tells of, if it shows this version's memory groups. */
static bool take_mount(const char *line, unsigned version, struct mount *mount)
{
	const char *options = strstr(line, " - ");
	char type[32], words[512] = "";

	if (!options || sscanf(options, " - %31s %*s %511s", type, words) < 1 ||
	    sscanf(line, "%*s %*s %*s %4199s %4199s", mount->root, mount->point) != 2)
		return false;
	if (version == 1)
		return strcmp(type, "cgroup") == 0 && has_word(words, "memory");
	return strcmp(type, "cgroup2") == 0;
}

static bool find_mount(char *mountinfo, unsigned version, struct mount *mount)
{
	char *line, *rest = mountinfo;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (take_mount(line, version, mount))
			return true;
	return false;
}

/* The part of the path that is below the mount's root, or NULL. "/" is "". */
static const char *below_root(const char *path, const char *root)
{
	size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (strncmp(path, root, length) != 0 || (path[length] && path[length] != '/'))
		return NULL;
	path += length;
	if (strstr(path, "/..")) /* outside of what our cgroup namespace shows */
		return NULL;
	return strcmp(path, "/") == 0 ? "" : path;
}

static int add_level(const struct procdir *dir, const char *folder, const char *name,
		     unsigned version, struct cgroups *cgroups)
{
	struct cgroup level = {.version = version};
	char path[2 * PATH_ROOM + 64];
	unsigned i;
	int r = list_reserve(&cgroups->levels, &cgroups->levels_room, cgroups->nlevels, 1);

	if (r < 0)
		return r;
	for (i = 0; i < NCGROUP_FIGURES; i++) {
		const char *file = cgroup_figure_name(&level, i);
		char *text;

		if (!file)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, file);
		if (procdir_read_root(dir, path, 64, &text, NULL) < 0)
			continue;
		cgroup_parse(&level, i, text);
		free(text);
	}
	if (!level.figures[CGROUP_MAX].known) /* the root group of version 2 limits nothing */
		return 0;
	level.name = strdup(*name ? name : "/");
	if (!level.name)
		return -ENOMEM;
	cgroups->levels[cgroups->nlevels++] = level;
	return 0;
}

/* From the group at `path` below the mount up to its root. */
static int add_levels(const struct procdir *dir, const char *point, const char *path,
		      unsigned version, struct cgroups *cgroups)
{
	char name[PATH_ROOM], folder[2 * PATH_ROOM];
	int r = 0, i;

	snprintf(name, sizeof(name), "%s", path);
	for (i = 0; i < LEVELS_MOST && r == 0; i++) {
		char *slash = strrchr(name, '/');

		snprintf(folder, sizeof(folder), "%s%s", point, name);
		r = add_level(dir, folder, name, version, cgroups);
		if (!slash)
			break;
		*slash = '\0';
	}
	return r;
}

static int load_live(const struct procdir *dir, const char *path, unsigned version,
		     struct cgroups *cgroups)
{
	struct mount *mount = malloc(sizeof(*mount));
	const char *below = NULL;
	char *mountinfo;
	int r;

	if (!mount)
		return -ENOMEM;
	r = procdir_read_root(dir, "/proc/self/mountinfo", TEXT_MOST, &mountinfo, NULL);
	if (r == 0) {
		if (find_mount(mountinfo, version, mount))
			below = below_root(path, mount->root);
		free(mountinfo);
	}
	if (below)
		r = add_levels(dir, mount->point, below, version, cgroups);
	free(mount);
	return r;
}

static int load(const struct procdir *dir, struct cgroups *cgroups)
{
	char *text, path[PATH_ROOM];
	unsigned version;
	int r = procdir_read(dir, "cgroup", TEXT_MOST, &text, NULL);

	if (r < 0)
		return r;
	if (!find_group(text, &version, path))
		snprintf(cgroups->why, sizeof(cgroups->why), "cgroup: it is in no group");
	else if (dir->live || dir->snapshot)
		r = load_live(dir, path, version, cgroups);
	else
		r = add_levels(dir, "cgroup", below_root(path, "/") ? path : "", version, cgroups);
	free(text);
	if (r == 0 && version == 1 && cgroups->nlevels == 0)
		snprintf(cgroups->why, sizeof(cgroups->why),
			 "cgroup: the files of its group cannot be seen from here");
	return r;
}

int cgroups_load(const struct procdir *dir, struct cgroups *ret)
{
	struct cgroups cgroups = CGROUPS_EMPTY;
	int r = load(dir, &cgroups);

	if (r == -ENOMEM) {
		cgroups_fini(&cgroups);
		return r;
	}
	if (r < 0)
		snprintf(cgroups.why, sizeof(cgroups.why), "cgroup: %s",
			 procdir_is_file(dir) && r == -ENODATA ? procdir_missing(dir)
			 : r == -EACCES || r == -EPERM	       ? "not permitted"
							       : strerror(-r));
	*ret = cgroups;
	return 0;
}
