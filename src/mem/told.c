#include "mem/told.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

void plat__told_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
}

size_t plat__told_number(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	size_t n = 0;

	if (!at)
		return 0;
	for (at += strlen(word); *at == ' '; at++)
		;
	for (; *at >= '0' && *at <= '9' && n < SIZE_MAX / 16; at++)
		n = n * 10 + (size_t)(*at - '0');
	return n;
}
