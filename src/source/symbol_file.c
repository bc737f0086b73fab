#include "source/symbol_file.h"

#include "source/files.h"
#include "source/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A container has debug files of its own; both places are searched, its own first. */
static void set_debug_path(const struct procdir *dir, struct symbol_file *file)
{
	struct stat theirs, ours;

	if (!dir->live || fstatat(dir->fd, "root", &theirs, 0) < 0 || stat("/", &ours) < 0 ||
	    (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino))
		return;
	snprintf(file->debug_path, sizeof(file->debug_path),
		 ":.debug:/proc/self/fd/%d/root/usr/lib/debug:/usr/lib/debug", dir->fd);
	file->debug_path_at = file->debug_path;
	file->callbacks.debuginfo_path = &file->debug_path_at;
}

static void report(const struct procdir *dir, const struct space *space,
		   const struct module *module, Dwfl *dwfl, struct symbol_file *ret)
{
	const struct region *header = space_find(space, module->header);
	int fd = header ? files_open(dir, space, header) : -ENOENT;
	const struct file *file = header ? region_file(space, header) : NULL;
	char path[4300] = "[image]";

	if (fd < 0) {
		ret->from_memory = true;
		fd = image_open(dir, space, module);
		if (fd < 0) {
			snprintf(ret->why, sizeof(ret->why),
				 "neither the file nor its image in memory can be read: %s",
				 strerror(-fd));
			return;
		}
	} else if (file && procdir_is_file(dir)) {
		snprintf(path, sizeof(path), "%s", file->name);
	} else if (file) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d/root%s", dir->fd, file->name);
	}
	dwfl_report_begin(dwfl);
	ret->module = dwfl_report_elf(dwfl, "module", path, fd, module->bias, true);
	dwfl_report_end(dwfl, NULL, NULL);
	if (!ret->module) {
		snprintf(ret->why, sizeof(ret->why), "the ELF file cannot be understood: %.100s",
			 dwfl_errmsg(-1));
		close(fd);
	}
}

void symbol_file_open(const struct procdir *dir, const struct space *space,
		      const struct module *module, struct symbol_file *ret)
{
	Dwfl *dwfl;

	*ret = (struct symbol_file){
		.callbacks =
			{
				.find_elf = dwfl_build_id_find_elf,
				.find_debuginfo = dwfl_standard_find_debuginfo,
				.section_address = dwfl_offline_section_address,
			},
	};
	set_debug_path(dir, ret);
	dwfl = dwfl_begin(&ret->callbacks);
	if (dwfl)
		report(dir, space, module, dwfl, ret);
}
