/*
 * What the fuzz targets share. Each target is one file with LLVMFuzzerTestOneInput(): libFuzzer
 * calls it with what it makes up (meson -Dfuzz=true), replay.c with the files of the corpus.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes numbers off the front of the input; 0 when it is used up. */
struct input {
	const uint8_t *data;
	size_t size;
};

uint64_t input_number(struct input *input, unsigned bytes);

/* The input as a string: a copy with a NUL behind it. The caller frees it. */
char *input_string(const uint8_t *data, size_t size);

#endif
