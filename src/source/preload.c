#include "source/preload.h"

#include "alloc/state.h"
#include "base/addr.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SCRIPTS_MOST 5 /* Linux fs/exec.c: a script's interpreter can be a script */
#define HEADERS_MOST 128
#define NOTES_MOST 65536 /* bytes */

/*
 * Which file.
 */

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* As execvp() searches. */
static bool find_file(const char *command, char *path, size_t size)
{
	const char *list = getenv("PATH");

	if (strchr(command, '/')) {
		snprintf(path, size, "%s", command);
		return is_program(path);
	}
	list = list ? list : "/bin:/usr/bin";
	for (;;) {
		size_t length = strcspn(list, ":");

		snprintf(path, size, "%.*s%s%s", (int)length, list, length ? "/" : "", command);
		if (is_program(path))
			return true;
		if (!list[length])
			return false;
		list += length + 1;
	}
}

/* The interpreter that a script names; false: it is none. */
static bool read_script(int fd, char *path, size_t size)
{
	char line[256] = "";
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);
	char *at = line + 2;

	if (n < 3 || line[0] != '#' || line[1] != '!')
		return false;
	at += strspn(at, " \t");
	at[strcspn(at, " \t\n")] = '\0';
	snprintf(path, size, "%s", at);
	return true;
}

static int open_program(const char *command, char *path, size_t size)
{
	int i, fd;

	if (!find_file(command, path, size))
		return -ENOENT;
	for (i = 0; i < SCRIPTS_MOST; i++) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0)
			return -errno;
		if (!read_script(fd, path, size))
			return fd;
		close(fd);
	}
	return -ELOOP;
}

/*
 * What it is.
 */

struct program {
	unsigned char class;
	uint16_t machine;
	bool has_interpreter, has_state;
	bool is_musl;
};

/* Whether a PT_NOTE has ours. */
static bool has_note(int fd, uint64_t offset, uint64_t size)
{
	unsigned char *bytes = malloc(NOTES_MOST);
	uint32_t head[3];
	bool found = false;
	ssize_t n = bytes ? pread(fd, bytes, min_u64(size, NOTES_MOST), (off_t)offset) : 0;
	uint64_t at = 0;

	while (!found && n > 0 && at + sizeof(head) + 5 <= (uint64_t)n) {
		memcpy(head, bytes + at, sizeof(head));
		found = head[0] == 5 && head[2] == STATE_NOTE &&
			memcmp(bytes + at + sizeof(head), "plat", 5) == 0;
		at += sizeof(head) + align_up(head[0], 4) + align_up(head[1], 4);
	}
	free(bytes);
	return found;
}

static void take_header(int fd, struct program *program, uint32_t type, uint64_t offset,
			uint64_t size)
{
	char interpreter[64] = "";

	if (type == PT_INTERP) {
		program->has_interpreter = true;
		program->is_musl = pread(fd, interpreter, min_u64(size, sizeof(interpreter) - 1),
					 (off_t)offset) > 0 &&
				   strstr(interpreter, "ld-musl");
	}
	if (type == PT_NOTE && has_note(fd, offset, size))
		program->has_state = true;
}

static void read_headers(int fd, struct program *program, uint64_t at, unsigned n)
{
	bool is_64 = program->class == ELFCLASS64;
	unsigned i;

	for (i = 0; i < n && i < HEADERS_MOST; i++) {
		Elf64_Phdr wide;
		Elf32_Phdr narrow;

		if (is_64 &&
		    pread(fd, &wide, sizeof(wide), (off_t)(at + i * sizeof(wide))) == sizeof(wide))
			take_header(fd, program, wide.p_type, wide.p_offset, wide.p_filesz);
		if (!is_64 && pread(fd, &narrow, sizeof(narrow),
				    (off_t)(at + i * sizeof(narrow))) == sizeof(narrow))
			take_header(fd, program, narrow.p_type, narrow.p_offset, narrow.p_filesz);
	}
}

/* False: no ELF file. */
static bool read_program(int fd, struct program *ret)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr wide;
		Elf32_Ehdr narrow;
	} header = {0};

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.ident, ELFMAG, SELFMAG) != 0)
		return false;
	*ret = (struct program){
		.class = header.ident[EI_CLASS],
		.machine = header.wide.e_machine, /* at the same place in both */
	};
	if (ret->class == ELFCLASS64)
		read_headers(fd, ret, header.wide.e_phoff, header.wide.e_phnum);
	else
		read_headers(fd, ret, header.narrow.e_phoff, header.narrow.e_phnum);
	return true;
}

/* Linux: AT_SECURE, unless the rights are those that we have. */
static bool gains_rights(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	if ((st.st_mode & S_ISUID) && (st.st_uid != getuid() || getuid() != geteuid()))
		return true;
	if ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && st.st_gid != getgid())
		return true;
	return getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

static enum preload_obstacle obstacle(enum preload_obstacle found, struct error *err,
				      const char *path, const char *sentence)
{
	int r = fail(err, -ENOEXEC, "%s: %s", path, sentence);

	(void)r;
	return found;
}

/* Whether the library is linked with glibc. */
static bool needs_glibc(int fd)
{
	Elf *elf = NULL;
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	GElf_Dyn entry;
	bool found = false;
	int i;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	while (elf && (section = elf_nextscn(elf, section)) != NULL) {
		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNAMIC)
			continue;
		for (i = 0; gelf_getdyn(elf_getdata(section, NULL), i, &entry); i++) {
			const char *name =
				entry.d_tag == DT_NEEDED
					? elf_strptr(elf, header.sh_link, entry.d_un.d_val)
					: NULL;

			found |= name && strcmp(name, "libc.so.6") == 0;
		}
	}
	elf_end(elf);
	return found;
}

static enum preload_obstacle judge(int fd, const char *path, const char *library, struct error *err)
{
	struct program program, ours = {0};
	int lib = open(library, O_RDONLY | O_CLOEXEC);
	bool is_known = lib >= 0 && read_program(lib, &ours);
	bool for_glibc = is_known && needs_glibc(lib);

	if (lib >= 0)
		close(lib);
	if (!read_program(fd, &program))
		return PRELOAD_WORKS; /* exec will say what is wrong with it */
	if (!ours.has_state)
		return obstacle(PRELOAD_OTHER, err, library, "is not libplat-malloc");
	if (is_known && (program.class != ours.class || program.machine != ours.machine))
		return obstacle(PRELOAD_ABI, err, path,
				program.class == ELFCLASS32 && ours.class == ELFCLASS64
					? "is a 32-bit program, the library is for 64-bit ones"
					: "is for another processor or word size than the library");
	if (!program.has_interpreter && program.has_state)
		return obstacle(PRELOAD_LINKED_IN, err, path, "has plat's malloc linked in");
	if (!program.has_interpreter)
		return obstacle(PRELOAD_STATIC, err, path,
				"is static: nothing can be loaded before it; link it with "
				"libplat-malloc.a");
	if (program.is_musl && for_glibc)
		return obstacle(PRELOAD_ABI, err, path,
				"is linked with musl, the library with glibc");
	if (gains_rights(fd))
		return obstacle(PRELOAD_RIGHTS, err, path,
				"gains rights when it begins (set-user-ID, set-group-ID or "
				"capabilities), so that what is to be preloaded is ignored");
	return PRELOAD_WORKS;
}

enum preload_obstacle preload_check(const char *command, const char *library, struct error *err)
{
	char path[PATH_MAX];
	int fd = open_program(command, path, sizeof(path));
	enum preload_obstacle found;

	if (fd < 0)
		return PRELOAD_WORKS;
	found = judge(fd, path, library, err);
	close(fd);
	return found;
}

/*
 * The environment.
 */

/* Names that are made anew, or are no business of the command. */
static const char *const ours[] = {"LD_PRELOAD=", "PLAT_ALONE=", "PLAT_LIBRARY=", "PLAT_REPORT="};

static bool is_ours(const char *entry)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ours); i++)
		if (strncmp(entry, ours[i], strlen(ours[i])) == 0)
			return true;
	return false;
}

/* The two libraries, or the one there is, with a colon between. */
static char *both(const struct preload_settings *settings)
{
	const char *checked = settings->checked ? settings->checked : "";
	char *list;

	return asprintf(&list, "%s%s%s", checked, *checked ? ":" : "", settings->library) < 0
		       ? NULL
		       : list;
}

static bool is_one_of(const struct preload_settings *settings, const char *name, size_t length)
{
	const char *const names[] = {settings->library, settings->checked};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i] && length == strlen(names[i]) && memcmp(name, names[i], length) == 0)
			return true;
	return false;
}

/* The user's list behind the libraries, which it does not name twice. */
static char *preload_list(const struct preload_settings *settings, const char *libraries)
{
	const char *list = getenv("LD_PRELOAD");
	size_t room, used;
	char *entry;

	list = list ? list : "";
	room = strlen("LD_PRELOAD=") + strlen(libraries) + strlen(list) + 3;
	entry = malloc(room);
	if (!entry)
		return NULL;
	used = (size_t)snprintf(entry, room, "LD_PRELOAD=%s", libraries);
	while (*list) {
		size_t length = strcspn(list, ": ");

		if (length && !is_one_of(settings, list, length))
			used += (size_t)snprintf(entry + used, room - used, ":%.*s", (int)length,
						 list);
		list += length + (list[length] != '\0');
	}
	return entry;
}

static char *setting(const char *name, const char *value)
{
	char *entry;

	return asprintf(&entry, "%s=%s", name, value) < 0 ? NULL : entry;
}

static void drop(char **environment, size_t *n, const char *name)
{
	size_t i, length = strlen(name);

	for (i = 0; i < *n; i++)
		if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=') {
			free(environment[i]);
			environment[i--] = environment[--*n];
			environment[*n] = NULL;
		}
}

static int add(char **environment, size_t *n, const char *name, const char *value)
{
	char *entry;

	if (!value)
		return 0;
	drop(environment, n, name);
	entry = setting(name, value);
	if (!entry)
		return -ENOMEM;
	environment[(*n)++] = entry;
	return 0;
}

static int fill(const struct preload_settings *settings, const char *libraries, char **environment)
{
	size_t i, n = 0;
	int r = 0;

	for (i = 0; environ[i]; i++) {
		if (is_ours(environ[i]))
			continue;
		environment[n] = strdup(environ[i]);
		if (!environment[n++])
			return -ENOMEM;
	}
	environment[n] = preload_list(settings, libraries);
	if (!environment[n++])
		return -ENOMEM;
	r = add(environment, &n, "PLAT_REPORT", settings->report);
	if (r == 0)
		r = add(environment, &n, "PLAT_ALONE", settings->is_alone ? libraries : NULL);
	if (r == 0)
		r = add(environment, &n, "PLAT_HARD", settings->is_hard ? "1" : NULL);
	if (r == 0)
		r = add(environment, &n, "PLAT_GUARD", settings->is_guard_all ? "all" : NULL);
	if (r == 0)
		r = add(environment, &n, "PLAT_ON_ERROR", settings->on_error);
	if (r == 0)
		r = add(environment, &n, "PLAT_SAMPLE", settings->sample);
	environment[n] = NULL;
	return r;
}

int preload_environment(const struct preload_settings *settings, char ***ret)
{
	char **environment, *libraries = both(settings);
	size_t n = 0;
	int r = -ENOMEM;

	while (environ[n])
		n++;
	environment = calloc(n + 9, sizeof(*environment));
	if (environment && libraries)
		r = fill(settings, libraries, environment);
	free(libraries);
	if (r < 0)
		preload_free_environment(environment);
	else
		*ret = environment;
	return r;
}

void preload_free_environment(char **environment)
{
	size_t i;

	for (i = 0; environment && environment[i]; i++)
		free(environment[i]);
	free(environment);
}
