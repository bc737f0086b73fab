#include "view/calls.h"

#include "base/search.h"
#include "view/document.h"

#include <inttypes.h>
#include <string.h>

#define NAME_SIZE 4400

static bool is_below(const void *known, uint64_t addr)
{
	return *(const plat_addr *)known < addr;
}

const struct symbol *calls_find(const struct calls *calls, plat_addr addr)
{
	size_t i = search_count(calls->addrs, calls->n, sizeof(*calls->addrs), addr, is_below);

	return i < calls->n && calls->addrs[i] == addr ? &calls->symbols[i] : NULL;
}

/* A return address may be the next function's, or the next module's: the call is before it. */
static const struct region *region_of(const struct space *space, plat_addr addr)
{
	return addr ? space_find(space, addr - 1) : NULL;
}

const struct module *call_module(const struct space *space, plat_addr addr)
{
	const struct region *region = region_of(space, addr);

	return region && region->module != NO_MODULE ? &space->modules[region->module] : NULL;
}

const char *call_file(const struct space *space, plat_addr addr)
{
	const struct region *region = region_of(space, addr);
	const struct file *file = region ? region_file(space, region) : NULL;

	return file ? file->name : NULL;
}

const char *path_last(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static const char *path_words(const char *path, const struct paint *paint, char *to)
{
	return text_escape(paint->verbose ? path : path_last(path), to, NAME_SIZE, !paint->unicode);
}

void call_draw(const struct space *space, const struct calls *calls, plat_addr addr,
	       const struct paint *paint, struct text *text)
{
	const struct symbol *symbol = calls_find(calls, addr);
	const struct module *module = call_module(space, addr);
	const char *path = call_file(space, addr);
	struct line line = line_begin(text, paint);
	char name[NAME_SIZE];

	line_to(&line, 4);
	if (symbol && symbol->known) {
		line_put(&line, STYLE_PLAIN,
			 text_escape(symbol->name, name, sizeof(name), !paint->unicode));
		line_format(&line, STYLE_FAINT, "+0x%" PRIx64, addr - symbol->start);
	} else if (module) {
		line_format(&line, STYLE_PLAIN, "+0x%" PRIx64, addr - module->bias);
	} else {
		line_format(&line, STYLE_PLAIN, "0x%" PRIx64, addr);
	}
	if (path)
		line_format(&line, STYLE_FAINT, "  %s", path_words(path, paint, name));
	if (symbol && symbol->line)
		line_format(&line, STYLE_FAINT, "  %s:%u", path_words(symbol->source, paint, name),
			    symbol->line);
	line_end(&line);
}

void call_put(const struct space *space, const struct calls *calls, plat_addr addr,
	      struct text *text)
{
	const struct symbol *symbol = calls_find(calls, addr);
	const struct module *module = call_module(space, addr);
	const char *path = call_file(space, addr);

	if (symbol && symbol->known)
		text_format(text, "%s+0x%" PRIx64, symbol->name, addr - symbol->start);
	else if (module)
		text_format(text, "+0x%" PRIx64, addr - module->bias);
	else
		text_format(text, "0x%" PRIx64, addr);
	if (path)
		text_format(text, "  %s", path_last(path));
}

json_t *call_object(const struct space *space, const struct calls *calls, plat_addr addr)
{
	const struct symbol *symbol = calls_find(calls, addr);
	const struct module *module = call_module(space, addr);
	const char *path = call_file(space, addr);
	json_t *object = json_object();
	char name[NAME_SIZE];

	document_address(object, "address", addr, NULL);
	json_object_set_new(object, "module",
			    path ? json_string(text_escape(path, name, sizeof(name), 0))
				 : json_null());
	if (module)
		document_address(object, "module_offset", addr - module->bias, NULL);
	else
		document_unknown(object, "module_offset", "not part of a program or library");
	if (!symbol || !symbol->known) {
		document_unknown(object, "symbol", symbol ? symbol->why : "not looked for");
		return object;
	}
	document_text(object, "symbol", symbol->name);
	document_size(object, "symbol_offset", addr - symbol->start, NULL);
	if (symbol->line) {
		document_text(object, "source", symbol->source);
		document_size(object, "line", symbol->line, NULL);
	}
	return object;
}

json_t *calls_array(const struct space *space, const struct calls *calls, const plat_addr *frames,
		    size_t nframes)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < nframes; i++)
		json_array_append_new(array, call_object(space, calls, frames[i]));
	return array;
}
