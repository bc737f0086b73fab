#include "base/assert.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void assert_failed(const char *line)
{
	ssize_t ignored = write(STDERR_FILENO, line, strlen(line));

	(void)ignored;
	abort();
}
