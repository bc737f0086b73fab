/*
 * Lines of our own words: what is mapped at the beginning, touches, and what is expected.
 *
 *	file 1 "/bin/true" read-only huge-aligned
 *	descriptor 3 1
 *	vma 0x555555554000-0x555555556000 r-xp 0x1000 file=1
 *	vma 0x7ffffffde000-0x7ffffffff000 rw-p growsdown anon=1
 *	remember $size VmSize
 *	write $stack_start - 4K = SIGSEGV {SEGV_MAPERR}
 *	expect $stack_start to $stack_end is rw-p
 */
#include "model/script_parser.h"

#include "model/parts.h"
#include "model/script_settings.h"

#include <errno.h>
#include <string.h>

/*
 * The beginning.
 */

static int take_range(struct parser *parser, struct vma *ret)
{
	const char *start;
	int r;

	skip_blanks(parser);
	start = parser->at;
	r = take_atom(parser, 0, &ret->start);
	if (r == 0 && !take(parser, "-"))
		r = complain(parser, parser->at, "START-END is missing");
	if (r == 0)
		r = take_atom(parser, 0, &ret->end);
	if (r < 0)
		return r;
	if (ret->start >= ret->end || !is_aligned(ret->start | ret->end, MODEL_PAGE) ||
	    ret->end > UINT64_C(1) << 56)
		return complain(parser, start, "this is no range of pages");
	return 0;
}

static int take_perms(struct parser *parser, struct vma *vma)
{
	static const char letters[] = "rwx";
	struct span perms;
	unsigned rights = 0, i;

	perms = take_dashed_word(parser);
	if (perms.end - perms.start != 4 || !strchr("ps", perms.start[3]))
		return complain(parser, perms.start, "rights as rw-p are missing");
	for (i = 0; i < 3; i++) {
		if (perms.start[i] == letters[i])
			rights |= 1u << i;
		else if (perms.start[i] != '-')
			return complain(parser, perms.start, "rights as rw-p are missing");
	}
	vma->flags = flags_of_perms(rights, perms.start[3] == 's');
	return 0;
}

/* "file=1"; *found says whether it is there. */
static int take_assigned(struct parser *parser, const char *name, uint64_t most, uint64_t *ret,
			 bool *found)
{
	const char *start;
	int r;

	*found = take(parser, name);
	if (!*found)
		return 0;
	start = parser->at;
	r = take_atom(parser, 0, ret); /* what follows may begin with - */
	if (r == 0 && *ret > most)
		return complain(parser, start, "at most %llu can stand here",
				(unsigned long long)most);
	return r;
}

static int take_vma_word(struct parser *parser, struct vma *vma)
{
	uint64_t value;
	bool found;
	int r = take_assigned(parser, "file=", SCRIPT_FILES_MOST - 1, &value, &found);

	if (r < 0 || found) {
		vma->file = (uint32_t)value;
		return r;
	}
	r = take_assigned(parser, "anon=", UINT32_MAX, &value, &found);
	if (r < 0 || found) {
		vma->anon = (uint32_t)value;
		return r;
	}
	return take_flag(parser, &vma->flags);
}

/* "START-END rw-p [OFFSET] [file=N] [anon=N] [FLAG] [-FLAG]..." */
static int parse_vma(struct parser *parser, struct script_line *ret)
{
	struct vma *vma = &ret->vma;
	bool has_offset = false;
	uint64_t offset = 0;
	const char *start;
	int r = take_range(parser, vma);

	vma->file = VMA_NO_FILE;
	if (r == 0)
		r = take_perms(parser, vma);
	skip_blanks(parser);
	start = parser->at;
	if (r == 0 && (is_digit(*start) || *start == '$')) {
		has_offset = true;
		r = take_atom(parser, 0, &offset);
		if (r == 0 && !is_aligned(offset, MODEL_PAGE))
			return complain(parser, start, "an offset is a multiple of the page size");
	}
	while (r == 0 && !at_end(parser))
		r = take_vma_word(parser, vma);
	vma->pgoff = pages_of(has_offset || vma->file != VMA_NO_FILE ? offset : vma->start);
	ret->type = SCRIPT_VMA;
	return r;
}

static const struct {
	const char *word;
	size_t offset;
	bool value;
} file_words[] = {
	{"read-only", offsetof(struct model_file, writable), false},
	{"write-only", offsetof(struct model_file, readable), false},
	{"huge-aligned", offsetof(struct model_file, huge_aligned), true},
	{"shmem", offsetof(struct model_file, shmem), true},
	{"anonymous", offsetof(struct model_file, anonymous), true},
	{"unmappable", offsetof(struct model_file, unmappable), true},
	{"noexec", offsetof(struct model_file, noexec), true},
	{"whole", offsetof(struct model_file, whole), true},
};

static int take_file_word(struct parser *parser, struct model_file *file)
{
	struct span word;
	bool found;
	size_t i;
	int r = take_assigned(parser, "size=", MODEL_SIZE_UNKNOWN, &file->size, &found);

	if (r < 0 || found)
		return r;
	word = take_dashed_word(parser);
	for (i = 0; i < ARRAY_SIZE(file_words); i++)
		if (span_is(word, file_words[i].word)) {
			*(bool *)((char *)file + file_words[i].offset) = file_words[i].value;
			return 0;
		}
	return complain(parser, word.start, "%.*s is nothing that is known of files",
			(int)(word.end - word.start), word.start);
}

static int take_small(struct parser *parser, uint64_t most, uint64_t *ret)
{
	bool found;

	skip_blanks(parser);
	return take_assigned(parser, "", most, ret, &found);
}

/* "NUMBER ["PATH"] [WORD]..." */
static int parse_file(struct parser *parser, struct script_line *ret)
{
	int r = take_small(parser, SCRIPT_FILES_MOST - 1, &ret->value);

	ret->type = SCRIPT_FILE;
	ret->file = (struct model_file){
		.readable = true, .writable = true, .size = MODEL_SIZE_UNKNOWN, .name = NO_FILE};
	skip_blanks(parser);
	if (r == 0 && *parser->at == '"') {
		r = take_string(parser);
		ret->word = parser->script->word;
	}
	while (r == 0 && !at_end(parser))
		r = take_file_word(parser, &ret->file);
	return r;
}

static int parse_descriptor(struct parser *parser, struct script_line *ret)
{
	uint64_t descriptor = 0;
	int r = take_small(parser, SCRIPT_DESCRIPTORS_MOST - 1, &descriptor);

	if (r == 0)
		r = take_small(parser, SCRIPT_FILES_MOST - 1, &ret->value);
	ret->type = SCRIPT_DESCRIPTOR;
	ret->descriptor = (int)descriptor;
	return r;
}

static int parse_present(struct parser *parser, struct script_line *ret)
{
	ret->type = SCRIPT_PRESENT;
	return take_range(parser, &ret->vma);
}

/*
 * Others.
 */

static const struct {
	const char *word;
	enum script_counter counter;
} counter_words[] = {
	{"VmSize", COUNTER_SIZE},  {"VmData", COUNTER_DATA},	{"VmStk", COUNTER_STACK},
	{"VmLck", COUNTER_LOCKED}, {"map_count", COUNTER_MAPS},
};

/* A counter of the model, if its name stands there. */
static bool take_counter(struct parser *parser, enum script_counter *ret)
{
	const char *start = parser->at;
	struct span word = take_word(parser);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(counter_words); i++)
		if (span_is(word, counter_words[i].word)) {
			*ret = counter_words[i].counter;
			return true;
		}
	parser->at = start;
	return false;
}

/* "$NAME VALUE", or a counter in place of the value */
static int parse_remember(struct parser *parser, struct script_line *ret)
{
	struct span word;
	size_t size;
	int r;

	ret->type = SCRIPT_REMEMBER;
	if (!take(parser, "$"))
		return complain(parser, parser->at, "$NAME is missing");
	word = take_word(parser);
	size = (size_t)(word.end - word.start);
	if (size == 0 || size >= SCRIPT_NAME_SIZE)
		return complain(parser, word.start, "a name has 1 to %d characters",
				SCRIPT_NAME_SIZE - 1);
	memcpy(ret->name, word.start, size);
	if (take_counter(parser, &ret->counter))
		return 0;
	r = take_number(parser, 0, &ret->value);
	if (r == 0)
		r = script_name(parser->script, ret->name, ret->value);
	return r == -ENOSPC ? complain(parser, word.start, "more than %d names", SCRIPT_NAMES_MOST)
			    : r;
}

/* "START to END" */
static int take_span(struct parser *parser, struct vma *vma)
{
	int r = take_number(parser, 0, &vma->start);

	if (r < 0)
		return r;
	if (!span_is(take_word(parser), "to"))
		return complain(parser, parser->at, "START to END is missing");
	return take_number(parser, 0, &vma->end);
}

/* "START to END is rw-p", "free START to END", "VmLck = BYTES" */
static int parse_expect(struct parser *parser, struct script_line *ret)
{
	int r;

	if (take_counter(parser, &ret->counter)) {
		ret->type = SCRIPT_EXPECT_COUNTER;
		if (!take(parser, "="))
			return complain(parser, parser->at, "= is missing");
		return take_number(parser, 0, &ret->value);
	}
	if (take(parser, "free ")) {
		ret->type = SCRIPT_EXPECT_FREE;
		return take_span(parser, &ret->vma);
	}
	ret->type = SCRIPT_EXPECT_VMA;
	r = take_span(parser, &ret->vma);
	if (r < 0 || !take(parser, "is "))
		return r;
	ret->value = 1; /* its rights are said */
	return take_perms(parser, &ret->vma);
}

/* "PATH", or PATH without blanks and quotes. */
static int parse_layout(struct parser *parser, struct script_line *ret)
{
	struct span path;
	int r;

	skip_blanks(parser);
	ret->type = SCRIPT_LAYOUT;
	if (*parser->at == '"') {
		r = take_string(parser);
		ret->word = parser->script->word;
		return r;
	}
	path.start = parser->at;
	parser->at += strcspn(parser->at, " \t#");
	path.end = parser->at;
	if (path.start == path.end)
		return complain(parser, path.start, "the path of a program is missing");
	return set_word(parser, path, ret);
}

static int parse_unknown(struct parser *parser, struct script_line *ret)
{
	(void)parser;
	ret->type = SCRIPT_UNKNOWN;
	return 0;
}

static int parse_map(struct parser *parser, struct script_line *ret)
{
	(void)parser;
	ret->type = SCRIPT_MAP;
	return 0;
}

/* "write ADDRESS [= RESULT]", where strace would have parentheses for another write. */
static int parse_touch(struct parser *parser, enum model_call call, struct script_line *ret)
{
	int r = take_number(parser, 0, &ret->request.arg[0]);

	ret->type = SCRIPT_CALL;
	ret->request.call = call;
	return r < 0 ? r : take_result(parser, ret);
}

static const struct {
	const char *word;
	int (*parse)(struct parser *parser, struct script_line *ret);
} own_words[] = {
	{"capabilities", parse_capabilities},
	{"vma", parse_vma},
	{"file", parse_file},
	{"descriptor", parse_descriptor},
	{"present", parse_present},
	{"remember", parse_remember},
	{"expect", parse_expect},
	{"layout", parse_layout},
	{"unknown", parse_unknown},
	{"map", parse_map},
};

static int parse_own_word(struct parser *parser, struct span word, struct script_line *ret)
{
	static const char *const groups[] = {"machine", "process", "limit"};
	size_t i;

	if (span_is(word, "read"))
		return parse_touch(parser, CALL_READ, ret);
	if (span_is(word, "write"))
		return parse_touch(parser, CALL_WRITE, ret);
	if (span_is(word, "execute"))
		return parse_touch(parser, CALL_EXECUTE, ret);
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		if (span_is(word, groups[i]))
			return parse_group(parser, groups[i], ret);
	for (i = 0; i < ARRAY_SIZE(own_words); i++)
		if (span_is(word, own_words[i].word))
			return own_words[i].parse(parser, ret);
	return complain(parser, word.start, "%.*s is neither a call nor a word of scripts",
			(int)(word.end - word.start), word.start);
}

int parse_own(struct parser *parser, struct span word, struct script_line *ret)
{
	int r = parse_own_word(parser, word, ret);

	return r < 0 ? r : take_end(parser);
}
