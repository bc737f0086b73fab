#include "view/owner_list.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *owner_sort_name(enum owner_sort sort)
{
	static const char *const names[NOWNER_SORTS] = {"holder", "whole", "type"};

	return names[sort];
}

static void fini(struct owner *owner)
{
	free(owner->words);
	free(owner->role);
	free(owner->module);
	free(owner->symbol);
	free(owner->function);
	free(owner->thread);
}

void owner_list_fini(struct owner_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		fini(&list->list[i]);
	free(list->list);
	*list = (struct owner_list){.list = NULL};
}

struct owner *owner_list_add(struct owner_list *list)
{
	if (list_reserve(&list->list, &list->room, list->n, 1) < 0)
		return NULL;
	list->list[list->n] = (struct owner){.tid = 0};
	return &list->list[list->n++];
}

void owner_list_drop(struct owner_list *list)
{
	fini(&list->list[--list->n]);
}

int64_t owner_growth(const struct owner *owner)
{
	return (int64_t)owner->owned.bytes - (int64_t)owner->before.bytes;
}

static int by_held(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	if (x->sort != y->sort)
		return x->sort < y->sort ? -1 : 1;
	if (x->owned.bytes != y->owned.bytes)
		return x->owned.bytes > y->owned.bytes ? -1 : 1;
	return strcmp(x->words, y->words);
}

static int by_growth(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	if (x->sort != y->sort)
		return x->sort < y->sort ? -1 : 1;
	if (owner_growth(x) != owner_growth(y))
		return owner_growth(x) > owner_growth(y) ? -1 : 1;
	return by_held(a, b);
}

static int by_words(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	if (x->sort != y->sort)
		return x->sort < y->sort ? -1 : 1;
	return strcmp(x->words, y->words);
}

void owner_list_sort(struct owner_list *list)
{
	if (list->n)
		qsort(list->list, list->n, sizeof(*list->list), by_held);
}

/*
 * Comparing.
 */

static void add_owned(struct owned *to, const struct owned *more)
{
	to->bytes += more->bytes;
	to->blocks += more->blocks;
	to->exclusive_bytes += more->exclusive_bytes;
	to->exclusive_blocks += more->exclusive_blocks;
}

static char *copy(const char *string, bool *is_short)
{
	char *to = string ? strdup(string) : NULL;

	*is_short |= string && !to;
	return to;
}

static int add_gone(struct owner_list *list, const struct owner *gone)
{
	struct owner *owner = owner_list_add(list);
	bool is_short = false;

	if (!owner)
		return -ENOMEM;
	*owner = (struct owner){
		.sort = gone->sort,
		.kind = gone->kind,
		.words = copy(gone->words, &is_short),
		.module = copy(gone->module, &is_short),
		.symbol = copy(gone->symbol, &is_short),
		.function = copy(gone->function, &is_short),
		.thread = copy(gone->thread, &is_short),
		.tid = gone->tid,
		.before = gone->owned,
	};
	if (!owner->words)
		owner_list_drop(list);
	return is_short ? -ENOMEM : 0;
}

int owner_list_compare(struct owner_list *list, const struct owner_list *before)
{
	size_t i, n = list->n;
	int r = 0;

	if (n)
		qsort(list->list, n, sizeof(*list->list), by_words);
	for (i = 0; r == 0 && i < before->n; i++) {
		struct owner *found =
			n ? bsearch(&before->list[i], list->list, n, sizeof(*list->list), by_words)
			  : NULL;

		if (found)
			add_owned(&found->before, &before->list[i].owned);
		else
			r = add_gone(list, &before->list[i]);
	}
	list->has_before = true;
	if (list->n)
		qsort(list->list, list->n, sizeof(*list->list), by_growth);
	return r;
}
