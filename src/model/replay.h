/*
 * A script carried out by a model, line by line, and what it says of results held against the
 * model.
 *
 * What a trace begins with is mostly not known: strace shows calls, not what exec has mapped. Then
 * the trace is believed where the model cannot know better, and it learns:
 *
 *	brk(NULL) = 0x564fede77000			where the heap begins
 *	mmap(NULL, 8192, ...) = 0x7f624c1ef000		where the mmap zone goes on, downwards
 *	mmap(NULL, 41775, ...) = 0x7f624c1e4000		from here on addresses are predicted
 *	mprotect(0x7f624c22a000, 8192, ...) = 0		something is mapped there
 *
 * Where a result is another than the model's, the model follows what was recorded, so that one
 * difference does not lead to hundreds.
 */
#ifndef MODEL_REPLAY_H
#define MODEL_REPLAY_H

#include "model/script.h"

enum replay_outcome {
	REPLAY_NOTHING,	  /* the model was not asked */
	REPLAY_UNCHECKED, /* carried out; the line does not say what came of it */
	REPLAY_SAME,
	REPLAY_DIFFERENT,
	REPLAY_ADOPTED, /* what was recorded tells the model something that it could not know */
	REPLAY_STRANGE, /* the model has no rules for it: what was recorded is believed */
	REPLAY_OTHER,	/* a call that leaves the mappings alone */
	REPLAY_FOREIGN, /* of another process */
	NREPLAY_OUTCOMES
};

/* What is known of what is mapped besides what the script has told. */
enum replay_knowledge {
	REPLAY_KNOWS_ALL,
	REPLAY_KNOWS_BELOW, /* after exec: all below what was mapped first in the mmap zone */
	REPLAY_KNOWS_NOTHING,
};

struct replay {
	struct model model;
	struct script script;
	struct space names; /* the paths of the model's files */
	enum replay_knowledge knowledge;
	bool has_begun;		   /* a call has been carried out */
	bool has_zone;		   /* it is known where the mmap zone goes on */
	bool no_huge_files;	   /* files lie on a file system that does not align them */
	bool knows_files;	   /* and this is certain */
	uint32_t unknown_file;	   /* stands for what is mapped and not known, or VMA_NO_FILE */
	struct pages_present seen; /* what the trace has told of */
	uint32_t *files;	   /* the model's number of each `file`, or VMA_NO_FILE */
	struct model_file *file_templates;
	size_t nfiles, files_room, templates_room;
	/* Who shares the memory, and who does not. */
	int *pids;
	size_t npids, pids_room, nforeign;
	int main_pid; /* 0: not known yet */
	unsigned threads_begin, forks_begin;
	size_t outcomes[NREPLAY_OUTCOMES];
};

struct replay_step {
	struct script_line line;
	enum replay_outcome outcome;
	struct model_result result; /* of the model; not for REPLAY_STRANGE */
	const char *why;	    /* of ADOPTED and STRANGE, static text; else "" */
};

/* An empty 64-bit space, all of which is known. */
void replay_init(struct replay *replay);
void replay_fini(struct replay *replay);

/*
 * Parses a line and carries it out; expectations are same or different, too. SCRIPT_MAP and
 * SCRIPT_LAYOUT are the caller's to do; so is SCRIPT_EXEC, if the caller knows what it makes:
 * replay_take(). 0, and *ret is good until the next line; or a negative errno and a sentence that
 * begins with "LINE:COLUMN: ".
 */
int replay_line(struct replay *replay, const char *text, size_t size, struct replay_step *ret,
		struct error *err) MUST_CHECK;

/* From here on the model is this one, of which all is known. It is the replay's now. */
void replay_take(struct replay *replay, struct model *model);

#endif
