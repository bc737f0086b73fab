/* The parts of plat model, each in a file of its own. */
#ifndef CLI_MODEL_H
#define CLI_MODEL_H

#include "cli/options.h"

extern const struct command model_run_command;
extern const struct command model_layout_command;

#endif
