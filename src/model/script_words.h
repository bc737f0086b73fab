/* The words of scripts and their numbers; for the files of script.h alone. */
#ifndef MODEL_SCRIPT_WORDS_H
#define MODEL_SCRIPT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

struct text;

/* Where a word may stand. */
enum word_group {
	WORD_PROT = 1 << 0,
	WORD_MAP = 1 << 1,
	WORD_REMAP = 1 << 2,
	WORD_ADVICE = 1 << 3,
	WORD_LOCK = 1 << 4,
	WORD_LOCK_ALL = 1 << 5,
	WORD_LIMIT = 1 << 6,
	WORD_PERSONALITY = 1 << 7,
	WORD_ERRNO = 1 << 8,
	WORD_FAULT = 1 << 9,
	WORD_NUMBER = 1 << 10, /* wherever a number may */
	WORD_YES = 1 << 11,
};

struct word {
	const char *word;
	uint64_t value;
	unsigned groups;
	const char *meaning; /* of an errno, or NULL */
};

/* The word of `size` bytes in one of the groups, or NULL. *known: it is a word of another one. */
const struct word *word_find(const char *word, size_t size, unsigned groups, bool *known);

/* The word of just this value, or NULL. */
const struct word *word_of(uint64_t value, enum word_group group);

/* The words of the bits that are set, with |; what has none as a number; or `nothing`. */
void put_bits(struct text *text, uint64_t bits, enum word_group group, const char *nothing);
/* The word, or a number. */
void put_word(struct text *text, uint64_t value, enum word_group group);

/* How the arguments of a request are written. */
enum script_form {
	FORM_NONE,
	FORM_ADDRESS,
	FORM_SIZE,
	FORM_PROT,
	FORM_MAP,
	FORM_DESCRIPTOR,
	FORM_OFFSET,
	FORM_REMAP,
	FORM_ADVICE,
	FORM_LOCK,
	FORM_LOCK_ALL,
	FORM_NUMBER,
	FORM_VECTOR, /* not one of the model's */
	/* In braces, by name. */
	FORM_LIMIT,
	FORM_MM,
};

struct script_call {
	const char *name;
	enum model_call call;
	unsigned least; /* arguments that must be there */
	uint8_t forms[6];
};

/* The call of that name, `size` bytes of it, or NULL. */
const struct script_call *script_call_find(const char *name, size_t size);
/* How the request is printed. */
const struct script_call *script_call_of(enum model_call call);

#endif
