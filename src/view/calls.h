/* Calls that sites are made of: return addresses, and what is said of the call before each. */
#ifndef VIEW_CALLS_H
#define VIEW_CALLS_H

#include <jansson.h>

#include "space/space.h"
#include "space/symbol.h"
#include "view/paint.h"

struct calls {
	plat_addr *addrs;	/* in order, each once */
	struct symbol *symbols; /* one for each */
	size_t n;
};

/* What is said of the call that returns to this address; NULL: nobody has looked. */
const struct symbol *calls_find(const struct calls *calls, plat_addr addr);

/* The module that it is in, and the name of the file; or NULL. */
const struct module *call_module(const struct space *space, plat_addr addr);
const char *call_file(const struct space *space, plat_addr addr);

/* Of a path, what is behind the last slash. */
const char *path_last(const char *path);

/* A line: "    list_resize+0x8f  python3.11  listobject.c:72". */
void call_draw(const struct space *space, const struct calls *calls, plat_addr addr,
	       const struct paint *paint, struct text *text);

/* The same without paint, as it is in another process too: "list_resize+0x8f  python3.11". */
void call_put(const struct space *space, const struct calls *calls, plat_addr addr,
	      struct text *text);

/* An object: address, module, module_offset, symbol, symbol_offset, source, line. */
json_t *call_object(const struct space *space, const struct calls *calls, plat_addr addr);

/* An array of these: a site's, the innermost first. */
json_t *calls_array(const struct space *space, const struct calls *calls, const plat_addr *frames,
		    size_t nframes);

#endif
