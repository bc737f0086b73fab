/*
 * Blocks of zeros become holes, so that a core takes no more room than it did when it was written;
 * a small file that unpacks to no end of zeros is stopped by the bound.
 */
#include "source/core_unpack.h"

#include "base/addr.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define BLOCK 4096
#define IN_BYTES (128 * 1024)
#define OUT_BYTES (256 * 1024)
#define WINDOW_LOG_MOST 27 /* 128 MiB, as zstd itself without --long */

static const unsigned char magic[4] = {0x28, 0xb5, 0x2f, 0xfd};

struct unpack {
	const char *path, *folder;
	int in, out;
	ZSTD_DCtx *context;
	unsigned char *from, *to;
	uint64_t size; /* written so far */
	struct error *err;
};

static int open_nameless(const char *folder)
{
	char name[4096];
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd;
	/* File systems without O_TMPFILE. */
	if (snprintf(name, sizeof(name), "%s/plat-core-XXXXXX", folder) >= (int)sizeof(name))
		return -1;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

static bool is_zero(const unsigned char *bytes, size_t size)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static int write_out(struct unpack *unpack, const unsigned char *bytes, size_t size)
{
	while (size) {
		size_t part = (size_t)min_u64(size, BLOCK - unpack->size % BLOCK);
		ssize_t n = (ssize_t)part;

		if (!is_zero(bytes, part))
			n = pwrite(unpack->out, bytes, part, (off_t)unpack->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(unpack->err, n < 0 ? errno : EIO,
				    "%s: cannot be unpacked below %s (TMPDIR says where)",
				    unpack->path, unpack->folder);
		bytes += n;
		size -= (size_t)n;
		unpack->size += (uint64_t)n;
	}
	if (unpack->size > CORE_UNPACKED_MOST)
		return fail(unpack->err, -EFBIG,
			    "%s: unpacks to more than %" PRIu64 " GiB: unpack it by zstd -d first",
			    unpack->path, CORE_UNPACKED_MOST >> 30);
	return 0;
}

static int unpack_piece(struct unpack *unpack, ZSTD_inBuffer *in)
{
	ZSTD_outBuffer out;
	int r = 0;

	do {
		size_t left;

		out = (ZSTD_outBuffer){unpack->to, OUT_BYTES, 0};
		left = ZSTD_decompressStream(unpack->context, &out, in);
		if (ZSTD_isError(left))
			return fail(unpack->err, -ENOEXEC, "%s: cannot be unpacked: %s",
				    unpack->path, ZSTD_getErrorName(left));
		r = write_out(unpack, unpack->to, out.pos);
	} while (r == 0 && (in->pos < in->size || out.pos == out.size));
	return r;
}

static int unpack_all(struct unpack *unpack)
{
	off_t at = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = pread(unpack->in, unpack->from, IN_BYTES, at)) != 0) {
		ZSTD_inBuffer in = {unpack->from, n < 0 ? 0 : (size_t)n, 0};

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(unpack->err, errno, "%s: cannot be read", unpack->path);
		r = unpack_piece(unpack, &in);
		at += n;
	}
	/* What ends with zeros ends behind a hole. */
	if (r == 0 && ftruncate(unpack->out, (off_t)unpack->size) < 0)
		r = fail(unpack->err, errno, "%s: cannot be unpacked", unpack->path);
	return r;
}

static int make_tools(struct unpack *unpack)
{
	unpack->context = ZSTD_createDCtx();
	unpack->from = malloc(IN_BYTES);
	unpack->to = malloc(OUT_BYTES);
	if (!unpack->context || !unpack->from || !unpack->to)
		return fail(unpack->err, ENOMEM, "%s", unpack->path);
	ZSTD_DCtx_setParameter(unpack->context, ZSTD_d_windowLogMax, WINDOW_LOG_MOST);
	unpack->out = open_nameless(unpack->folder);
	if (unpack->out < 0)
		return fail(unpack->err, errno,
			    "%s: cannot be unpacked below %s (TMPDIR says where)", unpack->path,
			    unpack->folder);
	return 0;
}

int core_unpack(const char *path, int *fd, uint64_t *size, struct error *err)
{
	const char *folder = getenv("TMPDIR");
	struct unpack unpack = {.path = path, .in = *fd, .out = -1, .err = err};
	unsigned char begin[sizeof(magic)];
	int r;

	if (pread(*fd, begin, sizeof(begin), 0) != (ssize_t)sizeof(begin) ||
	    memcmp(begin, magic, sizeof(magic)) != 0)
		return 0;
	unpack.folder = folder && *folder ? folder : "/var/tmp";
	r = make_tools(&unpack);
	if (r == 0)
		r = unpack_all(&unpack);
	if (r == 0) {
		close(*fd);
		*fd = unpack.out;
		*size = unpack.size;
	} else if (unpack.out >= 0) {
		close(unpack.out);
	}
	ZSTD_freeDCtx(unpack.context);
	free(unpack.from);
	free(unpack.to);
	return r;
}
