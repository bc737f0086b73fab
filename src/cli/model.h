/* The parts of plat model, each in a file of its own, and what they share. */
#ifndef CLI_MODEL_H
#define CLI_MODEL_H

#include "cli/options.h"

extern const struct command model_run_command;
extern const struct command model_layout_command;

struct exec_result;

/* Why exec fails: the error or the signal, and the rule. Cut to size; returns `to`. */
const char *model_exec_why(const struct exec_result *result, char *to, size_t size);

#endif
