/* What plat map and its commands behind "--" share. */
#ifndef CLI_MAP_H
#define CLI_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/options.h"
#include "space/space.h"
#include "view/columns.h"
#include "view/json.h"
#include "view/table.h"

enum form { FORM_PICTURE, FORM_LIST, FORM_JSON, FORM_SVG };

/* --at: which look at a command. */
enum at { AT_BOTH, AT_END, AT_PEAK };

/* What was asked for. */
struct request {
	struct options *options;
	enum form form;
	struct columns_choice choice;
	bool columns_chosen; /* by -o: --flags adds none */
	struct table_style style;
	struct filter filter;
	const char *svg;
	bool details, heap;
	enum at at;
	unsigned settings; /* of enum spawn_setting: how to start the command to compare */
	uint64_t stack;
	const char *stack_text;		    /* as it was asked for */
	const struct json_command *command; /* said of a command in JSON, or NULL */
};

/* What must be read for this request: of enum proc_want. */
unsigned map_wants(const struct request *request);

/* Whether heaps must be read for it, too. */
bool map_wants_heap(const struct request *request);

/* Writes the space in the form that the request says. 0 or a negative errno. */
int map_write(const struct request *request, const struct space *space, FILE *file);

/*
 * Shows the space where the request says. An exit code, after a complaint unless it is EXIT_FINE.
 */
int map_show(const struct request *request, const struct space *space);

/* Runs the command and shows it. The exit code of plat. */
int map_command_run(const struct request *request, char **argv);

#endif
