/* A line of text in the making: printf may allocate, lock, and ask the locale. */
#ifndef PLAT_ALLOC_LINE_H
#define PLAT_ALLOC_LINE_H

#include <stddef.h>
#include <stdint.h>

#define LINE_BYTES 240

/* What does not fit is cut off; there is always room for the end of the line. */
struct line {
	char text[LINE_BYTES];
	size_t length;
};

/* Control characters become '?'. */
void plat__line_add(struct line *line, const char *text);
/* At the right of at least `width` places. */
void plat__line_number(struct line *line, uint64_t number, unsigned width);
void plat__line_address(struct line *line, const void *p);
/* The line, with its end, in one write to the file descriptor. */
void plat__line_write(struct line *line, int fd);

#endif
