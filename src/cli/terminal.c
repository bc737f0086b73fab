#include "cli/terminal.h"

#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int color_by_name(const char *name, enum color_when *ret)
{
	static const char *const names[] = {"auto", "always", "never"};
	unsigned i;

	for (i = 0; i < 3; i++)
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum color_when)i;
			return 0;
		}
	return -EINVAL;
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

static bool has_color(enum color_when when)
{
	const char *term = getenv("TERM"), *force = getenv("CLICOLOR_FORCE");

	if (when != COLOR_AUTO)
		return when == COLOR_ALWAYS;
	if (is_set("NO_COLOR"))
		return false;
	if (force && *force && strcmp(force, "0") != 0)
		return true;
	return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

static unsigned width_from_environment(void)
{
	const char *columns = getenv("COLUMNS");
	unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;

	return width >= 20 && width <= 1000 ? (unsigned)width : 0;
}

unsigned terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return width_from_environment() ? width_from_environment() : 80;
}

size_t terminal_rows(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row ? size.ws_row : 24;
}

bool terminal_redraws(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && is_set("TERM") && strcmp(term, "dumb") != 0;
}

void terminal_fit(struct paint *paint, enum color_when color, bool ascii)
{
	unsigned width = terminal_width();

	if (width == 0)
		width = width_from_environment();
	paint->columns = width ? width : 80;
	paint->color = has_color(color);
	paint->unicode = !ascii && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}
