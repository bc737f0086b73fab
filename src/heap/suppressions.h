/*
 * What is known to be lost, and is not to be told: in the words of LeakSanitizer's files.
 *
 *     # a comment
 *     leak:libfontconfig.so        a function, a source or a module of the site has this in it
 *     leak:^main$                  or is it, as ^ and $ stand for where it begins and ends
 *     leak:http::*Connection       with anything in the place of *
 */
#ifndef HEAP_SUPPRESSIONS_H
#define HEAP_SUPPRESSIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"

struct suppressions {
	char **patterns;
	size_t n, room;
};

/*
 * Adds those of a text; `path` is for the sentence. 0; -EINVAL with the file and line where one is
 * of no form that is known; -ENOMEM. The caller owns what there is, in any case.
 */
int suppressions_add(struct suppressions *suppressions, const char *path, const char *text,
		     struct error *err) MUST_CHECK;
void suppressions_fini(struct suppressions *suppressions);

bool suppressions_match(const struct suppressions *suppressions, const char *name);

#endif
