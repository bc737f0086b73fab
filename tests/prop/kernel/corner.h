/*
 * Directed tests: scripts as `plat model run` takes them (src/model/script.h), carried out by the
 * kernel and by the model. Both must agree after each line, and with what the script says.
 *
 * In comments at the beginning stands what a script needs:
 *
 *	# setting: 32 bit, legacy	what the process is started with, see setting.h
 *	# needs: root, noexec		what the machine must have; else it is skipped
 *	# crowd: -1			one VMA less than vm.max_map_count at the beginning
 *
 * Descriptors are those of host.h; the other names are those of script_name_all().
 */
#ifndef KERNEL_CORNER_H
#define KERNEL_CORNER_H

#include <stdbool.h>

struct error;
struct host;
struct trace;
struct world;

enum corner { CORNER_AGREES, CORNER_SKIPPED, CORNER_FAILS };

/*
 * Runs the script. Why it was skipped or has failed is written to `why`. With `trace` everything is
 * kept in it; with `show` each line and its result are printed.
 */
enum corner corner_run(struct world *world, const struct host *host, const char *path,
		       struct trace *trace, bool show, struct error *why);

#endif
