#include "view/paint.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_USUAL 80
#define COLUMNS_LEAST 40
#define PUT_SIZE 1024 /* the longest string that a line takes at once */

/*
 * Terminal colours come from the middle of the 256, so that they can be read on black and on white.
 * Kinds that belong together have neighbouring hues: blue what is only read, orange what a module
 * writes, red the heap, violet memory without a name, green files, yellow stacks, grey what the
 * kernel maps.
 */
static const struct {
	char letter;
	unsigned char color;
	const char *fill;
} kinds[NKINDS] = {
	[KIND_NONE] = {'?', 244, "#ffffff"},	 [KIND_TEXT] = {'T', 33, "#8fb8de"},
	[KIND_RODATA] = {'R', 31, "#bdd7ee"},	 [KIND_RELRO] = {'L', 66, "#c5d5d8"},
	[KIND_DATA] = {'D', 166, "#f4b183"},	 [KIND_BSS] = {'B', 137, "#f8d5b4"},
	[KIND_HEAP] = {'H', 161, "#ee8f98"},	 [KIND_ANON] = {'A', 98, "#cdb9e6"},
	[KIND_FILE] = {'F', 64, "#b3d69b"},	 [KIND_SHM] = {'M', 29, "#84cbb6"},
	[KIND_STACK] = {'S', 136, "#f5d860"},	 [KIND_THREAD_STACK] = {'s', 136, "#faeaa2"},
	[KIND_GUARD] = {'G', 160, "#d9d9d9"},	 [KIND_TLS] = {'t', 169, "#efb7da"},
	[KIND_VDSO] = {'V', 103, "#d3d3e4"},	 [KIND_VVAR] = {'v', 103, "#e4e4ef"},
	[KIND_VSYSCALL] = {'Y', 103, "#d3d3e4"}, [KIND_SECRET] = {'X', 162, "#d98cb3"},
	[KIND_HUGETLB] = {'U', 63, "#a9a4ee"},	 [KIND_DEVICE] = {'I', 95, "#c9a9a9"},
	[KIND_RESERVED] = {'N', 244, "#f2f2f2"}, [KIND_ARGS] = {'a', 136, "#f3e3b0"},
	[KIND_ENV] = {'e', 136, "#f3e3b0"},	 [KIND_AUXV] = {'x', 136, "#f3e3b0"},
};

char paint_letter(enum kind kind)
{
	return kinds[kind].letter;
}

const char *paint_fill(enum kind kind)
{
	return kinds[kind].fill;
}

/* Colours 16 to 231 are a cube of six steps, from 232 on they are greys: xterm's 256colres.h. */
char *paint_ink(enum kind kind, char *to)
{
	static const unsigned steps[] = {0, 95, 135, 175, 215, 255};
	unsigned color = kinds[kind].color, grey = 8 + 10 * (color - 232u);

	if (color >= 232)
		snprintf(to, 8, "#%02x%02x%02x", grey & 255, grey & 255, grey & 255);
	else
		snprintf(to, 8, "#%02x%02x%02x", steps[(color - 16u) / 36 % 6],
			 steps[(color - 16u) / 6 % 6], steps[(color - 16u) % 6]);
	return to;
}

size_t paint_columns(const struct paint *paint)
{
	if (!paint->columns)
		return COLUMNS_USUAL;
	return paint->columns < COLUMNS_LEAST ? COLUMNS_LEAST : paint->columns;
}

/* The character after the one at `s`. */
static const char *next_character(const char *s)
{
	do
		s++;
	while (((unsigned char)*s & 0xc0) == 0x80);
	return s;
}

static size_t character_width(const char *s, const char *end)
{
	char one[8];
	size_t length = (size_t)(end - s);

	if (length >= sizeof(one))
		return length;
	memcpy(one, s, length);
	one[length] = '\0';
	return text_width(one);
}

/* The end of the longest beginning of `s` that takes at most `columns`. */
static const char *beginning(const char *s, size_t columns)
{
	while (*s) {
		const char *next = next_character(s);
		size_t width = character_width(s, next);

		if (width > columns)
			break;
		columns -= width;
		s = next;
	}
	return s;
}

char *paint_elide(const struct paint *paint, const char *from, size_t columns, char *to,
		  size_t size)
{
	const char *dots = paint->unicode ? "…" : "..";
	size_t ndots = paint->unicode ? 1 : 2;
	char shown[PUT_SIZE];
	const char *head, *tail;
	size_t width, keep, skip;

	text_escape(from, shown, sizeof(shown), !paint->unicode);
	width = text_width(shown);
	if (width <= columns) {
		snprintf(to, size, "%s", shown);
		return to;
	}
	if (columns <= ndots) {
		snprintf(to, size, "%.*s", (int)columns, "..");
		return to;
	}

	/* The end of a name tells names apart as often as its beginning. */
	keep = columns - ndots;
	head = beginning(shown, (keep + 1) / 2);
	skip = width - (keep + 1) / 2 - keep / 2;
	for (tail = head; *tail && skip; tail = next_character(tail))
		skip -= min_u64(skip, character_width(tail, next_character(tail)));
	snprintf(to, size, "%.*s%s%s", (int)(head - shown), shown, dots, tail);
	return to;
}

struct line line_begin(struct text *text, const struct paint *paint)
{
	return (struct line){.text = text, .paint = paint, .last = paint_columns(paint)};
}

static void style_on(struct line *line, unsigned style)
{
	if (!line->paint->color)
		return;
	if (style == STYLE_FAINT)
		text_put(line->text, "\033[2m");
	else if (style == STYLE_BOLD)
		text_put(line->text, "\033[1m");
	else if (style == STYLE_WARN)
		text_put(line->text, "\033[1;31m");
	else if (style >= STYLE_KIND)
		text_format(line->text, "\033[38;5;%dm", kinds[style - STYLE_KIND].color);
}

static void style_off(struct line *line, unsigned style)
{
	if (line->paint->color && style != STYLE_PLAIN)
		text_put(line->text, "\033[m");
}

static bool is_plain_ascii(const char *s, size_t *length)
{
	const char *start = s;

	while (*s >= 0x20 && *s < 0x7f)
		s++;
	*length = (size_t)(s - start);
	return !*s;
}

void line_put_within(struct line *line, unsigned style, const char *string, size_t columns)
{
	size_t room = sub_floored(line->last, line->column);
	char cut[PUT_SIZE * 4];
	size_t width, length;

	if (columns < room)
		room = columns;
	if (!*string || !room)
		return;
	if (!is_plain_ascii(string, &width) || width > room) {
		string = paint_elide(line->paint, string, room, cut, sizeof(cut));
		width = text_width(string);
	}
	/* Blanks at the end would end the line, should nothing follow. */
	length = strlen(string);
	while (length && string[length - 1] == ' ')
		length--;
	if (length) {
		text_repeat(line->text, " ", line->blanks);
		line->blanks = 0;
		style_on(line, style);
		text_bytes(line->text, string, length);
		style_off(line, style);
	}
	line->blanks += strlen(string + length);
	line->column += width;
}

void line_put(struct line *line, unsigned style, const char *string)
{
	line_put_within(line, style, string, SIZE_MAX);
}

void line_format(struct line *line, unsigned style, const char *format, ...)
{
	char string[PUT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(string, sizeof(string), format, args);
	va_end(args);
	line_put(line, style, string);
}

void line_to(struct line *line, size_t column)
{
	if (column <= line->column)
		return;
	line->blanks += column - line->column;
	line->column = column;
}

void line_put_right(struct line *line, unsigned style, const char *string, size_t column)
{
	size_t width = text_width(string);
	bool is_late;

	line_to(line, column > width ? column - width : 0);
	is_late = line->column && line->column + width > column;
	if (is_late)
		line_to(line, line->column + !line->blanks);
	/* A number that is cut is another number; tables of bytes are wide. */
	if (*string && (is_late || line->paint->bytes) && line->last < line->column + width)
		line->last = line->column + width;
	line_put(line, style, string);
}

void line_end(struct line *line)
{
	text_char(line->text, '\n');
	line->column = line->blanks = 0;
}

/* The end of as many words of `s` as fit in `columns`, or of the first word. */
static const char *words_that_fit(const char *s, size_t columns)
{
	const char *end = NULL, *space = s;

	do {
		char part[PUT_SIZE];

		space = space + 1 + strcspn(space + 1, " ");
		snprintf(part, sizeof(part), "%.*s", (int)(space - s), s);
		if (end && text_width(part) > columns)
			break;
		end = space;
	} while (*space);
	return end;
}

void line_wrap(struct line *line, unsigned style, const char *sentence, size_t indent)
{
	char shown[PUT_SIZE], part[PUT_SIZE];
	const char *s = text_escape(sentence, shown, sizeof(shown), !line->paint->unicode);

	while (*s) {
		const char *end = words_that_fit(s, sub_floored(line->last, line->column));

		snprintf(part, sizeof(part), "%.*s", (int)(end - s), s);
		line_put(line, style, part);
		s = end + strspn(end, " ");
		if (!*s)
			break;
		line_end(line);
		line_to(line, indent);
	}
	line_end(line);
}
