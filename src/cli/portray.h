/* A portrait of what an operand names: what plat diff compares. */
#ifndef CLI_PORTRAY_H
#define CLI_PORTRAY_H

#include "cli/target.h"
#include "heap/portrait.h"

/*
 * Looks at a target that is open, and ends its freeze. An exit code after complaints, about what is
 * partial, too; *ret is the caller's to portrait_fini() unless that is EXIT_NO_LOOK.
 */
int portray(const struct command *command, struct target *target, struct portrait *ret);

#endif
