#include "view/protobuf.h"

#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_LENGTH = 2 };

void protobuf_varint(struct text *to, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		text_char(to, (char)(number | 0x80));
	text_char(to, (char)number);
}

static void put_key(struct text *to, unsigned field, enum wire_type type)
{
	protobuf_varint(to, (uint64_t)field << 3 | type);
}

static void put_bytes(struct text *to, unsigned field, const char *bytes, size_t size)
{
	put_key(to, field, WIRE_LENGTH);
	protobuf_varint(to, size);
	text_bytes(to, bytes, size);
}

void protobuf_number(struct text *to, unsigned field, uint64_t number)
{
	if (number == 0)
		return;
	put_key(to, field, WIRE_VARINT);
	protobuf_varint(to, number);
}

void protobuf_string(struct text *to, unsigned field, const char *string)
{
	put_bytes(to, field, string, strlen(string));
}

void protobuf_message(struct text *to, unsigned field, struct text *message)
{
	if (message->error && !to->error)
		to->error = message->error;
	put_bytes(to, field, message->data, message->size);
	message->size = 0;
}
