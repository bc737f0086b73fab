#include "files.h"
#include "check.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

char byte_at(uint64_t offset)
{
	return (char)(offset * 7 + offset / 251 + 1);
}

int file_of(size_t size)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char piece[4096];
	size_t done, i, n;

	if (fd < 0)
		skip("no file without a name can be made in /tmp");
	for (done = 0; done < size; done += n) {
		n = size - done < sizeof(piece) ? size - done : sizeof(piece);
		for (i = 0; i < n; i++)
			piece[i] = byte_at(done + i);
		check(write(fd, piece, n) == (ssize_t)n);
	}
	return fd;
}

uint64_t length_of(int fd)
{
	struct stat file;

	check(fstat(fd, &file) == 0);
	return (uint64_t)file.st_size;
}

int next_descriptor(void)
{
	int fd = fcntl(0, F_DUPFD, 3);

	check(fd >= 0);
	close(fd);
	return fd;
}

const char *small_disk(size_t size)
{
	char options[64];

	(void)snprintf(options, sizeof(options), "size=%zu", size);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("plat-test", "/dev/shm", "tmpfs", 0, options) < 0)
		skip("no file system can be mounted");
	return "/dev/shm";
}

void forbid_call(int number, int argument, unsigned value, int error)
{
	unsigned where = argument < 0 ? (unsigned)offsetof(struct seccomp_data, nr)
				      : (unsigned)(offsetof(struct seccomp_data, args) +
						   sizeof(uint64_t) * (unsigned)argument);
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, where),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, argument < 0 ? (unsigned)number : value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {ARRAY_SIZE(filter), filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		skip("no call can be forbidden");
}
