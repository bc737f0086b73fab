/* Files for the tools of others: what --folded, --pprof and --sum ask for, in several commands. */
#ifndef CLI_EXPORT_H
#define CLI_EXPORT_H

#include "cli/options.h"
#include "cli/target.h"
#include "view/export.h"

struct export_wish {
	const char *folded, *pprof; /* files; "-" is standard output; NULL: not asked for */
	const char *sum;	    /* which sum folded stacks have; NULL: the first one of bytes */
};

/* Numbers that no command has for options of its own. */
enum export_option { EXPORT_FOLDED = 900, EXPORT_PPROF, EXPORT_SUM };

#define ROW_FOLDED                                                                                 \
	ROW(EXPORT_FOLDED, 0, "folded", "FILE",                                                    \
	    "sums by stacks, for flame graphs; - is standard output", COMPLETE_FILE)
#define ROW_PPROF                                                                                  \
	ROW(EXPORT_PPROF, 0, "pprof", "FILE", "the same as a profile that pprof reads",            \
	    COMPLETE_FILE)
#define ROW_SUM(help) ROW(EXPORT_SUM, 0, "sum", "SUM", help, COMPLETE_NOTHING)

/* Takes it where it is one of these. */
bool export_take_option(struct export_wish *wish, int option, const char *value);

static inline bool export_is_wished(const struct export_wish *wish)
{
	return wish->folded || wish->pprof;
}

/* Whether it can be done with these sums. 0, or an exit code after a complaint. */
int export_check(const struct options *options, const struct export_wish *wish,
		 const struct fold_sum *sums, size_t nsums);

/* The number of the sum that is asked for; nsums: there is no such. */
size_t export_sum(const struct export_wish *wish, const struct fold_sum *sums, size_t nsums);

/* When what is told was so: ns since 1970, now or when the snapshot was taken; 0: not known. */
uint64_t export_time(const struct target *target);

/* Writes the files. EXIT_FINE, or an exit code after a complaint; also where not all is in them. */
int export_write(const struct command *command, const struct export_wish *wish,
		 const struct export *export);

#endif
