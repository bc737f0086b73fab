#include "alloc/line.h"

#include "alloc/system.h"

static void add_byte(struct line *line, char byte)
{
	if (line->length < LINE_BYTES - 1)
		line->text[line->length++] = byte;
}

void plat__line_add(struct line *line, const char *text)
{
	for (; *text; text++)
		add_byte(line, (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
}

static void add_number(struct line *line, uint64_t number, unsigned base, unsigned width)
{
	char digits[20];
	unsigned n = 0;

	do
		digits[n++] = "0123456789abcdef"[number % base];
	while ((number /= base) != 0);
	for (; width > n; width--)
		add_byte(line, ' ');
	while (n > 0)
		add_byte(line, digits[--n]);
}

void plat__line_number(struct line *line, uint64_t number, unsigned width)
{
	add_number(line, number, 10, width);
}

void plat__line_address(struct line *line, const void *p)
{
	plat__line_add(line, "0x");
	add_number(line, (uintptr_t)p, 16, 0);
}

void plat__line_write(struct line *line, int fd)
{
	line->text[line->length++] = '\n';
	plat__system_write(fd, line->text, line->length);
}
