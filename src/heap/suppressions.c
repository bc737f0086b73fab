#include "heap/suppressions.h"

#include "base/list.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KIND "leak:"

static int add(struct suppressions *suppressions, const char *pattern, size_t length)
{
	int r = list_reserve(&suppressions->patterns, &suppressions->room, suppressions->n, 1);
	char *copy = r == 0 ? strndup(pattern, length) : NULL;

	if (!copy)
		return -ENOMEM;
	suppressions->patterns[suppressions->n++] = copy;
	return 0;
}

int suppressions_add(struct suppressions *suppressions, const char *path, const char *text,
		     struct error *err)
{
	size_t length, number;
	int r = 0;

	for (number = 1; r == 0 && *text; number++) {
		const char *line = text, *end = text + strcspn(text, "\n");

		text = *end ? end + 1 : end;
		while (line < end && isspace((unsigned char)*line))
			line++;
		while (end > line && isspace((unsigned char)end[-1]))
			end--;
		length = (size_t)(end - line);
		if (length == 0 || *line == '#')
			continue;
		if (length <= strlen(KIND) || strncmp(line, KIND, strlen(KIND)) != 0)
			return fail(err, -EINVAL,
				    "%s:%zu: neither \"leak:\" and a pattern, nor a comment", path,
				    number);
		r = add(suppressions, line + strlen(KIND), length - strlen(KIND));
	}
	return r < 0 ? fail(err, -r, "%s", path) : 0;
}

void suppressions_fini(struct suppressions *suppressions)
{
	while (suppressions->n > 0)
		free(suppressions->patterns[--suppressions->n]);
	free(suppressions->patterns);
	*suppressions = (struct suppressions){.n = 0};
}

/*
 * A pattern may stand anywhere: as if it began and ended with *. Where it does not fit, the last *
 * takes one character more, which is enough: what an earlier one took need never be looked at
 * again.
 */
static bool fits(const char *pattern, const char *name)
{
	bool is_begin = *pattern == '^';
	const char *star = NULL, *back = name;

	pattern += is_begin;
	if (!is_begin)
		star = pattern;
	for (;;) {
		bool is_end = *pattern == '$' && pattern[1] == '\0';

		if (*pattern == '\0' || (is_end && *name == '\0'))
			return true;
		if (*pattern == '*') {
			star = ++pattern;
			back = name;
		} else if (!is_end && *name && *pattern == *name) {
			pattern++;
			name++;
		} else if (star && *back) {
			pattern = star;
			name = ++back;
		} else {
			return false;
		}
	}
}

bool suppressions_match(const struct suppressions *suppressions, const char *name)
{
	size_t i;

	for (i = 0; i < suppressions->n; i++)
		if (*name && fits(suppressions->patterns[i], name))
			return true;
	return false;
}
