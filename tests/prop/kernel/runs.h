/*
 * Random runs: processes of all profiles, each in its turn, by several workers; what disagrees is
 * shrunk and printed.
 */
#ifndef KERNEL_RUNS_H
#define KERNEL_RUNS_H

#include "session.h"

/* Which runs. */
struct runs {
	uint64_t ops, seed;
	const char *profile; /* one alone, or NULL */
	unsigned jobs;
	bool no_shrink;
};

/* One process of a random run. */
struct job {
	const struct profile *profile;
	uint64_t seed;
};

#define MOST_PROFILES 64

/* What came of them. */
struct tally {
	uint64_t requests[MOST_PROFILES];
	uint64_t vmas, looks; /* VMAs after each request where there was no crowd */
	uint64_t disagreements;
	double seconds, cpu_seconds;
	struct job now; /* under way */
};

/* The processes that make at least so many requests, for free(). 0 or a negative errno. */
int runs_plan(const struct runs *runs, const struct host *host, struct job **jobs,
	      size_t *njobs) MUST_CHECK;

/* One of them. What disagrees is printed. */
void runs_job(struct world *world, const struct host *host, const struct job *job, bool no_shrink,
	      struct trace *trace, struct tally *tally);

/* All, by `jobs` workers. 0 or a negative errno. */
int runs_all(const struct runs *runs, const struct host *host, struct tally *sum) MUST_CHECK;

/* Adds what has passed between the two: of the clock, and of this process and all it waited for. */
struct runs_time {
	double seconds, cpu_seconds;
};
struct runs_time runs_time(void);
void runs_add_time(struct tally *tally, struct runs_time start);

#endif
