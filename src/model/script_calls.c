/*
 * Calls as strace prints them: NAME(ARGUMENTS) = RESULT. Arguments are first found by their commas
 * and then read by those who know what they are; those of other calls are never looked at.
 */
#include "model/script_parser.h"

#include "base/compiler.h"

#include <errno.h>
#include <string.h>

#define ARGUMENTS_MOST 8
#define DEPTH_MOST 32

struct call {
	struct span name;
	size_t nargs;
	struct span args[ARGUMENTS_MOST]; /* the last has all that follows, too */
	const char *result;		  /* behind the ) */
};

/*
 * Arguments.
 */

/* Behind the string that begins here, or at the end of the line. */
static const char *skip_string(const char *at)
{
	for (at++; *at && *at != '"'; at++)
		if (*at == '\\' && at[1])
			at++;
	return *at ? at + 1 : at;
}

static void add_argument(struct call *call, const char *start, const char *end)
{
	if (call->nargs == ARGUMENTS_MOST)
		call->args[ARGUMENTS_MOST - 1].end = end;
	else
		call->args[call->nargs++] = (struct span){start, end};
}

/* 0, or -EINVAL and a sentence where no ) ends them. */
static int find_arguments(struct parser *parser, struct call *call)
{
	const char *at = parser->at + 1, *start = at;
	size_t depth = 0;

	while (*at) {
		if (*at == '"') {
			at = skip_string(at);
			continue;
		}
		if (strchr("([{", *at) && ++depth > DEPTH_MOST)
			return complain(parser, at, "brackets in brackets, more than %d",
					DEPTH_MOST);
		if (*at == ')' && depth == 0)
			break;
		if (strchr(")]}", *at) && depth > 0)
			depth--;
		if (*at == ',' && depth == 0) {
			add_argument(call, start, at);
			start = at + 1;
		}
		at++;
	}
	if (!*at)
		return complain(parser, parser->at, "no ) for this (");
	while (start < at && *start == ' ')
		start++;
	if (start < at || call->nargs)
		add_argument(call, start, at);
	call->result = at + 1;
	return 0;
}

/* All of the argument is one number. */
static int take_argument(struct parser *parser, struct span arg, unsigned groups, uint64_t *ret)
{
	int r;

	parser->at = arg.start;
	r = take_number(parser, groups, ret);
	if (r < 0)
		return r;
	skip_blanks(parser);
	if (*parser->at == '<') /* strace -y says what a descriptor is */
		return 0;
	if (parser->at != arg.end)
		return complain(parser, parser->at, "what stands here is not understood");
	return 0;
}

/* A number in braces, as st_size=41775. *found says whether it is there. */
static int take_field(struct parser *parser, struct span arg, const char *name, uint64_t *ret,
		      bool *found)
{
	const char *at = arg.start;
	size_t size = strlen(name);

	*found = false;
	for (; (size_t)(arg.end - at) > size; at++) {
		if (memcmp(at, name, size) != 0 || at[size] != '=' ||
		    (at > arg.start && !strchr("{ ,", at[-1])))
			continue;
		*found = true;
		parser->at = at + size + 1;
		return take_number(parser, 0, ret);
	}
	return 0;
}

static bool is_null(struct span arg)
{
	while (arg.start < arg.end && *arg.start == ' ')
		arg.start++;
	return span_is(arg, "NULL");
}

/* "= ..." and the end of the line. */
static int finish(struct parser *parser, const struct call *call, struct script_line *ret)
{
	int r;

	parser->at = call->result;
	r = take_result(parser, ret);
	return r < 0 ? r : take_end(parser);
}

/* For calls that say something only where they succeeded: what they returned. */
static bool succeeded(struct parser *parser, const struct call *call, uint64_t *value)
{
	struct parser quiet = {.script = parser->script, .line = parser->line, .at = call->result};
	struct script_line line = {.word = ""};

	if (take_result(&quiet, &line) < 0 || line.wanted != WANTED_RESULT)
		return false;
	*value = (uint64_t)line.result.value;
	return line.result.value >= 0 && line.result.fault == FAULT_NONE;
}

/*
 * Requests.
 */

static const unsigned form_groups[] = {
	[FORM_PROT] = WORD_PROT,     [FORM_MAP] = WORD_MAP,   [FORM_REMAP] = WORD_REMAP,
	[FORM_ADVICE] = WORD_ADVICE, [FORM_LOCK] = WORD_LOCK, [FORM_LOCK_ALL] = WORD_LOCK_ALL,
	[FORM_LIMIT] = WORD_LIMIT,   [FORM_MM] = 0,
};

static int take_soft_and_hard(struct parser *parser, struct span arg, struct model_limits *ret)
{
	bool has_soft, has_hard;
	int r = take_field(parser, arg, "rlim_cur", &ret->soft, &has_soft);

	if (r == 0)
		r = take_field(parser, arg, "rlim_max", &ret->hard, &has_hard);
	if (r == 0 && (!has_soft || !has_hard))
		return complain(parser, arg.start, "{rlim_cur=SOFT, rlim_max=HARD} is missing");
	return r;
}

static int take_limit_request(struct parser *parser, struct span limit, struct span values,
			      struct script_line *ret)
{
	struct model_limits limits;
	int r = take_argument(parser, limit, WORD_LIMIT, &ret->request.arg[0]);

	if (r == 0)
		r = take_soft_and_hard(parser, values, &limits);
	if (r < 0)
		return r;
	ret->type = SCRIPT_CALL;
	ret->request.call = CALL_SETRLIMIT;
	ret->request.arg[1] = limits.soft;
	ret->request.arg[2] = limits.hard;
	return 0;
}

static int take_mm(struct parser *parser, struct span arg, struct script_line *ret)
{
	static const char *const fields[] = {"start_brk", "brk", "start_data", "end_data"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		bool found;
		int r = take_field(parser, arg, fields[i], &ret->request.arg[i], &found);

		if (r == 0 && !found)
			return complain(parser, arg.start, "%s= is missing", fields[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* How many of the pages the vector shows; 0 is what the call returned. */
static void count_resident(struct span vector, struct script_line *ret)
{
	const char *at;

	if (ret->wanted != WANTED_RESULT || ret->result.value != 0)
		return;
	for (at = vector.start; at < vector.end; at++)
		if (*at == '1')
			ret->result.value++;
	/* Not all of it was printed, or only where it lies. */
	if (!memchr(vector.start, '[', (size_t)(vector.end - vector.start)) ||
	    memchr(vector.start, '.', (size_t)(vector.end - vector.start)))
		ret->wanted = WANTED_NOTHING;
}

static int take_request(struct parser *parser, const struct script_call *form,
			const struct call *call, struct script_line *ret)
{
	size_t i;
	int r;

	if (call->nargs < form->least)
		return complain(parser, call->name.start, "%s has %u arguments", form->name,
				form->least);
	ret->type = SCRIPT_CALL;
	ret->request.call = form->call;
	if (span_is(call->name, "mmap2"))
		ret->value = 32;
	for (i = 0; i < call->nargs && i < ARRAY_SIZE(form->forms); i++) {
		if (form->forms[i] == FORM_VECTOR || form->forms[i] == FORM_NONE)
			break;
		r = take_argument(parser, call->args[i], form_groups[form->forms[i]],
				  &ret->request.arg[i]);
		if (r < 0)
			return r;
	}
	r = finish(parser, call, ret);
	if (r == 0 && form->call == CALL_MINCORE && call->nargs == 3)
		count_resident(call->args[2], ret);
	return r;
}

/*
 * Files.
 */

static int parse_opened(struct parser *parser, const struct call *call, struct span path,
			struct script_line *ret)
{
	uint64_t descriptor;
	int r;

	if (!succeeded(parser, call, &descriptor) || descriptor >= SCRIPT_DESCRIPTORS_MOST)
		return 0;
	parser->at = path.start;
	r = take_string(parser);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	ret->type = SCRIPT_OPEN;
	ret->word = parser->script->word;
	ret->descriptor = (int)descriptor;
	ret->file.name = NO_FILE;
	ret->file.size = MODEL_SIZE_UNKNOWN;
	return 0;
}

/* open(PATH, FLAGS), or openat(AT, PATH, FLAGS). */
static int parse_open(struct parser *parser, const struct call *call, struct script_line *ret)
{
	size_t at = span_is(call->name, "openat") || span_is(call->name, "openat2");
	struct model_file *file = &ret->file;
	struct span flags;
	int r;

	if (call->nargs < at + 2)
		return 0;
	flags = call->args[at + 1];
	r = parse_opened(parser, call, call->args[at], ret);
	if (r < 0 || ret->type != SCRIPT_OPEN)
		return r;
	file->readable = !span_has(flags, "O_WRONLY");
	file->writable = span_has(flags, "O_RDWR") || span_has(flags, "O_WRONLY");
	file->unmappable = span_has(flags, "O_DIRECTORY") || span_has(flags, "O_PATH");
	file->shmem = begins(ret->word, "/dev/shm/");
	file->huge_aligned = !file->shmem && !begins(ret->word, "/dev/");
	return 0;
}

static int parse_memfd(struct parser *parser, const struct call *call, struct script_line *ret)
{
	int r;

	if (call->nargs < 1)
		return 0;
	r = parse_opened(parser, call, call->args[0], ret);
	ret->file.readable = ret->file.writable = ret->file.shmem = true;
	return r;
}

static bool take_descriptor(struct parser *parser, struct span arg, int *ret)
{
	struct parser quiet = {.script = parser->script, .line = parser->line};
	uint64_t number;

	if (take_argument(&quiet, arg, 0, &number) < 0 || number >= SCRIPT_DESCRIPTORS_MOST)
		return false;
	*ret = (int)number;
	return true;
}

/* dup(OLD), dup2(OLD, NEW), fcntl(OLD, F_DUPFD, LEAST): what is returned is the new one. */
static int parse_dup(struct parser *parser, const struct call *call, struct script_line *ret)
{
	uint64_t descriptor;

	if (span_is(call->name, "fcntl") || span_is(call->name, "fcntl64")) {
		if (call->nargs < 2 || (!span_has(call->args[1], "F_DUPFD") &&
					!span_has(call->args[1], "F_DUPFD_CLOEXEC")))
			return 0;
	}
	if (call->nargs < 1 || !succeeded(parser, call, &descriptor) ||
	    descriptor >= SCRIPT_DESCRIPTORS_MOST ||
	    !take_descriptor(parser, call->args[0], &ret->source))
		return 0;
	ret->type = SCRIPT_DUP;
	ret->descriptor = (int)descriptor;
	return 0;
}

static int parse_close(struct parser *parser, const struct call *call, struct script_line *ret)
{
	uint64_t value;

	if (call->nargs == 1 && succeeded(parser, call, &value) &&
	    take_descriptor(parser, call->args[0], &ret->descriptor))
		ret->type = SCRIPT_CLOSE;
	return 0;
}

/* fstat(FD, {... st_size=N ...}), newfstatat(FD, "", {...}, ...), ftruncate(FD, N). */
static int parse_size(struct parser *parser, const struct call *call, struct script_line *ret)
{
	struct parser quiet = {.script = parser->script, .line = parser->line};
	bool cuts = begins(call->name.start, "ftruncate"), found = false;
	bool at = begins(call->name.start, "newfstatat");
	uint64_t value;

	if (call->nargs < 2 || !succeeded(parser, call, &value) ||
	    !take_descriptor(parser, call->args[0], &ret->descriptor))
		return 0;
	if (cuts)
		found = take_argument(&quiet, call->args[1], 0, &ret->value) == 0;
	else if (!at || (call->nargs > 2 && memchr(call->args[1].start, '"', 2) &&
			 call->args[1].end - call->args[1].start <= 3))
		if (take_field(&quiet, call->args[at ? 2 : 1], "st_size", &ret->value, &found) < 0)
			found = false;
	if (found && ret->value < MODEL_SIZE_UNKNOWN)
		ret->type = SCRIPT_SIZE;
	return 0;
}

/*
 * Processes.
 */

static int parse_exec(struct parser *parser, const struct call *call, struct script_line *ret)
{
	uint64_t value;
	size_t at = span_is(call->name, "execveat");
	int r;

	if (!succeeded(parser, call, &value) || call->nargs <= at)
		return 0;
	ret->type = SCRIPT_EXEC;
	parser->at = call->args[at].start;
	r = take_string(parser);
	if (r == 0)
		ret->word = parser->script->word;
	return r == -ENOMEM ? r : 0;
}

static bool shares_memory(struct span name, struct span arguments)
{
	return span_is(name, "vfork") || span_has(arguments, "CLONE_VM");
}

/* In the child, or without a result, it is the model's fork. */
static int parse_clone(struct parser *parser, const struct call *call, struct script_line *ret)
{
	struct span all = {call->name.start, call->result};
	uint64_t child = 0;
	bool fine = succeeded(parser, call, &child);
	int r;

	if (span_is(call->name, "fork") && (!fine || child == 0)) {
		ret->type = SCRIPT_CALL;
		ret->request.call = CALL_FORK;
		r = finish(parser, call, ret);
		if (r == 0 && ret->result.value < 0) /* there is no child */
			ret->type = SCRIPT_OTHER;
		return r;
	}
	ret->type = SCRIPT_CLONED;
	ret->source = shares_memory(call->name, all);
	ret->value = fine && child <= INT32_MAX ? child : 0;
	return 0;
}

static int parse_personality(struct parser *parser, const struct call *call,
			     struct script_line *ret)
{
	struct parser quiet = {.script = parser->script, .line = parser->line};
	uint64_t old;

	if (call->nargs != 1 || !succeeded(parser, call, &old) ||
	    take_argument(&quiet, call->args[0], WORD_PERSONALITY, &ret->value) < 0 ||
	    ret->value == UINT32_MAX)
		return 0;
	return parse_setting(parser, "process", "personality", ret);
}

/*
 * Limits and other settings.
 */

static bool is_our_limit(struct span arg)
{
	return span_has(arg, "RLIMIT_AS") || span_has(arg, "RLIMIT_DATA") ||
	       span_has(arg, "RLIMIT_STACK") || span_has(arg, "RLIMIT_MEMLOCK");
}

/* What the limit was tells the model, if it does not know. */
static int parse_old_limit(struct parser *parser, const struct call *call, struct span limit,
			   struct span old, struct script_line *ret)
{
	uint64_t value;
	int r;

	if (!succeeded(parser, call, &value) || is_null(old))
		return 0;
	r = take_limit_request(parser, limit, old, ret);
	if (r < 0)
		return r;
	ret->limit = (struct model_limits){ret->request.arg[1], ret->request.arg[2]};
	ret->value = ret->request.arg[0];
	return parse_setting(parser, "limit", NULL, ret);
}

static int parse_setrlimit(struct parser *parser, const struct call *call, struct script_line *ret)
{
	int r;

	if (call->nargs < 2 || !is_our_limit(call->args[0]))
		return 0;
	/* Some write the two values without braces. */
	r = take_limit_request(parser, call->args[0], call->args[1], ret);
	return r < 0 ? r : finish(parser, call, ret);
}

static int parse_getrlimit(struct parser *parser, const struct call *call, struct script_line *ret)
{
	if (call->nargs < 2 || !is_our_limit(call->args[0]))
		return 0;
	return parse_old_limit(parser, call, call->args[0], call->args[1], ret);
}

/* prlimit64(PID, LIMIT, NEW, OLD) */
static int parse_prlimit(struct parser *parser, const struct call *call, struct script_line *ret)
{
	uint64_t pid;
	int r;

	if (call->nargs < 4 || !is_our_limit(call->args[1]))
		return 0;
	r = take_argument(parser, call->args[0], 0, &pid);
	if (r < 0)
		return r;
	if (pid && (int64_t)pid != ret->pid)
		return 0;
	if (is_null(call->args[2]))
		return parse_old_limit(parser, call, call->args[1], call->args[3], ret);
	r = take_limit_request(parser, call->args[1], call->args[2], ret);
	return r < 0 ? r : finish(parser, call, ret);
}

static int parse_strange(struct parser *parser, const struct call *call, struct script_line *ret)
{
	uint64_t value;

	if (!succeeded(parser, call, &value))
		return 0;
	ret->type = SCRIPT_STRANGE;
	return set_word(parser, call->name, ret);
}

static int parse_prctl(struct parser *parser, const struct call *call, struct script_line *ret)
{
	int r;

	if (call->nargs < 2)
		return 0;
	if (span_has(call->args[0], "PR_SET_VMA"))
		return parse_strange(parser, call, ret);
	if (!span_has(call->args[0], "PR_SET_MM") || span_has(call->args[1], "PR_SET_MM_MAP_SIZE"))
		return 0;
	if (!span_has(call->args[1], "PR_SET_MM_MAP") || call->nargs < 3 ||
	    !memchr(call->args[2].start, '{', (size_t)(call->result - call->args[2].start)))
		return parse_strange(parser, call, ret);
	ret->type = SCRIPT_CALL;
	ret->request.call = CALL_SET_MM;
	r = take_mm(parser, call->args[2], ret);
	return r < 0 ? r : finish(parser, call, ret);
}

/* With a key of -1 it is mprotect. */
static int parse_pkey_mprotect(struct parser *parser, const struct call *call,
			       struct script_line *ret)
{
	uint64_t key = 0;

	if (call->nargs == 4 && take_argument(parser, call->args[3], 0, &key) == 0 &&
	    (uint32_t)key == UINT32_MAX) {
		struct call without = *call;

		without.nargs = 3;
		return take_request(parser, script_call_of(CALL_MPROTECT), &without, ret);
	}
	return parse_strange(parser, call, ret);
}

/*
 * All of them.
 */

static const struct {
	const char *name;
	int (*parse)(struct parser *parser, const struct call *call, struct script_line *ret);
} others[] = {
	{"open", parse_open},
	{"openat", parse_open},
	{"openat2", parse_open},
	{"memfd_create", parse_memfd},
	{"dup", parse_dup},
	{"dup2", parse_dup},
	{"dup3", parse_dup},
	{"fcntl", parse_dup},
	{"fcntl64", parse_dup},
	{"close", parse_close},
	{"fstat", parse_size},
	{"fstat64", parse_size},
	{"newfstatat", parse_size},
	{"ftruncate", parse_size},
	{"ftruncate64", parse_size},
	{"execve", parse_exec},
	{"execveat", parse_exec},
	{"fork", parse_clone},
	{"vfork", parse_clone},
	{"clone", parse_clone},
	{"clone3", parse_clone},
	{"personality", parse_personality},
	{"setrlimit", parse_setrlimit},
	{"getrlimit", parse_getrlimit},
	{"ugetrlimit", parse_getrlimit},
	{"prlimit64", parse_prlimit},
	{"prctl", parse_prctl},
	{"pkey_mprotect", parse_pkey_mprotect},
	{"shmat", parse_strange},
	{"shmdt", parse_strange},
	{"remap_file_pages", parse_strange},
	{"io_setup", parse_strange},
	{"io_destroy", parse_strange},
	{"map_shadow_stack", parse_strange},
};

int parse_call(struct parser *parser, struct span name, struct script_line *ret)
{
	const struct script_call *form =
		script_call_find(name.start, (size_t)(name.end - name.start));
	struct call call = {.name = name};
	size_t i;
	int r;

	for (i = 0; i < ARRAY_SIZE(others) && !span_is(name, others[i].name);)
		i++;
	ret->type = SCRIPT_OTHER;
	if (!form && i == ARRAY_SIZE(others))
		return 0;
	r = find_arguments(parser, &call);
	if (r < 0)
		return r;
	if (i < ARRAY_SIZE(others))
		return others[i].parse(parser, &call, ret);
	/* read(2) and write(2) have three arguments, our touches have one. */
	if ((form->call == CALL_READ || form->call == CALL_WRITE) && call.nargs != 1)
		return 0;
	return take_request(parser, form, &call, ret);
}

int parse_begun(struct parser *parser, struct span name, struct script_line *ret)
{
	struct span all = {name.start, name.start + strlen(name.start)};

	(void)parser;
	ret->type = SCRIPT_NOTHING;
	if (span_is(name, "fork") || span_is(name, "vfork") || span_is(name, "clone") ||
	    span_is(name, "clone3")) {
		ret->type = SCRIPT_CLONES;
		ret->source = shares_memory(name, all);
	}
	return 0;
}
