#include "base/text.h"

#include "base/list.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define TEXT_PIECE (64 * 1024)

static int to_stream(void *to, const char *data, size_t size)
{
	return fwrite(data, 1, size, to) == size ? 0 : -EIO;
}

struct text text_to_stream(void *stream)
{
	return (struct text){.sink = to_stream, .to = stream};
}

void text_fini(struct text *text)
{
	free(text->data);
	*text = TEXT_EMPTY;
}

int text_finish(struct text *text)
{
	if (text->sink && text->size && !text->error)
		text->error = text->sink(text->to, text->data, text->size);
	if (text->sink)
		text->size = 0;
	return text->error;
}

/* Room for `more` bytes, or NULL once something has failed. */
static char *text_room(struct text *text, size_t more)
{
	int r;

	if (text->error)
		return NULL;
	if (text->sink && text->size + more > TEXT_PIECE && text_finish(text) < 0)
		return NULL;
	r = list_reserve(&text->data, &text->room, text->size, more);
	if (r < 0) {
		text->error = r;
		return NULL;
	}
	return text->data + text->size;
}

const char *text_string(struct text *text)
{
	char *end = text_room(text, 1);

	if (!end)
		return "";
	*end = '\0';
	return text->data;
}

void text_bytes(struct text *text, const char *data, size_t size)
{
	char *to = text_room(text, size);

	if (!to || !size)
		return;
	memcpy(to, data, size);
	text->size += size;
}

void text_put(struct text *text, const char *string)
{
	text_bytes(text, string, strlen(string));
}

void text_char(struct text *text, char c)
{
	text_bytes(text, &c, 1);
}

void text_repeat(struct text *text, const char *string, size_t times)
{
	while (times--)
		text_put(text, string);
}

void text_number(struct text *text, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	text_bytes(text, digits + at, sizeof(digits) - at);
}

void text_hex(struct text *text, uint64_t number, unsigned digits)
{
	char hex[16];
	size_t at = sizeof(hex);

	do {
		hex[--at] = "0123456789abcdef"[number & 15];
		number >>= 4;
	} while (number);
	while (at && sizeof(hex) - at < digits)
		hex[--at] = '0';
	text_bytes(text, hex + at, sizeof(hex) - at);
}

void text_format(struct text *text, const char *format, ...)
{
	char small[256], *to;
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(small, sizeof(small), format, args);
	va_end(args);
	if (size < 0)
		return;
	if ((size_t)size < sizeof(small)) {
		text_bytes(text, small, (size_t)size);
		return;
	}
	to = text_room(text, (size_t)size + 1);
	if (!to)
		return;
	va_start(args, format);
	vsnprintf(to, (size_t)size + 1, format, args);
	va_end(args);
	text->size += (size_t)size;
}

/* The length of the UTF-8 character at `s`, or 0 where there is none. Unicode 15, table 3-7. */
static size_t utf8_length(const unsigned char *s)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0;
	if (s[0] == 0xed)
		high = 0x9f;
	if (s[0] == 0xf0)
		low = 0x90;
	if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (i = 2; i < length; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return length;
}

/*
 * U+061C, U+2028 to U+202E and U+2060 to U+206F reorder or break a line, U+200B to U+200F have no
 * width.
 */
static bool is_invisible(const unsigned char *s)
{
	if (s[0] == 0xd8 && s[1] == 0x9c)
		return true;
	if (s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf)
		return true; /* U+FEFF */
	if (s[0] != 0xe2 || (s[1] != 0x80 && s[1] != 0x81))
		return false;
	return s[1] == 0x80 ? (s[2] >= 0x8b && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae)
			    : s[2] >= 0xa0 && s[2] <= 0xaf;
}

/* C1 control characters are two bytes in UTF-8 and still move the cursor. */
static bool is_shown(const unsigned char *s, size_t length, int ascii)
{
	if (length == 1)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (length == 0 || ascii || is_invisible(s))
		return false;
	return !(s[0] == 0xc2 && s[1] < 0xa0);
}

char *text_escape(const char *from, char *to, size_t size, int ascii)
{
	const unsigned char *s = (const unsigned char *)from;
	size_t used = 0;

	while (*s) {
		size_t length = utf8_length(s);

		if (is_shown(s, length, ascii)) {
			if (used + length >= size)
				break;
			memcpy(to + used, s, length);
			used += length;
			s += length;
			continue;
		}
		if (used + 4 >= size)
			break;
		to[used++] = '\\';
		to[used++] = 'x';
		to[used++] = "0123456789abcdef"[*s >> 4];
		to[used++] = "0123456789abcdef"[*s & 15];
		s++;
	}
	if (size)
		to[used] = '\0';
	return to;
}

size_t text_width(const char *string)
{
	const unsigned char *s = (const unsigned char *)string;
	size_t width = 0;

	while (*s) {
		size_t length = utf8_length(s);
		wchar_t wide = 0;
		int columns = 1;

		if (length > 1) {
			mbstate_t state = {0};

			if (mbrtowc(&wide, (const char *)s, length, &state) <= 4)
				columns = wcwidth(wide);
		}
		width += columns > 0 ? (size_t)columns : 0;
		s += length ? length : 1;
	}
	return width;
}
