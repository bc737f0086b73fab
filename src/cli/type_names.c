#include "cli/type_names.h"

#include "source/demangle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int find_plain(const struct type *types, size_t n, char **names)
{
	const char **mangled = calloc(n + 1, sizeof(*mangled));
	size_t i;
	int r;

	if (!mangled)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		mangled[i] = types[i].name;
	r = demangle_types(mangled, n, names);
	free(mangled);
	return r;
}

int type_names_of(const struct types *types, char ***ret)
{
	size_t i, n;
	const struct type *list = types_list(types, &n);
	char **names = calloc(n + 1, sizeof(*names));
	int r = names ? find_plain(list, n, names) : -ENOMEM;

	for (i = 0; r == 0 && i < n; i++) {
		if (!names[i])
			names[i] = strdup(list[i].name);
		if (!names[i])
			r = -ENOMEM;
	}
	if (r < 0)
		type_names_free(types, names);
	else
		*ret = names;
	return r;
}

void type_names_free(const struct types *types, char **names)
{
	size_t i, n;

	if (!names)
		return;
	types_list(types, &n);
	for (i = 0; i < n; i++)
		free(names[i]);
	free(names);
}
