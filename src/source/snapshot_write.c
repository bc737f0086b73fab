/* Until the end the head is zeros, should the file have a name meanwhile. */
#include "source/snapshot_write.h"

#include "base/compiler.h"
#include "base/list.h"
#include "source/new_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define TABLE_LEVEL 3 /* of zstd */

struct filling {
	unsigned char *bytes; /* the part that is being filled */
	size_t used;
	uint64_t position, key;
};

struct answer {
	struct snapshot_name head;
	char *name;
	size_t number; /* in the order in which they came */
};

struct snapshot_writer {
	struct new_file file;
	uint64_t at; /* where the next piece goes */
	ZSTD_CCtx *context;
	unsigned char *packed;
	size_t packed_room;
	struct filling tables[NTABLES];
	struct snapshot_part *parts;
	size_t nparts, parts_room;
	struct answer *answers;
	size_t nanswers, answers_room;
	int error; /* the first one */
};

int snapshot_writer_new(const char *path, struct snapshot_writer **ret, struct error *err)
{
	struct snapshot_writer *writer = calloc(1, sizeof(*writer));
	int r;

	if (!writer)
		return fail(err, ENOMEM, "%s", path);
	r = new_file_open(path, &writer->file, err);
	if (r < 0) {
		free(writer);
		return r;
	}
	writer->at = sizeof(struct snapshot_head);
	writer->context = ZSTD_createCCtx();
	writer->packed_room = ZSTD_compressBound(TABLE_PART_BYTES);
	writer->packed = malloc(writer->packed_room);
	if (!writer->context || !writer->packed) {
		snapshot_writer_abandon(writer);
		return fail(err, ENOMEM, "%s: cannot be written", path);
	}
	ZSTD_CCtx_setParameter(writer->context, ZSTD_c_compressionLevel, TABLE_LEVEL);
	ZSTD_CCtx_setParameter(writer->context, ZSTD_c_checksumFlag, 1);
	*ret = writer;
	return 0;
}

void snapshot_writer_abandon(struct snapshot_writer *writer)
{
	size_t i;

	if (!writer)
		return;
	new_file_abandon(&writer->file);
	for (i = 0; i < NTABLES; i++)
		free(writer->tables[i].bytes);
	for (i = 0; i < writer->nanswers; i++)
		free(writer->answers[i].name);
	free(writer->answers);
	free(writer->parts);
	free(writer->packed);
	ZSTD_freeCCtx(writer->context);
	free(writer);
}

static void keep_error(struct snapshot_writer *writer, int r)
{
	if (r < 0 && writer->error == 0)
		writer->error = r;
}

static int write_at(int fd, const void *bytes, size_t size, uint64_t at)
{
	const char *from = bytes;

	while (size) {
		ssize_t n = pwrite(fd, from, size, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		from += n;
		at += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

static void append(struct snapshot_writer *writer, const void *bytes, size_t size)
{
	if (writer->error)
		return;
	keep_error(writer, write_at(writer->file.fd, bytes, size, writer->at));
	writer->at += size;
}

/*
 * Tables.
 */

static void flush_part(struct snapshot_writer *writer, enum snapshot_table table)
{
	struct filling *filling = &writer->tables[table];
	size_t packed;

	if (writer->error || filling->used == 0)
		return;
	packed = ZSTD_compress2(writer->context, writer->packed, writer->packed_room,
				filling->bytes, filling->used);
	if (ZSTD_isError(packed) ||
	    list_reserve(&writer->parts, &writer->parts_room, writer->nparts, 1) < 0) {
		keep_error(writer, -ENOMEM);
		return;
	}
	writer->parts[writer->nparts++] = (struct snapshot_part){
		.table = table,
		.packed = (uint32_t)packed,
		.position = filling->position,
		.key = filling->key,
		.offset = writer->at,
		.bytes = (uint32_t)filling->used,
	};
	append(writer, writer->packed, packed);
	filling->position += filling->used;
	filling->used = 0;
}

static void put(struct snapshot_writer *writer, enum snapshot_table table, const void *bytes,
		size_t size)
{
	struct filling *filling = &writer->tables[table];
	const unsigned char *from = bytes;

	if (!filling->bytes && !(filling->bytes = malloc(TABLE_PART_BYTES)))
		keep_error(writer, -ENOMEM);
	while (size && !writer->error) {
		size_t part = (size_t)min_u64(size, TABLE_PART_BYTES - filling->used);

		memcpy(filling->bytes + filling->used, from, part);
		filling->used += part;
		from += part;
		size -= part;
		if (filling->used == TABLE_PART_BYTES)
			flush_part(writer, table);
	}
}

void snapshot_put_row(struct snapshot_writer *writer, enum snapshot_table table, uint64_t key,
		      const void *row, size_t size)
{
	if (writer->tables[table].used == 0)
		writer->tables[table].key = key;
	put(writer, table, row, size);
}

void snapshot_put_frame(struct snapshot_writer *writer, const void *bytes, size_t size,
			struct snapshot_frame frame)
{
	frame.offset = writer->at;
	frame.packed = (uint32_t)size;
	append(writer, bytes, size);
	snapshot_put_row(writer, TABLE_FRAMES, 0, &frame, sizeof(frame));
}

/*
 * Answers.
 */

static uint64_t text_end(const struct snapshot_writer *writer)
{
	return writer->tables[TABLE_TEXT].position + writer->tables[TABLE_TEXT].used;
}

void snapshot_begin_answer(struct snapshot_writer *writer, enum answer_kind kind, const char *name)
{
	struct answer answer = {
		.head = {.kind = kind,
			 .result = -EIO,
			 .position = text_end(writer),
			 .length = (uint32_t)strlen(name)},
		.name = strdup(name),
		.number = writer->nanswers,
	};

	if (!answer.name ||
	    list_reserve(&writer->answers, &writer->answers_room, writer->nanswers, 1) < 0) {
		free(answer.name);
		keep_error(writer, -ENOMEM);
		return;
	}
	writer->answers[writer->nanswers++] = answer;
}

void snapshot_put_bytes(struct snapshot_writer *writer, const void *bytes, size_t size)
{
	put(writer, TABLE_TEXT, bytes, size);
}

void snapshot_end_answer(struct snapshot_writer *writer, int result)
{
	struct snapshot_name *head;

	if (writer->error)
		return;
	head = &writer->answers[writer->nanswers - 1].head;
	head->result = result;
	head->size = result < 0 ? 0 : text_end(writer) - head->position;
}

void snapshot_put_answer(struct snapshot_writer *writer, enum answer_kind kind, const char *name,
			 int result, const void *bytes, size_t size)
{
	snapshot_begin_answer(writer, kind, name);
	if (result == 0)
		snapshot_put_bytes(writer, bytes, size);
	snapshot_end_answer(writer, result);
}

void snapshot_put_fact(struct snapshot_writer *writer, const char *name, const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		keep_error(writer, -ENOMEM);
		return;
	}
	snapshot_put_answer(writer, ANSWER_FACT, name, 0, text, (size_t)n);
	free(text);
}

static int by_name(const void *a, const void *b)
{
	const struct answer *one = a, *other = b;
	int order;

	if (one->head.kind != other->head.kind)
		return one->head.kind < other->head.kind ? -1 : 1;
	order = strcmp(one->name, other->name);
	/* Of the same name the last one comes first, and is taken. */
	return order ? order : (one->number < other->number) - (one->number > other->number);
}

static void put_names(struct snapshot_writer *writer)
{
	size_t i;

	if (writer->nanswers)
		qsort(writer->answers, writer->nanswers, sizeof(*writer->answers), by_name);
	for (i = 0; i < writer->nanswers; i++) {
		const struct answer *answer = &writer->answers[i];

		if (i && answer[-1].head.kind == answer->head.kind &&
		    strcmp(answer[-1].name, answer->name) == 0)
			continue;
		put(writer, TABLE_NAMES, &answer->head, sizeof(answer->head));
		put(writer, TABLE_NAMES, answer->name, answer->head.length + 1);
	}
}

/*
 * The end.
 */

static int by_position(const void *a, const void *b)
{
	const struct snapshot_part *one = a, *other = b;

	if (one->table != other->table)
		return one->table < other->table ? -1 : 1;
	return (one->position > other->position) - (one->position < other->position);
}

/* The directory, and then the head that leads to it. */
static int write_directory(struct snapshot_writer *writer)
{
	struct snapshot_head head = {

		.version = SNAPSHOT_VERSION,
		.head_bytes = sizeof(head),
		.directory_at = writer->at,
	};
	size_t size = writer->nparts * sizeof(*writer->parts), packed;
	size_t room = ZSTD_compressBound(size);
	unsigned char *bytes = malloc(room);

	if (!bytes)
		return -ENOMEM;
	qsort(writer->parts, writer->nparts, sizeof(*writer->parts), by_position);
	packed = ZSTD_compress2(writer->context, bytes, room, writer->parts, size);
	if (!ZSTD_isError(packed) && size <= UINT32_MAX)
		append(writer, bytes, packed);
	else
		keep_error(writer, -EFBIG);
	free(bytes);
	if (writer->error)
		return writer->error;
	memcpy(head.magic, SNAPSHOT_MAGIC, sizeof(head.magic));
	head.directory_packed = (uint32_t)packed;
	head.directory_bytes = (uint32_t)size;
	head.file_bytes = writer->at;
	return write_at(writer->file.fd, &head, sizeof(head), 0);
}

int snapshot_writer_finish(struct snapshot_writer *writer, uint64_t *size, struct error *err)
{
	unsigned table;
	int r;

	put_names(writer);
	for (table = 0; table < NTABLES; table++)
		flush_part(writer, table);
	r = writer->error ? writer->error : write_directory(writer);
	if (r < 0)
		r = fail(err, -r, "%s: cannot be written", writer->file.path);
	else
		r = new_file_keep(&writer->file, err);
	*size = writer->at;
	snapshot_writer_abandon(writer);
	return r;
}
