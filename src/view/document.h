/*
 * Pieces of JSON documents that several subcommands write: sizes are integers in bytes, addresses
 * strings in hexadecimal, and what is unknown is null with the reason under the same key and
 * "_why".
 */
#ifndef VIEW_DOCUMENT_H
#define VIEW_DOCUMENT_H

#include <jansson.h>

#include "base/text.h"
#include "space/space.h"

/* Sets `key` to null, and its reason beside it; `why` NULL: there is nothing to know. */
void document_unknown(json_t *object, const char *key, const char *why);

/* Sets a size, or null and the reason if it is UNKNOWN. */
void document_size(json_t *object, const char *key, uint64_t size, const char *why);

/* The same for an address. */
void document_address(json_t *object, const char *key, plat_addr addr, const char *why);

/* Sets a text that the process chose: escaped. */
void document_text(json_t *object, const char *key, const char *string);

/* The same, or null where there is none. */
void document_name(json_t *object, const char *key, const char *name);

/* Sets a number of things, which is known. */
void document_count(json_t *object, const char *key, uint64_t count);

/* All figures of status: vm_size, rss_anon ... */
void document_figures(json_t *object, const uint64_t figures[NFIGURES]);

/* {"as": {"soft": ..., "hard": "unlimited"}, ...} */
json_t *document_limits(const struct limit limits[NLIMITS]);

/* Writes the member "core", its path, of a space that is from one. */
void document_core(struct text *text, const struct space *space);

/* Writes it compactly; the caller owns `json` no longer. */
void document_put(struct text *text, json_t *json);

/* Writes a member behind others: ',', a new line, the key and the value. As above. */
void document_put_member(struct text *text, const char *key, json_t *json);

/* The same of nanoseconds, in units of so many: with the digits that they have. */
void document_put_time(struct text *text, const char *key, uint64_t ns, double unit);

#endif
