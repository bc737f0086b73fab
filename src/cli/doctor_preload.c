/*
 * Why a library that was to be preloaded is not there. The dynamic linker says it on the program's
 * standard error, where nobody looks; here its reasons are tried again, from what can be seen.
 */
#include "cli/doctor.h"

#include "base/list.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 4400
#define SYSTEM_FILE "/etc/ld.so.preload"
#define SYSTEM_MOST 65536

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The path below the process's own root. */
static const char *inner_path(const char *name, char *to)
{
	snprintf(to, PATH_SIZE, "root%.4300s", name);
	return to;
}

/* A library that was named by its path is known by its file, others by their name. */
static uint32_t find_module(const struct doctor_report *report, const struct procdir *dir,
			    const char *name)
{
	const struct space *space = report->space;
	bool has_slash = strchr(name, '/') != NULL, has_token = strchr(name, '$') != NULL;
	char path[PATH_SIZE];
	struct procdir_stat st = {0};
	uint32_t i;

	if (has_slash && !has_token && (dir->live || dir->snapshot) &&
	    procdir_stat(dir, inner_path(name, path), &st) < 0)
		st.inode = 0;
	for (i = 0; i < space->nmodules; i++) {
		uint32_t number = space->modules[i].file;
		const struct file *file = number == NO_FILE ? NULL : &space->files[number];

		if (!file)
			continue;
		if (strcmp(file->name, name) == 0 || (st.inode && file->inode == st.inode))
			return i;
		if ((!has_slash || has_token) &&
		    strcmp(base_name(file->name), base_name(name)) == 0)
			return i;
	}
	return NO_MODULE;
}

/* What is wrong with the file itself; false: nothing that we see. */
static bool is_wrong_file(const struct doctor_report *report, const struct procdir *dir,
			  const char *name, char *why, size_t size)
{
	unsigned bits = report->space->process.bits;
	unsigned char ident[EI_NIDENT] = {0};
	char path[PATH_SIZE];
	int r;

	if ((!dir->live && !dir->snapshot) || name[0] != '/' || strchr(name, '$'))
		return false;
	r = procdir_read_begin(dir, inner_path(name, path), ident, sizeof(ident));
	if (r < 0) {
		if (r != -ENOENT && r != -ENOTDIR)
			return false;
		snprintf(why, size, "there is no such file");
		return true;
	}
	if (memcmp(ident, ELFMAG, SELFMAG) != 0)
		snprintf(why, size, "it is not an ELF file");
	else if (bits && (ident[EI_CLASS] == ELFCLASS64) != (bits == 64))
		snprintf(why, size, "it is for %u-bit programs, and this is a %u-bit one",
			 ident[EI_CLASS] == ELFCLASS64 ? 64 : 32, bits);
	else
		*why = '\0';
	return *why != '\0';
}

static void find_reason(const struct doctor_report *report, const struct procdir *dir,
			const char *name, char *why, size_t size)
{
	const struct process *process = &report->space->process;

	if (report->allocator->how == ALLOCATOR_STATIC)
		snprintf(why, size, "the program is static, nothing loads libraries for it");
	else if (process->secure == 1 && strchr(name, '/'))
		snprintf(why, size,
			 "it has gained rights (AT_SECURE), so that names with a slash "
			 "are ignored");
	else if (process->secure == 1)
		snprintf(why, size,
			 "it has gained rights (AT_SECURE), so that only libraries with "
			 "the set-user-ID bit in system folders are taken");
	else if (report->allocator->how == ALLOCATOR_NOT_FOUND && report->allocator->norder == 0)
		snprintf(why, size, "%s", report->allocator->why);
	else if (!is_wrong_file(report, dir, name, why, size))
		snprintf(why, size,
			 "the dynamic linker did not take it, and said why on standard "
			 "error: a library that it needs may be missing");
}

static int take_preload(struct doctor_report *report, const struct procdir *dir, const char *name,
			size_t length, const char *from)
{
	int r = list_reserve(&report->preloads, &report->preloads_room, report->npreloads, 1);
	struct doctor_preload *preload;

	if (r < 0)
		return r;
	preload = &report->preloads[report->npreloads];
	*preload = (struct doctor_preload){.name = strndup(name, length), .from = from};
	if (!preload->name)
		return -ENOMEM;
	report->npreloads++;
	preload->module = find_module(report, dir, preload->name);
	if (preload->module == NO_MODULE)
		find_reason(report, dir, preload->name, preload->why, sizeof(preload->why));
	return 0;
}

int doctor_take_preloads(struct doctor_report *report, const struct procdir *dir, const char *list,
			 const char *from)
{
	int r = 0;

	while (r == 0 && *list) {
		size_t length = strcspn(list, ": \t\n");

		if (length)
			r = take_preload(report, dir, list, length, from);
		list += length + (list[length] != '\0');
	}
	return r;
}

int doctor_take_system_preloads(struct doctor_report *report, const struct procdir *dir)
{
	char *list;
	int r;

	if (!dir->live && !dir->snapshot)
		return 0;
	r = procdir_read(dir, "root" SYSTEM_FILE, SYSTEM_MOST, &list, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = doctor_take_preloads(report, dir, list, SYSTEM_FILE);
	free(list);
	return r;
}
