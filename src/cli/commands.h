/* The subcommands, each in the file of its name. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/options.h"

extern const struct command map_command;
extern const struct command explain_command;
extern const struct command headroom_command;
extern const struct command usage_command;
extern const struct command resident_command;
extern const struct command limits_command;
extern const struct command model_command;
extern const struct command heap_command;
extern const struct command leaks_command;
extern const struct command diff_command;
extern const struct command owners_command;
extern const struct command profile_command;
extern const struct command snapshot_command;
extern const struct command trim_command;
extern const struct command run_command;
extern const struct command doctor_command;
extern const struct command completion_command;

#endif
