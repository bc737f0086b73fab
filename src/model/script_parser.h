/* What the files that parse scripts share. */
#ifndef MODEL_SCRIPT_PARSER_H
#define MODEL_SCRIPT_PARSER_H

#include "model/script.h"
#include "model/script_words.h"

/* Where in a line we are. The line ends with NUL. */
struct parser {
	struct script *script;
	const char *line, *at;
	unsigned depth; /* of brackets in a number */
	struct error *err;
};

/* A part of the line. */
struct span {
	const char *start, *end;
};

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool begins(const char *text, const char *with);

/* -EINVAL, and a sentence that names the line, and the column of `at`. */
int complain(const struct parser *parser, const char *at, const char *format, ...)
	PRINTF_LIKE(3, 4) MUST_CHECK;

/* script_names.c: the value of $name. False: nobody has given it one. */
bool find_value(struct script *script, struct span name, uint64_t *ret);

/* script_number.c: each goes on behind what it took. */
void skip_blanks(struct parser *parser); /* comments in the C manner too */
bool take(struct parser *parser, const char *what);
/* Letters, digits and _, or also - with `dashes`; empty where there is none. */
struct span take_word(struct parser *parser);
struct span take_dashed_word(struct parser *parser);
bool span_is(struct span span, const char *word);
/* Whether it stands in the span as a whole word. */
bool span_has(struct span span, const char *word);
/* A sum of numbers and of words of the groups. 0 or -EINVAL and a sentence. */
int take_number(struct parser *parser, unsigned groups, uint64_t *ret) MUST_CHECK;
/* One number, $name or word alone. */
int take_atom(struct parser *parser, unsigned groups, uint64_t *ret) MUST_CHECK;
/* A string in quotes, to script->word. 0, -ENOMEM, or -EINVAL and a sentence. */
int take_string(struct parser *parser) MUST_CHECK;
/* "= ..." if it is there. */
int take_result(struct parser *parser, struct script_line *ret) MUST_CHECK;
/* Nothing but a comment may follow. */
int take_end(struct parser *parser) MUST_CHECK;
/* Copies the span to script->word, where ret->word points. 0 or -ENOMEM. */
int set_word(struct parser *parser, struct span span, struct script_line *ret) MUST_CHECK;

/* script_calls.c: at the name of a call, "(" follows it. */
int parse_call(struct parser *parser, struct span name, struct script_line *ret) MUST_CHECK;
/* A call that another thread has interrupted. */
int parse_begun(struct parser *parser, struct span name, struct script_line *ret) MUST_CHECK;

/* script_settings.c. */
/* The line sets ret->value, or ret->limit of limit number ret->value; `name` as in the table. */
int parse_setting(struct parser *parser, const char *group, const char *name,
		  struct script_line *ret) MUST_CHECK;
/* "NAME VALUE" of "machine", "process" or "limit". */
int parse_group(struct parser *parser, const char *group, struct script_line *ret) MUST_CHECK;
/* "none", "all", "+ipc_lock", "-ipc_lock"; as many as there are. */
int parse_capabilities(struct parser *parser, struct script_line *ret) MUST_CHECK;
/* A flag of a VMA, or with - before it none. */
int take_flag(struct parser *parser, uint32_t *ret) MUST_CHECK;
/* Nothing follows but a comment. */
bool at_end(struct parser *parser);

/* script_own.c: behind the first word of a line. */
int parse_own(struct parser *parser, struct span word, struct script_line *ret) MUST_CHECK;

#endif
