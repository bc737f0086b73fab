#include "mem/shm_hold.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

static struct flock first_byte(short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};

	return lock;
}

int plat__shm_hold(int fd)
{
	struct flock lock = first_byte(F_RDLCK);
	unsigned nturns = 0;

	/* Not F_OFD_SETLKW: anybody who may write to an object can lock it for ever. */
	while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return -errno;
		if (!plat__shm_wait(&nturns))
			return -EBUSY;
	}
	return 0;
}

bool plat__shm_hold_alone(int fd)
{
	struct flock lock = first_byte(F_WRLCK);

	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool plat__shm_is_held(int fd)
{
	struct flock lock = first_byte(F_WRLCK);

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool plat__shm_wait(unsigned *nturns)
{
	struct timespec millisecond = {0, 1000000};

	if (*nturns == 5000)
		return false;
	nanosleep(&millisecond, NULL);
	*nturns += 1;
	return true;
}
