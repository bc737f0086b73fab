#include "host.h"

#include "machine.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAP_SETUID_BIT (UINT64_C(1) << 7)
#define CAP_SETPCAP_BIT (UINT64_C(1) << 8)
#define SMALL_MEMFD (2 * MODEL_PAGE + 100)
#define NOEXEC_SIZE 65536
#define SMALL_DISK (3 * MODEL_PAGE + 100)

bool host_is_new_file(enum host_file which)
{
	return which == HOST_MEMFD || which == HOST_SMALL_MEMFD || which == HOST_NOEXEC;
}

int host_new_file(const struct host *host, enum host_file which)
{
	uint64_t size = which == HOST_MEMFD ? HOST_LARGE : SMALL_MEMFD;
	int fd;

	if (which != HOST_NOEXEC) {
		fd = memfd_create("m", MFD_CLOEXEC);
	} else if (host->noexec_mount >= 0) {
		fd = openat(host->noexec_mount, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0666);
		size = NOEXEC_SIZE;
	} else {
		return -1;
	}
	if (fd < 0)
		return -errno;
	/* mincore() tells nothing of files that the caller may not write. */
	if (ftruncate(fd, (off_t)size) < 0 || fchmod(fd, 0666) < 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

/* A file without a name, so that nothing is left behind. */
static int disk_file(const char *dir, uint64_t size)
{
	char path[4096];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);

	if (fd < 0) {
		snprintf(path, sizeof(path), "%s/conformance-XXXXXX", dir);
		fd = mkostemp(path, O_CLOEXEC);
		if (fd < 0)
			return -errno;
		unlink(path);
	}
	if (ftruncate(fd, (off_t)size) < 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

static int open_again(int fd, int how)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, how | O_CLOEXEC);
}

/* A tmpfs that is mounted nowhere but in our hand (Linux 5.2). */
static int noexec_mount(const char **why)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", 1), mount;

	*why = "a mount without exec needs CAP_SYS_ADMIN";
	if (fs < 0)
		return -1;
	syscall(SYS_fsconfig, fs, 6, NULL, NULL, 0); /* FSCONFIG_CMD_CREATE */
	mount = (int)syscall(SYS_fsmount, fs, 1, 8); /* FSMOUNT_CLOEXEC, MOUNT_ATTR_NOEXEC */
	close(fs);
	if (mount >= 0)
		*why = NULL;
	return mount;
}

/*
 * Whether the file system places large mappings by their offset. Then a hint is followed only where
 * 2 MiB more are free than are asked for; other files go where the hint says.
 */
static bool asks_for_huge_pages(int fd)
{
	const size_t mib = 1 << 20;
	char *room = mmap(NULL, 16 * mib, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *hole = room + 4 * mib;
	void *p;
	bool elsewhere;

	if (room == MAP_FAILED)
		return false;
	munmap(hole, 4 * mib);
	p = mmap(hole, 4 * mib, PROT_READ, MAP_PRIVATE, fd, 0);
	elsewhere = p != MAP_FAILED && p != hole;
	if (elsewhere)
		munmap(p, 4 * mib);
	munmap(room, 16 * mib);
	return elsewhere;
}

static void describe_file(struct host *host, enum host_file which, int fd)
{
	struct model_file *file = &host->files[which];
	int how = fcntl(fd, F_GETFL) & O_ACCMODE;
	struct stat st;
	void *p;

	fstat(fd, &st);
	*file = (struct model_file){.readable = how != O_WRONLY,
				    .writable = how != O_RDONLY,
				    .size = (uint64_t)st.st_size,
				    .name = NO_FILE};
	file->unmappable = !S_ISREG(st.st_mode);
	file->shmem = host_is_new_file(which);
	p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	file->noexec = p == MAP_FAILED && errno == EPERM;
	if (p == MAP_FAILED)
		return;
	munmap(p, 4096);
	file->huge_aligned = asks_for_huge_pages(fd);
}

static int open_files(struct host *host, const char *dir, struct error *err)
{
	int *fd = host->descriptors, pipes[2];
	unsigned i;

	host->noexec_mount = noexec_mount(&host->why_no_noexec);
	fd[HOST_MEMFD] = host_new_file(host, HOST_MEMFD);
	fd[HOST_SMALL_MEMFD] = host_new_file(host, HOST_SMALL_MEMFD);
	fd[HOST_NOEXEC] = host_new_file(host, HOST_NOEXEC);
	fd[HOST_DISK] = disk_file(dir, HOST_LARGE);
	if (fd[HOST_DISK] < 0)
		return fail(err, -fd[HOST_DISK], "%s: no file can be made here", dir);
	fd[HOST_DISK_READ_ONLY] = open_again(fd[HOST_DISK], O_RDONLY);
	fd[HOST_DISK_AGAIN] = open_again(fd[HOST_DISK], O_RDWR);
	fd[HOST_WRITE_ONLY] = open_again(fd[HOST_DISK], O_WRONLY);
	fd[HOST_SMALL_DISK] = disk_file(dir, SMALL_DISK);
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return fail(err, errno, "no pipe");
	fd[HOST_PIPE] = pipes[0];
	close(pipes[1]);
	for (i = HOST_MEMFD; i < HOST_FILES_END; i++) {
		if (fd[i] < 0 && i != HOST_NOEXEC)
			return fail(err, EIO, "file %u for the tests cannot be opened", i);
		if (fd[i] >= 0)
			describe_file(host, i, fd[i]);
	}
	host->files[HOST_WRITE_ONLY].huge_aligned = host->files[HOST_DISK].huge_aligned;
	return 0;
}

static int open_program(const char *dir, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int host_init(struct host *host, const char *programs, const char *files, struct error *err)
{
	static const int numbers[NMODEL_LIMITS] = {[MODEL_AS] = RLIMIT_AS,
						   [MODEL_DATA] = RLIMIT_DATA,
						   [MODEL_STACK] = RLIMIT_STACK,
						   [MODEL_MEMLOCK] = RLIMIT_MEMLOCK};
	const uint64_t needed = CAP_SETUID_BIT | CAP_SETPCAP_BIT;
	struct rlimit limit;
	unsigned size = 0, i;

	memset(host, 0, sizeof(*host));
	host->noexec_mount = -1;
	for (i = 0; i < HOST_FILES_END; i++)
		host->descriptors[i] = -1;
	machine_here(&host->machine);
	host->capabilities = machine_capabilities();
	host->is_root = geteuid() == 0 && (host->capabilities & needed) == needed;
	if (!host->is_root)
		host->why_no_nobody = "another user and fewer capabilities need root";
	host->set_mm = prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) == 0 && size > 0;
	if (!host->set_mm)
		host->why_no_set_mm = "the kernel has no CONFIG_CHECKPOINT_RESTORE";
	for (i = 0; i < NMODEL_LIMITS; i++) {
		getrlimit(numbers[i], &limit);
		host->hard[i] = limit.rlim_max == RLIM_INFINITY ? MODEL_INFINITE : limit.rlim_max;
	}
	host->child32 = open_program(programs, "child32");
	host->child64 = open_program(programs, "child64");
	if (host->child32 < 0)
		host->why_no_child32 = "no 32-bit program was built";
	if (host->child64 < 0)
		return fail(err, errno, "%s/child64: cannot open it", programs);
	return open_files(host, files, err);
}

void host_fini(struct host *host)
{
	unsigned i;

	for (i = 0; i < HOST_FILES_END; i++) {
		if (host->descriptors[i] >= 0)
			close(host->descriptors[i]);
	}
	if (host->noexec_mount >= 0)
		close(host->noexec_mount);
	if (host->child64 >= 0)
		close(host->child64);
	if (host->child32 >= 0)
		close(host->child32);
}
