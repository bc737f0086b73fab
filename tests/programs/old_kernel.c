/*
 * LD_PRELOAD: makes plat believe that the kernel is older: no PAGEMAP_SCAN (before Linux 6.7) and
 * no PROCMAP_QUERY (before 6.11). It has to find the same by other ways.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TYPE_FS 'f'
#define NUMBER_PAGEMAP_SCAN 16
#define NUMBER_PROCMAP_QUERY 17

int ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *argument;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	if (_IOC_TYPE(request) == TYPE_FS &&
	    (_IOC_NR(request) == NUMBER_PAGEMAP_SCAN || _IOC_NR(request) == NUMBER_PROCMAP_QUERY)) {
		errno = ENOTTY;
		return -1;
	}
	return (int)syscall(SYS_ioctl, fd, request, argument);
}
