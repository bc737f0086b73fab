#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fail(struct error *err, int errnum, const char *format, ...)
{
	va_list args;
	size_t length;

	if (!err)
		return errnum < 0 ? errnum : -errnum;

	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (errnum < 0)
		return errnum;

	length = strlen(err->text);
	snprintf(err->text + length, sizeof(err->text) - length, ": %s", strerror(errnum));
	return -errnum;
}
