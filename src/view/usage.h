/*
 * How much memory processes use: the figures of status in their order, what they share, and trees
 * of processes in which shared pages count once.
 */
#ifndef VIEW_USAGE_H
#define VIEW_USAGE_H

#include "space/rollup.h"
#include "view/paint.h"

#define USAGE_WHY 128

/* A process at one moment. */
struct usage {
	int pid, ppid;
	unsigned uid;
	char state; /* as in stat, or 0 */
	char command[THREAD_NAME_SIZE];
	uint64_t start_time;
	unsigned depth; /* in a tree: generations below its first process */
	uint64_t figures[NFIGURES];
	char why[USAGE_WHY]; /* why figures are unknown; empty where they are not */
	bool no_memory;	     /* a zombie or a kernel thread: there is nothing to know */
	struct limit limits[NLIMITS];
	struct rollup rollup;	    /* unknown where not read */
	char rollup_why[USAGE_WHY]; /* why; empty where it was read */
};

/* All unknown. */
void usage_init(struct usage *usage);

/* How to show it. */
struct usage_style {
	struct paint paint;
	bool shared;	  /* PSS and what goes with it were asked for */
	bool no_headings; /* no line of headings above lines and trees */
	const char *time; /* when it was: written where not NULL */
};

/* VmRSS - (RssAnon + RssFile + RssShmem): *ret may be negative. False where one is unknown. */
bool usage_residual(const struct usage *usage, int64_t *ret);

/* All figures of one process, one a line. `before` is an earlier look at it, for changes, or NULL.
 */
void usage_draw(const struct usage *usage, const struct usage *before,
		const struct usage_style *style, struct text *text);

/* The most important ones in one line, and the line of headings above such lines. */
void usage_draw_headings(const struct usage_style *style, struct text *text);
void usage_draw_line(const struct usage *usage, const struct usage_style *style, struct text *text);

/* Sums over a tree. */
struct usage_sums {
	size_t processes;
	uint64_t rss, swap, pss, uss, swap_pss; /* of those that are known */
	size_t no_rss, no_pss;			/* processes for which they are not */
	const char *no_pss_why;			/* why, of the usages; NULL where reasons differ */
};

struct usage_sums usage_sums_of(const struct usage *usages, size_t n);

/* A tree: each process behind its parent. The earlier look may hold other processes. 0 or -ENOMEM.
 */
int usage_draw_tree(const struct usage *usages, size_t n, const struct usage *before,
		    size_t nbefore, const struct usage_style *style, struct text *text) MUST_CHECK;

/* As documents; `compact` is one line. 0 or a negative errno. */
int usage_json(const struct usage *usage, bool compact, const struct usage_style *style,
	       struct text *text) MUST_CHECK;
int usage_json_tree(const struct usage *usages, size_t n, bool compact,
		    const struct usage_style *style, struct text *text) MUST_CHECK;

#endif
