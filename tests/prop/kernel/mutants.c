#include "mutants.h"

#include "base/compiler.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_SECONDS 120

#ifdef MODEL_MUTANTS
static void set_mutant(enum rule rule)
{
	model_mutant = rule;
}
#else
static void set_mutant(enum rule rule)
{
	(void)rule;
}
#endif

/* What one rule came to. */
struct outcome {
	bool caught, crashed;
	size_t trace;	   /* which one caught it */
	uint64_t requests; /* of random traces until then */
};

static bool has_keys(const struct host *host)
{
	return host->machine.protection_keys;
}

static bool counts_strictly(const struct host *host)
{
	return host->machine.overcommit_mode == 2;
}

/* Rules that no trace of this machine can show, or of none (no function). */
static const struct {
	const char *rule, *why;
	bool (*reachable)(const struct host *host);
} unreachable[] = {
	{"COMMIT_STRICT", "vm.overcommit_memory is not 2, and would be for the whole machine",
	 counts_strictly},
	{"EXECUTE_ONLY", "this processor has no protection keys", has_keys},
	{"EXECUTE_ONLY_ACCESS", "this processor has no protection keys", has_keys},
	{"MERGE_SPECIAL", "no driver here gives two mappings that could be one", NULL},
	{"OFFSET_WRAPS", "offset and length are counted in pages: their sum fits in 64 bits", NULL},
};

static const char *why_unreachable(enum rule rule, const struct host *host)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(unreachable); i++) {
		if (strcmp(unreachable[i].rule, rule_name(rule)) == 0 &&
		    (!unreachable[i].reachable || !unreachable[i].reachable(host)))
			return unreachable[i].why;
	}
	return NULL;
}

/* In a process of its own: what is wrong with the model may end it, or never end. */
static void look_for(enum rule rule, const struct mutants_trace *traces, size_t n,
		     struct outcome *ret)
{
	size_t i;

	alarm(PATIENCE_SECONDS);
	set_mutant(rule);
	for (i = 0; i < n && !ret->caught; i++) {
		const struct trace *trace = &traces[i].trace;
		long found;

		ret->trace = i;
		found = trace_replay(trace);
		ret->caught = found >= 0;
		if (!traces[i].directed)
			ret->requests += ret->caught ? (uint64_t)found + 1 : trace->nops;
	}
}

static pid_t start(enum rule rule, const struct mutants_trace *traces, size_t n,
		   struct outcome *ret)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid != 0)
		return pid;
	if (!freopen("/dev/null", "w", stderr)) /* an assertion that fails is an answer, too */
		_exit(1);
	look_for(rule, traces, n, ret);
	_exit(0);
}

static void wait_one(pid_t *pids, struct outcome *outcomes)
{
	int status;
	pid_t pid = wait(&status);
	unsigned rule;

	for (rule = 1; rule < NRULES; rule++) {
		if (pids[rule] != pid)
			continue;
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			outcomes[rule].caught = outcomes[rule].crashed = true;
		pids[rule] = 0;
	}
}

/* What exec does is tested, and its rules taken away, by exec.c. */
static bool is_of_exec(enum rule rule)
{
	return strncmp(rule_name(rule), "EXEC_", 5) == 0;
}

static void run_all(const struct mutants_trace *traces, size_t n, struct outcome *outcomes,
		    unsigned jobs)
{
	static pid_t pids[NRULES];
	unsigned running = 0, rule;

	for (rule = 1; rule < NRULES; rule++) {
		if (is_of_exec((enum rule)rule))
			continue;
		pids[rule] = start((enum rule)rule, traces, n, &outcomes[rule]);
		if (++running == jobs) {
			wait_one(pids, outcomes);
			running--;
		}
	}
	for (; running; running--)
		wait_one(pids, outcomes);
}

static void print_outcome(enum rule rule, const struct outcome *outcome,
			  const struct mutants_trace *traces)
{
	const struct mutants_trace *trace = &traces[outcome->trace];

	printf("  %-26s ", rule_name(rule));
	if (!outcome->caught)
		printf("NOT CAUGHT: %s\n", rule_words(rule));
	else if (outcome->crashed)
		printf("caught: the model stops itself, in %s\n", trace->name);
	else if (trace->directed)
		printf("caught by the script %s\n", trace->name);
	else
		printf("caught after %" PRIu64 " requests, in %s\n", outcome->requests,
		       trace->name);
}

int mutants_run(const struct mutants_trace *traces, size_t n, const struct host *host,
		unsigned jobs, struct mutants_result *ret)
{
	const size_t size = NRULES * sizeof(struct outcome);
	struct outcome *outcomes =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned rule;

	if (outcomes == MAP_FAILED)
		return -ENOMEM;
	*ret = (struct mutants_result){0};
	run_all(traces, n, outcomes, jobs);
	for (rule = 1; rule < NRULES; rule++) {
		const char *why = why_unreachable((enum rule)rule, host);

		if (is_of_exec((enum rule)rule))
			continue;
		if (!outcomes[rule].caught && why) {
			printf("  %-26s cannot be noticed here: %s\n", rule_name((enum rule)rule),
			       why);
			ret->apart++;
			continue;
		}
		print_outcome((enum rule)rule, &outcomes[rule], traces);
		outcomes[rule].caught ? ret->caught++ : ret->missed++;
	}
	munmap(outcomes, size);
	return 0;
}
