/*
 * Which objects there are, and removing those that nobody uses any more.
 *
 * Who uses this library is known by locks. Of others the kernel knows: it grants a lease for
 * writing only on a file that nobody else has open or mapped (Linux fs/locks.c
 * check_conflicting_open). Who opens it while there is a lease waits until it is given back, and
 * its holder would get a signal.
 */
#include "../include/plat/shm.h"
#include "mem/result.h"
#include "mem/shm_hold.h"
#include "mem/shm_name.h"

#include <limits.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As getdents64(2) has it. opendir would call malloc. */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

typedef int entry_function(int folder, const char *name, void *arg);

static int each_of(const char *buffer, size_t size, int folder, entry_function *each, void *arg)
{
	const struct entry *entry;
	size_t at;
	int r = 0;

	for (at = 0; r == 0 && at < size; at += entry->length) {
		entry = (const struct entry *)(buffer + at);
		r = each(folder, entry->name, arg);
	}
	return r;
}

/* Calls each() until it returns something else than 0, and returns that. */
static int each_entry(entry_function *each, void *arg)
{
	int folder = plat__shm_folder(), r = 0;
	_Alignas(struct entry) char buffer[4096];
	long n;

	if (folder < 0)
		return folder;
	while (r == 0 && (n = syscall(SYS_getdents64, folder, buffer, sizeof(buffer))) != 0)
		r = n < 0 ? -errno : each_of(buffer, (size_t)n, folder, each, arg);
	close(folder);
	return r;
}

/* --- listing --- */

struct listing {
	int (*each)(const struct plat_shm_info *info, void *arg);
	void *arg;
};

static enum plat_shm_held held_of(int folder, const char *name)
{
	int fd = plat__shm_open_at(folder, name, O_RDONLY);
	bool is_held;

	if (fd < 0)
		return PLAT_SHM_UNKNOWN;
	is_held = plat__shm_is_held(fd);
	close(fd);
	return is_held ? PLAT_SHM_HELD : PLAT_SHM_NOT_HELD;
}

static int list_one(int folder, const char *name, void *arg)
{
	const struct listing *listing = arg;
	struct plat_shm_info info;
	char with_slash[NAME_MAX + 2];
	struct stat file;

	if (fstatat(folder, name, &file, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(file.st_mode))
		return 0;
	(void)snprintf(with_slash, sizeof(with_slash), "/%s", name);
	info.name = with_slash;
	info.size = (uint64_t)file.st_size;
	info.in_memory = (uint64_t)file.st_blocks * 512;
	info.owner = file.st_uid;
	info.mode = file.st_mode & 07777;
	info.held = held_of(folder, name);
	return listing->each(&info, listing->arg);
}

int plat_shm_list(int (*each)(const struct plat_shm_info *info, void *arg), void *arg)
{
	struct listing listing = {each, arg};
	int before = errno;

	return plat__result(before, each_entry(list_one, &listing));
}

/* --- cleaning --- */

struct cleaning {
	const char *prefix;
	int nremoved;
};

/* SIGURG is ignored unless a program wants it: SIGIO, which it would be otherwise, kills. */
static bool is_open_elsewhere(int fd)
{
	return fcntl(fd, F_SETSIG, SIGURG) < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0;
}

static bool remove_unused(int folder, const char *name, int fd)
{
	return plat__shm_hold_alone(fd) && !is_open_elsewhere(fd) &&
	       plat__shm_is_named(folder, name, fd) && unlinkat(folder, name, 0) == 0;
}

static int clean_one(int folder, const char *name, void *arg)
{
	struct cleaning *cleaning = arg;
	int fd;

	if (strncmp(name, cleaning->prefix, strlen(cleaning->prefix)) != 0)
		return 0;
	fd = plat__shm_open_at(folder, name, O_RDWR);
	if (fd < 0)
		return 0;
	cleaning->nremoved += remove_unused(folder, name, fd);
	close(fd); /* and with it lock and lease */
	return 0;
}

int plat_shm_clean(const char *prefix)
{
	struct cleaning cleaning = {NULL, 0};
	int before = errno, r = plat__shm_name(prefix, &cleaning.prefix);

	if (r == 0)
		r = each_entry(clean_one, &cleaning);
	return plat__result(before, r < 0 ? r : cleaning.nremoved);
}
