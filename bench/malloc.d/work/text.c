/*
 * Texts taken apart and put together, as scripting languages do it: lines are made of words, words
 * are copied one by one into a list, sorted, joined again, and some lines are kept for a while.
 */
#include "work.h"

#include <stdlib.h>
#include <string.h>

enum { LINES = 2000, WORDS = 40 };

static char *word_new(struct dice *dice)
{
	size_t length = between(dice, 1, 12) + (roll(dice) % 16 == 0 ? 20 : 0), i;
	char *word = need(malloc(length + 1));

	for (i = 0; i < length; i++)
		word[i] = (char)('a' + roll(dice) % 26);
	word[length] = '\0';
	return word;
}

/* Takes both; the result is a new string with a blank between them. */
static char *joined(char *a, char *b)
{
	size_t n = a ? strlen(a) + 1 : 0, m = strlen(b) + 1;
	char *both = need(malloc(n + m));

	if (a) {
		memcpy(both, a, n - 1);
		both[n - 1] = ' ';
	}
	memcpy(both + n, b, m);
	free(a);
	free(b);
	return both;
}

static void sort(char **words, size_t n)
{
	size_t i, k;
	char *word;

	for (i = 1; i < n; i++) {
		word = words[i];
		for (k = i; k && strcmp(words[k - 1], word) > 0; k--)
			words[k] = words[k - 1];
		words[k] = word;
	}
}

static size_t split(const char *line, char ***ret)
{
	size_t n = 0, room = 0, length;
	char **words = NULL;

	while (*line) {
		length = strcspn(line, " ");
		if (n == room) {
			room = room ? room * 2 : 4;
			words = need(realloc(words, room * sizeof(*words)));
		}
		words[n++] = need(strndup(line, length));
		line += length + (line[length] == ' ');
	}
	*ret = words;
	return n;
}

uint64_t text(const struct job *job)
{
	char **kept = reserve(LINES * sizeof(*kept)), **words, *line;
	struct dice dice = dice_new(11);
	uint64_t i, check = 0;
	size_t n, k;

	for (i = 0; i < job->n; i++) {
		for (line = NULL, n = between(&dice, 1, WORDS); n--;)
			line = joined(line, word_new(&dice));
		n = split(line, &words);
		free(line);
		sort(words, n);
		for (line = NULL, k = 0; k < n; k++)
			line = joined(line, words[k]);
		free(words);
		check += strlen(line) + (unsigned char)line[0];
		k = below(&dice, LINES);
		free(kept[k]);
		kept[k] = line;
	}
	peak();
	for (k = 0; k < LINES; k++)
		free(kept[k]);
	return check;
}
