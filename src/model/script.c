/*
 * Lines: what strace puts before a call, and calls that others have interrupted.
 *
 *	4711  10:21:11 mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 <unfinished ...>
 *	4712  10:21:11 close(3)                 = 0
 *	4711  10:21:11 <... mmap resumed>)      = 0x7f58f3297000
 */
#include "model/script_parser.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PENDING_MOST 256
#define PENDING_SIZE_MOST 4096

struct script_pending {
	int pid;
	char *text;
};

void script_fini(struct script *script)
{
	size_t i;

	for (i = 0; i < script->npending; i++)
		free(script->pending[i].text);
	free(script->pending);
	free(script->names);
	free(script->line);
	free(script->word);
	*script = SCRIPT_EMPTY;
}

/*
 * Calls under way.
 */

/* The one of this pid. Before a second process is there, strace names none. */
static struct script_pending *find_pending(const struct script *script, int pid)
{
	struct script_pending *without = NULL;
	size_t i;

	for (i = 0; i < script->npending; i++) {
		if (script->pending[i].pid == pid)
			return &script->pending[i];
		if (script->pending[i].pid == 0)
			without = &script->pending[i];
	}
	return without;
}

static void forget_pending(struct script *script, struct script_pending *pending)
{
	free(pending->text);
	*pending = script->pending[--script->npending];
}

/* What cannot be kept is left out, as if the call had never ended. */
static int keep_pending(struct script *script, int pid, struct span call)
{
	struct script_pending *old = find_pending(script, pid);
	size_t size = (size_t)(call.end - call.start);
	struct script_pending *kept;

	if (old && old->pid == pid)
		forget_pending(script, old);
	if (script->npending == PENDING_MOST || size > PENDING_SIZE_MOST)
		return 0;
	if (list_reserve(&script->pending, &script->pending_room, script->npending, 1) < 0)
		return -ENOMEM;
	kept = &script->pending[script->npending];
	kept->pid = pid;
	kept->text = malloc(size + 1);
	if (!kept->text)
		return -ENOMEM;
	memcpy(kept->text, call.start, size);
	kept->text[size] = '\0';
	script->npending++;
	return 0;
}

/* Puts the beginning of the call before `rest`, in script->line. False: it is not known. */
static int join_pending(struct parser *parser, struct script_line *ret, bool *found)
{
	struct script *script = parser->script;
	struct script_pending *pending = find_pending(script, ret->pid);
	size_t begun, rest;

	*found = pending;
	if (!pending)
		return 0;
	begun = strlen(pending->text);
	rest = strlen(parser->at) + 1;
	parser->at = memmove(script->line, parser->at, rest);
	if (list_reserve(&script->line, &script->line_room, 0, begun + rest) < 0)
		return -ENOMEM;
	memmove(script->line + begun, script->line, rest);
	memcpy(script->line, pending->text, begun);
	parser->line = parser->at = script->line;
	ret->pid = pending->pid;
	forget_pending(script, pending);
	return 0;
}

/*
 * What stands before a call.
 */

static int to_pid(const char *digits)
{
	unsigned long pid = strtoul(digits, NULL, 10);

	return pid > 0 && pid <= INT32_MAX ? (int)pid : 0;
}

/* "4711 ", "10:21:11 ", "1795256934.050372 ". */
static bool skip_number(struct parser *parser, struct script_line *ret)
{
	const char *start = parser->at, *at = start;
	bool is_time = false;

	while (is_digit(*at) || *at == ':' || *at == '.')
		is_time |= !is_digit(*at++);
	if (!is_digit(*start) || (*at != ' ' && *at != '\t'))
		return false;
	if (!is_time)
		ret->pid = to_pid(start);
	parser->at = at;
	return true;
}

/* How many characters an instruction pointer has, "????" where it is not known. */
static size_t pointer_length(const char *at)
{
	size_t n = 0;

	while (is_digit(at[n]) || (at[n] >= 'a' && at[n] <= 'f') || at[n] == '?')
		n++;
	return n;
}

/* "[pid  4711] ", and the instruction pointer: "[00007f48d9c9760e] ". */
static bool skip_bracket(struct parser *parser, struct script_line *ret)
{
	const char *at = parser->at, *end;

	if (*at != '[')
		return false;
	if (strncmp(at, "[pid ", 5) == 0)
		ret->pid = to_pid(at + 5);
	else if (pointer_length(at + 1) < 8)
		return false;
	end = strchr(at, ']');
	if (!end)
		return false;
	parser->at = end + 1;
	return true;
}

static void skip_prefix(struct parser *parser, struct script_line *ret)
{
	do
		skip_blanks(parser);
	while (skip_number(parser, ret) || skip_bracket(parser, ret));
}

/*
 * Lines that are no calls.
 */

/* True: the line has nothing more to say. */
static bool parse_remark(const char *at, struct script_line *ret)
{
	const char *bits;

	if (begins(at, "+++ ")) {
		ret->type = SCRIPT_ENDED;
		return true;
	}
	if (begins(at, "[ Process PID=") && (bits = strstr(at, " runs in "))) {
		ret->type = SCRIPT_BITS;
		ret->value = begins(bits, " runs in 32 bit mode") ? 32 : 64;
		return true;
	}
	return !*at || *at == '#' || begins(at, "--- ") || begins(at, "strace: ") ||
	       begins(at, "Process ") || begins(at, "<unfinished ...>");
}

/* Where the call stops because another thread was quicker, or NULL. */
static const char *find_break(const char *at)
{
	static const char unfinished[] = "<unfinished ...>";
	size_t size = strlen(at), n = strlen(unfinished);

	while (size && (at[size - 1] == ' ' || at[size - 1] == '\r'))
		size--;
	if (size >= n && memcmp(at + size - n, unfinished, n) == 0)
		return at + size - n;
	/* On a terminal strace speaks in the middle of its own line. */
	if (size > 9 && begins(at + size - 9, " attached"))
		return strstr(at, "strace: Process ");
	return NULL;
}

static int parse_interrupted(struct parser *parser, struct span name, const char *end,
			     struct script_line *ret)
{
	int r = keep_pending(parser->script, ret->pid, (struct span){name.start, end});

	return r < 0 ? r : parse_begun(parser, name, ret);
}

static int parse_words(struct parser *parser, struct script_line *ret)
{
	struct span name = take_word(parser);
	const char *end = find_break(name.start);

	if (name.start == name.end)
		return complain(parser, name.start, "a call or a word is missing");
	if (*parser->at != '(')
		return parse_own(parser, name, ret);
	if (end && end > parser->at)
		return parse_interrupted(parser, name, end, ret);
	return parse_call(parser, name, ret);
}

static int parse_line(struct parser *parser, struct script_line *ret)
{
	bool found;
	int r;

	skip_prefix(parser, ret);
	if (begins(parser->at, "<... ") && strstr(parser->at, "resumed>")) {
		parser->at = strstr(parser->at, "resumed>") + strlen("resumed>");
		r = join_pending(parser, ret, &found);
		if (r < 0 || !found) {
			ret->type = SCRIPT_OTHER;
			return r;
		}
	}
	if (parse_remark(parser->at, ret))
		return 0;
	return parse_words(parser, ret);
}

static size_t without_end(const char *text, size_t size)
{
	if (size && text[size - 1] == '\n')
		size--;
	if (size && text[size - 1] == '\r')
		size--;
	return size;
}

int script_parse(struct script *script, const char *text, size_t size, struct script_line *ret,
		 struct error *err)
{
	struct parser parser = {.script = script, .err = err};

	script->number++;
	*ret = (struct script_line){.number = script->number, .word = ""};
	parser.line = parser.at = text;
	size = without_end(text, size);
	if (size > SCRIPT_LINE_MOST)
		return complain(&parser, text, "a line of more than %d bytes", SCRIPT_LINE_MOST);
	if (memchr(text, '\0', size))
		return complain(&parser, memchr(text, '\0', size), "this is no text");
	if (list_reserve(&script->line, &script->line_room, 0, size + 1) < 0)
		return -ENOMEM;
	memcpy(script->line, text, size);
	script->line[size] = '\0';
	parser.line = parser.at = script->line;
	return parse_line(&parser, ret);
}
