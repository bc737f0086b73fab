/*
 * Scripts: requests as text, one a line, as strace prints them, and words of our own around them.
 *
 *	limit as 64M
 *	vma 0x555555554000-0x555555556000 r-xp 0 file=1
 *	mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = $arena
 *	write $arena + 4K = 0
 *	expect $arena to $arena + 8K is rw-p
 *	munmap(NULL, 0) = -1 EINVAL (Invalid argument)
 *	map
 *
 * What strace writes besides is understood: pids, times, calls that are interrupted by others. A
 * call that has nothing to do with memory is told apart, and its arguments are not looked at.
 *
 * Where a number stands, a sum may stand, with K, M, G and T, the words of the call and $names.
 *
 * A script is hostile input. What is kept of it, names and calls under way, is bounded.
 */
#ifndef MODEL_SCRIPT_H
#define MODEL_SCRIPT_H

#include "model/model.h"

struct error;
struct text;

enum script_type {
	SCRIPT_NOTHING, /* blank, a comment, a signal */
	SCRIPT_CALL,	/* request; wanted and result, if the line says what came of it */
	/* What is known of files. */
	SCRIPT_OPEN,  /* `descriptor` names a new file: `file`, `word` is its path */
	SCRIPT_DUP,   /* `descriptor` names the same as `source` */
	SCRIPT_CLOSE, /* `descriptor` names nothing */
	SCRIPT_SIZE,  /* the file of `descriptor` has `value` bytes */
	/* Processes. */
	SCRIPT_EXEC,	/* another program: all is new; `word` is its path */
	SCRIPT_CLONES,	/* a thread of the same memory is about to begin */
	SCRIPT_CLONED,	/* it has begun, its number is `value`; 0: it could not */
	SCRIPT_ENDED,	/* the process or thread has ended */
	SCRIPT_BITS,	/* a program of `value` bits */
	SCRIPT_OTHER,	/* a call that leaves the mappings alone */
	SCRIPT_STRANGE, /* one that does not, and of which the model knows nothing: `word` */
	/* Our own words. */
	SCRIPT_SETTING,	       /* script_set() carries it out */
	SCRIPT_CAPABILITIES,   /* `value` all that are meant, `source` those that are had */
	SCRIPT_VMA,	       /* vma; its file is the script's number */
	SCRIPT_FILE,	       /* file number `value` of the script: `file`, `word` is its path */
	SCRIPT_DESCRIPTOR,     /* `descriptor` names file number `value` */
	SCRIPT_PRESENT,	       /* pages of [vma.start, vma.end) are in memory */
	SCRIPT_LAYOUT,	       /* begin with what exec makes of the program `word` */
	SCRIPT_UNKNOWN,	       /* what is mapped now is not known */
	SCRIPT_REMEMBER,       /* $name was given `value`; or is given `counter`, if there is one */
	SCRIPT_EXPECT_VMA,     /* one with vma's range is there, and if `value` with its rights */
	SCRIPT_EXPECT_FREE,    /* nothing is mapped in vma's range */
	SCRIPT_EXPECT_COUNTER, /* `counter` is `value` */
	SCRIPT_MAP,	       /* show the space */
};

enum script_wanted {
	WANTED_NOTHING, /* it does not say what came of it */
	WANTED_RESULT,	/* `result` */
	WANTED_NAME,	/* any value; it becomes that of `$name` */
};

enum script_counter {
	COUNTER_NONE,
	COUNTER_SIZE, /* VmSize, in bytes as the next three */
	COUNTER_DATA,
	COUNTER_STACK,
	COUNTER_LOCKED,
	COUNTER_MAPS, /* VMAs */
};

#define SCRIPT_NAME_SIZE 32
#define SCRIPT_NAMES_MOST 1024
#define SCRIPT_LINE_MOST 65536
#define SCRIPT_DESCRIPTORS_MOST (1 << 20) /* what a process may have without privilege */
#define SCRIPT_FILES_MOST 65536		  /* in `file` lines */

struct script_line {
	enum script_type type;
	unsigned number; /* of the line, from 1 */
	int pid;	 /* 0: it does not say */
	struct model_request request;
	enum script_wanted wanted;
	struct model_result result; /* without a rule; of mmap with descriptors see `descriptor` */
	char name[SCRIPT_NAME_SIZE];
	int descriptor, source;
	uint64_t value; /* of SCRIPT_CALL: bits of the program that calls so, or 0 */
	struct model_file file;
	struct vma vma;
	enum script_counter counter;
	unsigned setting; /* of the table in script_settings.c */
	struct model_limits limit;
	const char *word; /* good until the next line; never NULL */
};

/* What is remembered from line to line. */
struct script {
	unsigned number;
	/* When a name is asked for that nobody has given, script_name_all() is called with it,
	 * once. */
	const struct model *model; /* or NULL */
	bool all_named;
	struct script_name *names;
	size_t nnames, names_room;
	struct script_pending *pending; /* calls that others have interrupted */
	size_t npending, pending_room;
	char *line, *word; /* the line as it is parsed, and what script_line.word points to */
	size_t line_room, word_room;
};

#define SCRIPT_EMPTY ((struct script){0})

void script_fini(struct script *script);

/*
 * Parses a line of `size` bytes, with or without its newline. 0; -EINVAL and a sentence that begins
 * with "LINE:COLUMN: "; or -ENOMEM.
 */
int script_parse(struct script *script, const char *text, size_t size, struct script_line *ret,
		 struct error *err) MUST_CHECK;

/* Gives $name a value, a new one if it had one. 0, -ENOMEM, or -ENOSPC where there are too many. */
int script_name(struct script *script, const char *name, uint64_t value) MUST_CHECK;
/*
 * Names what the model has: $start_brk, $start_data, $end_data, $start_stack, $stack_start,
 * $stack_end, $vvar, $vdso, $vdso_end, $mmap_base, $legacy_base, $task_size, $floor (of hints),
 * $guard (the stack guard gap), $map_count, $max_map_count, $memory (with swap). As above.
 */
int script_name_all(struct script *script, const struct model *model) MUST_CHECK;

uint64_t script_counter(const struct model *model, enum script_counter counter);
/* Whether what SCRIPT_EXPECT_... says is so. */
bool script_holds(const struct model *model, const struct script_line *line);

/* Carries out SCRIPT_SETTING and SCRIPT_CAPABILITIES. */
void script_set(struct model *model, const struct script_line *line);
/* A program of 64 or 32 bits, which begins as without ASLR and with the usual stack limit. */
void script_set_bits(struct model *model, unsigned bits);

/* "munmap(0x10000000, 4096)". What is printed can be parsed, and gives the same request. */
void script_put_request(struct text *text, const struct model_request *request);
/* "-1 ENOMEM (Cannot allocate memory)", "0x7ffff7ffd000", "SIGSEGV {SEGV_MAPERR}". */
void script_put_result(struct text *text, const struct model_request *request,
		       const struct model_result *result);

/*
 * Prints lines that make this model from a new one. Not told: identities beyond those of VMAs, and
 * which files nobody names. 0 or -ENOMEM.
 */
int script_put_model(struct text *text, const struct model *model) MUST_CHECK;

#endif
