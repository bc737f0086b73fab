#include "view/export.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 4400
#define DEPTH_MOST 256 /* frames of a stack; sites have a quarter of it */

const char *export_name(const struct export *export, const struct fold_frame *frame)
{
	return frame->kind == FOLD_TYPE ? export->types[frame->what]
					: export->folds->names.items[frame->what];
}

/* A semicolon ends a frame, in the names of lambdas, too. */
static void put_name(struct text *text, const char *name)
{
	char safe[NAME_SIZE], *at;

	text_escape(name, safe, sizeof(safe), 0);
	for (at = strchr(safe, ';'); at; at = strchr(at, ';'))
		*at = ':';
	text_put(text, safe);
}

/* Distances within functions would tear apart what belongs together. */
static void put_call(const struct export *export, plat_addr addr, struct text *text)
{
	const struct symbol *symbol = calls_find(&export->calls, addr);
	const struct module *module = call_module(export->space, addr);
	const char *path = call_file(export->space, addr);

	if (symbol && symbol->known) {
		put_name(text, symbol->name);
		return;
	}
	if (path && module) {
		put_name(text, path_last(path));
		text_format(text, "+0x%" PRIx64, addr - module->bias);
		return;
	}
	text_format(text, "0x%" PRIx64, addr);
}

static void put_frame(const struct export *export, const struct fold_frame *frame,
		      struct text *text)
{
	if (frame->kind == FOLD_CALL)
		put_call(export, frame->what, text);
	else
		put_name(text, export_name(export, frame));
}

static void put_stack(const struct export *export, uint32_t node, struct text *text)
{
	const struct folds *folds = export->folds;
	uint32_t frames[DEPTH_MOST];
	unsigned n = 0;

	if (node == FOLD_TOP)
		text_char(text, '-');
	for (; node != FOLD_TOP && n < DEPTH_MOST; node = folds->nodes[node].parent)
		frames[n++] = folds->nodes[node].frame;
	while (n > 0) {
		put_frame(export, &folds->frames[frames[--n]], text);
		if (n > 0)
			text_char(text, ';');
	}
}

void export_folded(const struct export *export, struct text *text)
{
	const struct folds *folds = export->folds;
	uint32_t node;

	for (node = 0; node < folds->nnodes; node++) {
		uint64_t sum = folds->nodes[node].sums[export->sum];

		if (sum == 0)
			continue;
		put_stack(export, node, text);
		text_char(text, ' ');
		text_number(text, sum);
		text_char(text, '\n');
	}
}
