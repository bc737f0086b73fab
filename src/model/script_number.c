/* The small parts of a line: words, numbers, strings, results. */
#include "model/script_parser.h"

#include "base/error.h"
#include "base/list.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BRACKETS_MOST 16

int complain(const struct parser *parser, const char *at, const char *format, ...)
{
	char sentence[400];
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	return fail(parser->err, -EINVAL, "%u:%zu: %s", parser->script->number,
		    (size_t)(at - parser->line) + 1, sentence);
}

void skip_blanks(struct parser *parser)
{
	for (;;) {
		while (*parser->at == ' ' || *parser->at == '\t')
			parser->at++;
		if (strncmp(parser->at, "/*", 2) != 0 || !strstr(parser->at + 2, "*/"))
			return;
		parser->at = strstr(parser->at + 2, "*/") + 2;
	}
}

bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

bool take(struct parser *parser, const char *what)
{
	skip_blanks(parser);
	if (!begins(parser->at, what))
		return false;
	parser->at += strlen(what);
	return true;
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

struct span take_word(struct parser *parser)
{
	struct span word;

	skip_blanks(parser);
	word.start = parser->at;
	while (is_word(*parser->at))
		parser->at++;
	word.end = parser->at;
	return word;
}

struct span take_dashed_word(struct parser *parser)
{
	struct span word;

	skip_blanks(parser);
	word.start = parser->at;
	while (is_word(*parser->at) || *parser->at == '-')
		parser->at++;
	word.end = parser->at;
	return word;
}

bool span_is(struct span span, const char *word)
{
	size_t size = strlen(word);

	return (size_t)(span.end - span.start) == size && memcmp(span.start, word, size) == 0;
}

bool span_has(struct span span, const char *word)
{
	const char *at = span.start;
	size_t size = strlen(word);

	for (; (size_t)(span.end - at) >= size; at++)
		if (memcmp(at, word, size) == 0 && (at == span.start || !is_word(at[-1])) &&
		    !is_word(at[size]))
			return true;
	return false;
}

/*
 * Numbers. What binds least is taken first:  |  <<  + -  *  and then one number.
 */

static int take_name(struct parser *parser, uint64_t *ret)
{
	const char *start = parser->at++;
	struct span name = take_word(parser);

	if (!find_value(parser->script, name, ret))
		return complain(parser, start, "$%.*s has no value", (int)(name.end - name.start),
				name.start);
	return 0;
}

static int take_digits(struct parser *parser, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *start = parser->at, *unit;
	char *end;

	errno = 0;
	*ret = strtoull(start, &end, 0);
	unit = *end ? strchr(units, *end) : NULL;
	if (errno || (unit && *ret >> (54 - 10 * (unit - units))))
		return complain(parser, start, "more than a number can hold");
	if (unit) {
		*ret <<= 10 * (unit - units + 1);
		end++;
	}
	parser->at = end;
	if (is_word(*end))
		return complain(parser, start, "no number");
	return 0;
}

static int take_meaning(struct parser *parser, unsigned groups, uint64_t *ret)
{
	struct span span = take_word(parser);
	int size = (int)(span.end - span.start);
	const struct word *word;
	bool known;

	if (size == 0)
		return complain(parser, span.start, "a number is missing");
	word = word_find(span.start, (size_t)size, groups | WORD_NUMBER, &known);
	if (word) {
		*ret = word->value;
		return 0;
	}
	return complain(parser, span.start, known ? "%.*s cannot stand here" : "%.*s is not known",
			size, span.start);
}

/* "(...)": brackets in brackets are bounded. */
static int take_bracket(struct parser *parser, unsigned groups, uint64_t *ret)
{
	const char *start = parser->at++;
	int r;

	if (parser->depth == BRACKETS_MOST)
		return complain(parser, start, "brackets in brackets, more than %d", BRACKETS_MOST);
	parser->depth++;
	r = take_number(parser, groups, ret);
	parser->depth--;
	if (r == 0 && !take(parser, ")"))
		return complain(parser, start, "no ) for this (");
	return r;
}

int take_atom(struct parser *parser, unsigned groups, uint64_t *ret)
{
	bool minus = false, inverse = false;
	int r;

	for (skip_blanks(parser); *parser->at == '-' || *parser->at == '~'; skip_blanks(parser)) {
		if (minus || inverse)
			return complain(parser, parser->at, "one sign is enough");
		minus = *parser->at == '-';
		inverse = *parser->at == '~';
		parser->at++;
	}
	if (*parser->at == '$')
		r = take_name(parser, ret);
	else if (*parser->at == '(')
		r = take_bracket(parser, groups, ret);
	else if (is_digit(*parser->at))
		r = take_digits(parser, ret);
	else
		r = take_meaning(parser, groups, ret);
	if (r < 0)
		return r;
	if (minus)
		*ret = -*ret;
	if (inverse)
		*ret = ~*ret;
	return 0;
}

static int take_product(struct parser *parser, unsigned groups, uint64_t *ret)
{
	int r = take_atom(parser, groups, ret);
	uint64_t x;

	while (r == 0 && take(parser, "*")) {
		r = take_atom(parser, groups, &x);
		if (r == 0)
			*ret *= x;
	}
	return r;
}

static int take_sum(struct parser *parser, unsigned groups, uint64_t *ret)
{
	int r = take_product(parser, groups, ret);
	uint64_t x;

	for (; r == 0; *ret += x) {
		bool minus;

		skip_blanks(parser);
		if (*parser->at != '+' && *parser->at != '-')
			break;
		minus = *parser->at++ == '-';
		r = take_product(parser, groups, &x);
		if (r < 0)
			break;
		x = minus ? -x : x;
	}
	return r;
}

static int take_shifted(struct parser *parser, unsigned groups, uint64_t *ret)
{
	int r = take_sum(parser, groups, ret);
	uint64_t x;

	while (r == 0 && take(parser, "<<")) {
		r = take_sum(parser, groups, &x);
		if (r == 0)
			*ret = x < 64 ? *ret << x : 0;
	}
	return r;
}

int take_number(struct parser *parser, unsigned groups, uint64_t *ret)
{
	int r = take_shifted(parser, groups, ret);
	uint64_t x;

	while (r == 0 && take(parser, "|")) {
		r = take_shifted(parser, groups, &x);
		if (r == 0)
			*ret |= x;
	}
	return r;
}

/*
 * Strings.
 */

int set_word(struct parser *parser, struct span span, struct script_line *ret)
{
	struct script *script = parser->script;
	size_t size = (size_t)(span.end - span.start);

	if (list_reserve(&script->word, &script->word_room, 0, size + 1) < 0)
		return -ENOMEM;
	memcpy(script->word, span.start, size);
	script->word[size] = '\0';
	ret->word = script->word;
	return 0;
}

/* A backslash keeps the next character from ending the string, and stays. */
int take_string(struct parser *parser)
{
	struct script_line line;
	struct span span;

	skip_blanks(parser);
	span.start = parser->at + 1;
	if (*parser->at != '"')
		return complain(parser, parser->at, "a name in quotes is missing");
	for (parser->at++; *parser->at && *parser->at != '"'; parser->at++)
		if (*parser->at == '\\' && parser->at[1])
			parser->at++;
	span.end = parser->at;
	if (*parser->at != '"')
		return complain(parser, span.start, "this quote does not end");
	parser->at++;
	return set_word(parser, span, &line);
}

/*
 * Results.
 */

static int take_errno(struct parser *parser, struct script_line *ret)
{
	struct span name = take_word(parser);
	bool known;
	const struct word *word =
		word_find(name.start, (size_t)(name.end - name.start), WORD_ERRNO, &known);

	if (!word)
		return complain(parser, name.start, "%.*s is no error that is known",
				(int)(name.end - name.start), name.start);
	ret->result.value = -(int64_t)word->value;
	return 0;
}

static int take_fault(struct parser *parser, struct script_line *ret)
{
	bool bracket = take(parser, "{") || take(parser, "("), known;
	struct span name = take_word(parser);
	const struct word *word =
		word_find(name.start, (size_t)(name.end - name.start), WORD_FAULT, &known);

	if (!word)
		return complain(parser, name.start,
				"SEGV_MAPERR, SEGV_ACCERR, SEGV_PKUERR or "
				"BUS_ADRERR is missing");
	ret->result.fault = (enum model_fault)word->value;
	if (bracket && !take(parser, "}"))
		take(parser, ")");
	return 0;
}

/* "$name": its value, or a name for the value. */
static int take_named(struct parser *parser, struct script_line *ret, bool *is_new)
{
	const char *start = parser->at++;
	struct span name = take_word(parser);
	size_t size = (size_t)(name.end - name.start);
	uint64_t value;

	*is_new = !find_value(parser->script, name, &value);
	if (!*is_new) {
		parser->at = start;
		return 0;
	}
	if (size == 0 || size >= SCRIPT_NAME_SIZE)
		return complain(parser, start, "a name has 1 to %d characters",
				SCRIPT_NAME_SIZE - 1);
	memcpy(ret->name, name.start, size);
	ret->wanted = WANTED_NAME;
	return 0;
}

static int take_value(struct parser *parser, struct script_line *ret)
{
	uint64_t value = 0;
	bool is_new = false;
	int r = 0;

	skip_blanks(parser);
	if (*parser->at == '$')
		r = take_named(parser, ret, &is_new);
	if (r < 0 || is_new)
		return r;
	r = take_number(parser, 0, &value);
	ret->result.value = (int64_t)value;
	return r;
}

int take_result(struct parser *parser, struct script_line *ret)
{
	const char *start;

	if (!take(parser, "=") || take(parser, "?"))
		return 0;
	ret->wanted = WANTED_RESULT;
	if (take(parser, "SIGSEGV") || take(parser, "SIGBUS"))
		return take_fault(parser, ret);
	skip_blanks(parser);
	start = parser->at;
	if (take(parser, "-1")) {
		skip_blanks(parser);
		if (*parser->at == 'E')
			return take_errno(parser, ret);
	}
	parser->at = start;
	return take_value(parser, ret);
}

/* strace explains results in parentheses, and says in angle brackets how long it took. */
int take_end(struct parser *parser)
{
	skip_blanks(parser);
	if (!*parser->at || strchr("#(<", *parser->at) != NULL)
		return 0;
	return complain(parser, parser->at, "what stands here is not understood");
}
