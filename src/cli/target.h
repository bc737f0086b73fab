/*
 * What an operand means, everywhere in plat: digits are a PID, "self" is plat, 0x... is an address,
 * something with a slash or the name of a file is a core or a snapshot.
 */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include "base/addr.h"
#include "cli/options.h"
#include "cli/report.h"
#include "source/freeze.h"
#include "source/proc.h"

/* The PID that an operand must name. 0, or an exit code after a complaint. */
int target_pid(const struct command *command, const char *operand, int *ret);

/*
 * Whether an operand names a process, or a core or a snapshot where the command takes one; that
 * they can be opened is not tried. As above.
 */
int target_check(const struct options *options, const char *operand);

/* The folder of that process, or the file in its place. 0, or an exit code after a complaint. */
int target_open_dir(const struct options *options, const char *operand, struct procdir *ret);

/* What an operand names, and its space. */
struct target {
	struct procdir dir;
	struct space space;
	struct freeze *freeze; /* read memory through its reader, end it before writing anything */
	char name[REPORT_NAME_SIZE]; /* the PID, or the path of the file: for complaints */
};

/*
 * Opens it, stops it as options->freeze says, and loads what `want` says, of enum proc_want. 0, and
 * *ret is the caller's to close, and stays where it is until then; or an exit code after a
 * complaint.
 */
int target_open(const struct options *options, const char *operand, unsigned want,
		struct target *ret);
void target_close(struct target *target);

/*
 * After freeze_end(): what was read is of one moment: plat stopped it or has a copy, or it stood
 * still for itself.
 */
bool target_is_stopped(const struct target *target);

/* In words, as freeze_words() has them; a core is of one moment. Returns `to`. */
const char *target_looked(const struct target *target, char to[FREEZE_WORDS_SIZE]);

/* "0x7f00..." 0, or an exit code after a complaint. */
int target_address(const struct command *command, const char *operand, plat_addr *ret);

/* "0x1000-0x2000", "0x1000+4096", "0x1000+64K", or one address: that byte. As above. */
int target_range(const struct command *command, const char *operand, plat_addr *start,
		 plat_addr *end);

/* "heap,stack": adds a bit for each enum kind to *kinds. As above. */
int target_kinds(const struct command *command, const char *list, uint32_t *kinds);

/* "10": how many; at least one. As above. */
int target_count(const struct command *command, const char *operand, uint64_t *ret);

/* The same of what is shown, in an array. */
int target_top(const struct command *command, const char *operand, size_t *ret);

/* "64K", "8M", "1G", or plain bytes. As above. */
int target_size(const struct command *command, const char *operand, uint64_t *ret);

#endif
