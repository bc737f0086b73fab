#include "fuzz.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

uint64_t input_number(struct input *input, unsigned bytes)
{
	uint64_t number = 0;
	unsigned i;

	for (i = 0; i < bytes && input->size; i++) {
		number |= (uint64_t)*input->data++ << (8 * i);
		input->size--;
	}
	return number;
}

char *input_string(const uint8_t *data, size_t size)
{
	char *string = malloc(size + 1);

	must(string);
	if (size)
		memcpy(string, data, size);
	string[size] = '\0';
	return string;
}
