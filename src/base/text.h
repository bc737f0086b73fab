/*
 * Text on its way out: a buffer, and a sink that takes it when it is full.
 *
 * Nothing here formats with printf unless asked, so that tens of thousands of rows cost little.
 * Errors are kept: once the sink or the memory has failed, all further calls do nothing, and
 * text_finish() says so.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct text {
	char *data;
	size_t size, room;
	/* Takes `size` bytes; 0 or a negative errno. NULL: all text stays in the buffer. */
	int (*sink)(void *to, const char *data, size_t size);
	void *to;
	int error; /* 0, or the first negative errno */
};

#define TEXT_EMPTY ((struct text){0})

/* A text that goes to a stdio stream in pieces of 64 KiB. */
struct text text_to_stream(void *stream);
void text_fini(struct text *text);

/* Hands what is in the buffer to the sink. Returns text->error. */
int text_finish(struct text *text);

/* The text as a string. Only for a text without sink; "" when memory ran out. */
const char *text_string(struct text *text);

void text_bytes(struct text *text, const char *data, size_t size);
void text_put(struct text *text, const char *string);
void text_char(struct text *text, char c);
void text_repeat(struct text *text, const char *string, size_t times);
void text_number(struct text *text, uint64_t number);
/* Lower-case hexadecimal, at least `digits` long, without 0x. */
void text_hex(struct text *text, uint64_t number, unsigned digits);
void text_format(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * Copies `from` into `to`, with control characters and bytes that are not UTF-8 as \xNN, so that a
 * name chosen by the process we look at can neither move the cursor nor break a document. With
 * `ascii` everything beyond ASCII is escaped too. Cut to `size`; always terminated. Returns `to`.
 */
char *text_escape(const char *from, char *to, size_t size, int ascii);

/* How many columns of a terminal the UTF-8 string takes. */
size_t text_width(const char *string);

#endif
