/*
 * Messages in the form of protocol buffers, as far as plat writes them: numbers, strings, and
 * messages within messages. All go to a text; its error is kept there, as ever.
 */
#ifndef VIEW_PROTOBUF_H
#define VIEW_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* A number in as few bytes as it needs, seven bits each. */
void protobuf_varint(struct text *to, uint64_t number);

/* A field. Nothing is written of a number that is 0: a reader takes it for that. */
void protobuf_number(struct text *to, unsigned field, uint64_t number);
void protobuf_string(struct text *to, unsigned field, const char *string);

/* What was collected in `message`, a text without sink, which is empty again then. */
void protobuf_message(struct text *to, unsigned field, struct text *message);

#endif
