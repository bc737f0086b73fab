/*
 * A space as one JSON document. Keys and meanings are kept stable; `schema` counts what breaks
 * them. Addresses are strings in hexadecimal, sizes integers in bytes; what is unknown is null,
 * with the reason beside it under the same key and "_why".
 */
#ifndef VIEW_JSON_H
#define VIEW_JSON_H

#include "base/text.h"
#include "view/columns.h"
#include "view/table.h"

/* What is said of a command that plat has started. */
struct json_command {
	const char *at;	 /* which look: "end", "peak", or "sample", the last before the end */
	int exit_status; /* or -1: a signal ended it */
	int signal;	 /* or 0 */
};

/*
 * Columns of `choice` that are not always there come on top; `command` may be NULL. 0 or a negative
 * errno.
 */
int json_write(const struct space *space, const struct selection *selection,
	       const struct columns_choice *choice, const struct json_command *command,
	       struct text *text) MUST_CHECK;

/* "0x7f0012345000"; UNKNOWN is not an address. `to` has room for 24 bytes. Returns `to`. */
char *json_address(plat_addr addr, char *to);

#endif
