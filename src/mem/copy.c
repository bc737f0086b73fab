/*
 * The kernel copies, and tells by an error what the processor would tell by SIGBUS.
 *
 * process_vm_readv(2) does it in one call, from ourselves to ourselves. A sandbox may forbid it;
 * then a pipe carries the bytes, a page at a time.
 */
#include "mem/copy.h"
#include "base/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIECE ((size_t)1 << 30) /* less than the most that one call copies */
#define NTOUCH 64

/* How many bytes; the kernel may stop at any page that it does not get. */
static ssize_t copy_piece(void *to, const void *from, size_t size)
{
	struct iovec local = {to, size}, remote = {(void *)from, size};
	ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	return n < 0 ? -errno : n;
}

/* A page fits into an empty pipe, so none of the two calls waits. */
static int carry_piece(const int pipe[2], char *to, const char *from, size_t size)
{
	ssize_t n = write(pipe[1], from, size);

	if (n == (ssize_t)size)
		n = read(pipe[0], to, size);
	return n == (ssize_t)size ? 0 : -EFAULT;
}

static int carry(char *to, const char *from, size_t size)
{
	int pipe[2], r = 0;
	size_t done, piece;

	if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	for (done = 0; r == 0 && done < size; done += piece) {
		piece = size - done < 4096 ? size - done : 4096;
		r = carry_piece(pipe, to + done, from + done, piece);
	}
	close(pipe[0]);
	close(pipe[1]);
	return r;
}

static bool is_forbidden(ssize_t n)
{
	return n == -EPERM || n == -ENOSYS || n == -EACCES;
}

int plat__copy(void *to, const void *from, size_t size)
{
	size_t done = 0, piece;
	ssize_t n;

	while (done < size) {
		piece = size - done < PIECE ? size - done : PIECE;
		n = copy_piece((char *)to + done, (const char *)from + done, piece);
		if (is_forbidden(n))
			return carry((char *)to + done, (const char *)from + done, size - done);
		if (n < 0)
			return (int)n;
		if ((size_t)n < piece)
			return -EFAULT;
		done += piece;
	}
	return 0;
}

/* --- touching --- */

static int touch_some(const char *start, size_t npages, size_t page)
{
	struct iovec remote[NTOUCH];
	char bytes[NTOUCH];
	struct iovec local = {bytes, npages};
	ssize_t n;
	size_t i;

	for (i = 0; i < npages; i++)
		remote[i] = (struct iovec){(char *)start + i * page, 1};
	n = process_vm_readv(getpid(), &local, 1, remote, npages, 0);
	if (n < 0 && !is_forbidden(-errno))
		return -errno;
	for (i = 0; n < 0 && i < npages; i++) {
		if (carry(bytes, start + i * page, 1) < 0)
			return -EFAULT;
	}
	return n < 0 || (size_t)n == npages ? 0 : -EFAULT;
}

int plat__touch(const char *start, size_t size, size_t page)
{
	size_t npages = size / page, done, n;
	int r;

	for (done = 0; done < npages; done += n) {
		n = npages - done < NTOUCH ? npages - done : NTOUCH;
		r = touch_some(start + done * page, n, page);
		if (r < 0)
			return r;
	}
	return 0;
}
