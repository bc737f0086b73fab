#include "view/holder.h"

#include "base/text.h"
#include "view/document.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_SIZE 512

/* What is cut is still readable. */
struct words {
	char *to;
	size_t used;
	enum holder_words how;
	bool ascii;
};

static bool is_exact(const struct words *words)
{
	return words->how == HOLDER_WORD;
}

static void add(struct words *words, const char *format, ...) PRINTF_LIKE(2, 3);

static void add(struct words *words, const char *format, ...)
{
	size_t room = HOLDER_WORDS_SIZE - words->used;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(words->to + words->used, room, format, args);
	va_end(args);
	if (n > 0)
		words->used += (size_t)n < room ? (size_t)n : room - 1;
}

static void add_name(struct words *words, const char *before, const char *name, const char *behind)
{
	char plain[NAME_SIZE];

	add(words, "%s%s%s", before, text_escape(name, plain, sizeof(plain), words->ascii), behind);
}

/* The last part of a path: who wants all of it reads JSON. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void add_offset(struct words *words, const struct holder *holder)
{
	if (holder->at != UNKNOWN && holder->start != UNKNOWN && holder->at > holder->start)
		add(words, "+0x%" PRIx64, holder->at - holder->start);
}

/* What it is called wherever it runs: a number says nothing of another process's threads. */
static void add_thread_role(struct words *words, const struct holder *holder)
{
	if (holder->is_main)
		add(words, "main thread");
	else if (holder->thread && *holder->thread)
		add_name(words, "thread ", holder->thread, "");
	else
		add(words, "a thread");
}

static void add_thread(struct words *words, const struct holder *holder)
{
	if (words->how == HOLDER_ROLE) {
		add_thread_role(words, holder);
		return;
	}
	if (holder->tid)
		add(words, "thread %d", holder->tid);
	else
		add(words, "a thread");
	if (holder->thread && *holder->thread)
		add_name(words, " (", holder->thread, ")");
}

static void add_address(struct words *words, const struct holder *holder, const char *before)
{
	if (holder->at != UNKNOWN)
		add(words, "%s0x%" PRIx64, before, holder->at);
}

static void global_words(struct words *words, const struct holder *holder)
{
	if (holder->symbol) {
		add_name(words, "", holder->symbol, "");
		if (is_exact(words))
			add_offset(words, holder);
	} else if (is_exact(words) && holder->at != UNKNOWN) {
		add_address(words, holder, "");
	}
	if (!holder->symbol)
		add(words, "%s%s", words->used ? " in " : "",
		    holder->part ? holder->part : "globals");
	if (holder->module)
		add_name(words, holder->symbol ? " in " : " of ", base_name(holder->module), "");
}

static void stack_words(struct words *words, const struct holder *holder)
{
	add_thread(words, holder);
	if (holder->frame == SIZE_MAX) {
		add(words, ", stack");
	} else if (is_exact(words)) {
		add(words, ", frame #%zu", holder->frame);
	} else if (!holder->function) {
		add(words, ", frame of no known function");
	}
	if (holder->function)
		add_name(words, is_exact(words) ? " in " : ", ", holder->function, "");
	if (is_exact(words) && holder->source && holder->line) {
		add_name(words, " at ", base_name(holder->source), "");
		add(words, ":%u", holder->line);
	}
	if (is_exact(words) && holder->frame == SIZE_MAX)
		add_address(words, holder, " at ");
}

static void tls_words(struct words *words, const struct holder *holder)
{
	if (holder->symbol) {
		add_name(words, "", holder->symbol, "");
		if (is_exact(words))
			add_offset(words, holder);
		add(words, " of ");
	}
	add_thread(words, holder);
	add(words, ", thread-local storage");
	if (is_exact(words) && !holder->symbol)
		add_address(words, holder, " at ");
}

static void unclaimed_words(struct words *words, const struct holder *holder)
{
	add(words, "unclaimed memory");
	if (is_exact(words))
		add_address(words, holder, " at ");
	else if (words->how == HOLDER_SELF && holder->start != UNKNOWN)
		add(words, " from 0x%" PRIx64, holder->start);
	if (holder->part && *holder->part)
		add_name(words, ", ", holder->part, "");
}

const char *holder_words(const struct holder *holder, enum holder_words how, bool ascii,
			 char to[HOLDER_WORDS_SIZE])
{
	struct words words = {.to = to, .how = how, .ascii = ascii};

	to[0] = '\0';
	if (holder->is_whole && holder->tid) {
		add_thread(&words, holder);
		return to;
	}
	switch (holder->kind) {
	case ROOT_GLOBAL:
		global_words(&words, holder);
		break;
	case ROOT_STACK:
		stack_words(&words, holder);
		break;
	case ROOT_REGISTER:
		add_thread(&words, holder);
		add(&words, is_exact(&words) && holder->reg[0] ? ", register %s" : ", registers",
		    holder->reg);
		break;
	case ROOT_TLS:
		tls_words(&words, holder);
		break;
	case ROOT_UNCLAIMED:
		unclaimed_words(&words, holder);
		break;
	default:
		add(&words, "a block whose state damage hides");
	}
	return to;
}

static void set_text(json_t *object, const char *key, const char *string)
{
	if (string && *string)
		document_text(object, key, string);
	else
		json_object_set_new(object, key, json_null());
}

json_t *holder_object(const struct holder *holder)
{
	json_t *object = json_object();
	char words[HOLDER_WORDS_SIZE];
	bool has_offset = holder->symbol && holder->at != UNKNOWN && holder->at >= holder->start;

	json_object_set_new(object, "kind", json_string(root_kind_name(holder->kind)));
	json_object_set_new(object, "words",
			    json_string(holder_words(holder, HOLDER_WORD, false, words)));
	document_address(object, "at", holder->at, NULL);
	set_text(object, "module", holder->module);
	set_text(object, "part", holder->part);
	set_text(object, "symbol", holder->symbol);
	json_object_set_new(object, "offset",
			    has_offset ? json_integer((json_int_t)(holder->at - holder->start))
				       : json_null());
	json_object_set_new(object, "tid", holder->tid ? json_integer(holder->tid) : json_null());
	set_text(object, "thread", holder->thread);
	set_text(object, "register", holder->reg);
	if (holder->frame != SIZE_MAX)
		json_object_set_new(object, "frame", json_integer((json_int_t)holder->frame));
	else
		document_unknown(object, "frame", holder->frame_why);
	set_text(object, "function", holder->function);
	set_text(object, "source", holder->source);
	json_object_set_new(object, "line",
			    holder->line ? json_integer(holder->line) : json_null());
	return object;
}
