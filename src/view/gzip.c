#include "view/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#define ROOM 16384
#define GZIP_FORM (15 + 16) /* the largest window, and a gzip header instead of zlib's own */
#define MEMORY_LEVEL 8

struct gzip {
	z_stream stream;
	struct text *to;
	unsigned char room[ROOM];
};

struct gzip *gzip_new(struct text *to)
{
	struct gzip *gzip = calloc(1, sizeof(*gzip));

	if (!gzip)
		return NULL;
	gzip->to = to;
	if (deflateInit2(&gzip->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_FORM, MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) == Z_OK)
		return gzip;
	free(gzip);
	return NULL;
}

void gzip_free(struct gzip *gzip)
{
	if (!gzip)
		return;
	deflateEnd(&gzip->stream);
	free(gzip);
}

/* Until it has taken all input, and has nothing more to say. */
static int pack(struct gzip *gzip, int flush)
{
	z_stream *stream = &gzip->stream;
	int r;

	do {
		stream->next_out = gzip->room;
		stream->avail_out = sizeof(gzip->room);
		r = deflate(stream, flush);
		if (r == Z_STREAM_ERROR)
			return -EIO;
		text_bytes(gzip->to, (const char *)gzip->room,
			   sizeof(gzip->room) - stream->avail_out);
	} while (stream->avail_out == 0);
	return gzip->to->error;
}

static int take(void *to, const char *data, size_t size)
{
	struct gzip *gzip = to;
	int r = 0;

	while (r == 0 && size > 0) {
		uInt n = size < UINT16_MAX ? (uInt)size : UINT16_MAX;

		gzip->stream.next_in = (z_const Bytef *)data;
		gzip->stream.avail_in = n;
		r = pack(gzip, Z_NO_FLUSH);
		data += n;
		size -= n;
	}
	return r;
}

struct text gzip_text(struct gzip *gzip)
{
	return (struct text){.sink = take, .to = gzip};
}

int gzip_finish(struct gzip *gzip)
{
	return pack(gzip, Z_FINISH);
}
