#include "mem/complaint.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#define PREFIX "plat: "

static void add_byte(struct plat__complaint *complaint, char byte)
{
	if (complaint->length < sizeof(complaint->text) - sizeof(PREFIX))
		complaint->text[complaint->length++] = byte;
}

void plat__complaint_add(struct plat__complaint *complaint, const char *text)
{
	for (; *text; text++)
		add_byte(complaint, (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
}

static void add_digits(struct plat__complaint *complaint, uintptr_t number, unsigned base)
{
	char digits[20];
	unsigned n = 0;

	do
		digits[n++] = "0123456789abcdef"[number % base];
	while ((number /= base) != 0);
	while (n > 0)
		add_byte(complaint, digits[--n]);
}

void plat__complaint_number(struct plat__complaint *complaint, size_t number)
{
	add_digits(complaint, number, 10);
}

void plat__complaint_address(struct plat__complaint *complaint, const void *p)
{
	plat__complaint_add(complaint, "0x");
	add_digits(complaint, (uintptr_t)p, 16);
}

void plat__complaint_write(struct plat__complaint *complaint)
{
	char line[sizeof(complaint->text)] = PREFIX;
	size_t length = sizeof(PREFIX) - 1, i;
	int before = errno;
	ssize_t written;

	for (i = 0; i < complaint->length; i++)
		line[length++] = complaint->text[i];
	line[length++] = '\n';
	written = write(STDERR_FILENO, line, length);
	(void)written; /* there is nobody else to tell */
	errno = before;
}
