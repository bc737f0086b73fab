#include "source/snapshot_scrub.h"

#include "base/compiler.h"

#include <stdbool.h>
#include <string.h>

/* A file of which only pieces are kept that have one of these words in them. */
static const struct rule {
	enum answer_kind kind;
	const char *name;
	const char *between; /* ends of pieces */
	const char *words[12];
} rules[] = {
	/* The kernel's own command line may hold keys; see load_machine() in proc.c. */
	{ANSWER_ROOT, "cmdline", " \n", {"stack_guard_gap="}},
	/* See cgroups.c, and files.c. */
	{ANSWER_ROOT, "/proc/self/mountinfo", "\n", {" - cgroup"}},
	{ANSWER_FILE, "mountinfo", "\n", {" - hugetlbfs "}},
	{ANSWER_ROOT, "version", "\n", {"Linux version "}},
};

static bool is_kept(const struct rule *rule, const char *piece, size_t size)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rule->words) && rule->words[i]; i++)
		if (memmem(piece, size, rule->words[i], strlen(rule->words[i])))
			return true;
	return false;
}

static size_t keep_pieces(const struct rule *rule, char *bytes, size_t size)
{
	size_t at = 0, kept = 0;

	while (at < size) {
		size_t n = 0;

		while (at + n < size && !strchr(rule->between, bytes[at + n]))
			n++;
		n += at + n < size; /* with what ends it */
		if (is_kept(rule, bytes + at, n)) {
			memmove(bytes + kept, bytes + at, n);
			kept += n;
		}
		at += n;
	}
	return kept;
}

size_t snapshot_scrub(enum answer_kind kind, const char *name, char *bytes, size_t size)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].kind == kind && strcmp(rules[i].name, name) == 0)
			return keep_pieces(&rules[i], bytes, size);
	return size;
}
