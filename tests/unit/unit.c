#include "unit.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

void assert_tidy(const char *text, unsigned columns)
{
	const char *line, *end;

	for (line = text; *line; line = end + 1) {
		char copy[4096];

		end = strchr(line, '\n');
		assert_non_null(end);
		assert_true(end == line || end[-1] != ' ');
		snprintf(copy, sizeof(copy), "%.*s", (int)(end - line), line);
		if (text_width(copy) > columns)
			fail_msg("wider than %u: %s", columns, copy);
	}
}

void assert_ascii(const char *text)
{
	for (; *text; text++)
		assert_true(*text == '\n' || (*text >= ' ' && *text < 0x7f));
}
