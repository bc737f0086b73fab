#include "source/demangle.h"

#include "source/errand.h"

#include <errno.h>
#include <libiberty/demangle.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANGLED_MOST 65536

size_t demangle(const char *name, bool is_type, char *ret, size_t size)
{
	int options = DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO | (is_type ? DMGL_TYPES : 0);
	char *plain = NULL;
	size_t length = 0;

	if (strnlen(name, MANGLED_MOST) < MANGLED_MOST)
		plain = cplus_demangle(name, options);
	if (plain)
		length = strlen(plain);
	if (length)
		snprintf(ret, size, "%s", plain);
	free(plain);
	return length;
}

struct job {
	const char *const *names;
	size_t n;
	char **ret;
	int result;
};

struct piece {
	size_t index;
	char name[SYMBOL_NAME_SIZE];
};

static void work(const struct errand *errand, void *context)
{
	const struct job *job = context;
	struct piece piece;

	for (piece.index = 0; piece.index < job->n; piece.index++)
		if (demangle(job->names[piece.index], true, piece.name, sizeof(piece.name)))
			errand_tell(errand, &piece);
}

static void take(void *context, const void *told)
{
	struct job *job = context;
	const struct piece *piece = told;

	if (piece->index >= job->n || job->ret[piece->index])
		return;
	job->ret[piece->index] = strndup(piece->name, sizeof(piece->name) - 1);
	if (!job->ret[piece->index])
		job->result = -ENOMEM;
}

int demangle_types(const char *const *names, size_t n, char **ret)
{
	struct job job = {.names = names, .n = n, .ret = ret};
	struct errand errand = {
		.what = "demangling",
		.size = sizeof(struct piece),
		.context = &job,
		.work = work,
		.take = take,
	};
	size_t i;
	int r;

	for (i = 0; i < n; i++)
		ret[i] = NULL;
	r = n ? errand_run(&errand, NULL) : 0;
	if (job.result < 0) {
		for (i = 0; i < n; i++) {
			free(ret[i]);
			ret[i] = NULL;
		}
		return job.result;
	}
	return r == -ENOMEM ? r : 0;
}
