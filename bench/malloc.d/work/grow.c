/*
 * Strings that grow: pieces of some bytes are appended to random ones, with a realloc to the exact
 * size each time, as simple programs do; a string that has reached its end starts anew. Most end
 * at some KiB, few at MiB.
 */
#include "work.h"

#include <stdlib.h>
#include <string.h>

enum { STRINGS = 200, PIECE = 96 };

struct string {
	char *text;
	size_t length, end;
};

uint64_t grow(const struct job *job)
{
	struct string strings[STRINGS] = {{NULL, 0, 0}}, *s;
	struct dice dice = dice_new(7);
	uint64_t i, check = 0;
	size_t add, k;
	char piece[PIECE];

	memset(piece, 'x', sizeof(piece));
	for (i = 0; i < job->n; i++) {
		k = below(&dice, STRINGS);
		s = &strings[k];
		if (s->length >= s->end) {
			if (s->text)
				check += (unsigned char)s->text[s->length - 1];
			free(s->text);
			s->text = NULL;
			s->length = 0;
			s->end = k % 50 == 0 ? 1 << 20 : mostly_small(&dice, 256, 1 << 16);
		}
		add = k % 50 == 0 ? PIECE * 32 : between(&dice, 1, PIECE);
		s->text = need(realloc(s->text, s->length + add));
		for (; add > PIECE; add -= PIECE, s->length += PIECE)
			memcpy(s->text + s->length, piece, PIECE);
		memcpy(s->text + s->length, piece, add);
		s->length += add;
		check += s->length;
	}
	peak();
	for (k = 0; k < STRINGS; k++)
		free(strings[k].text);
	return check;
}
