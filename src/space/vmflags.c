#include "space/vmflags.h"

#include "base/compiler.h"

#include <string.h>

/* Linux 6.18 fs/proc/task_mmu.c show_smap_vma_flags, and those of older kernels. */
static const struct vmflag flags_known[] = {
	{"rd", true, false, "readable"},
	{"wr", true, false, "writable"},
	{"ex", true, false, "executable"},
	{"sh", true, false, "shared"},
	{"mr", true, false, "may be made readable"},
	{"mw", true, false, "may be made writable"},
	{"me", true, false, "may be made executable"},
	{"ms", true, false, "may be shared"},
	{"gd", false, false, "grows down"},
	{"pf", false, false, "page frames without struct page"},
	{"dw", false, false, "writing to the file denied"},
	{"lo", false, false, "locked"},
	{"lf", false, false, "pages lock as they are touched"},
	{"io", false, false, "I/O memory"},
	{"sr", false, false, "sequential reading advised"},
	{"rr", false, false, "random reading advised"},
	{"dc", false, false, "not given to children (dont-fork)"},
	{"de", false, false, "mremap cannot expand it"},
	{"ac", true, false, "counted as committed memory"},
	{"nr", false, false, "no swap space reserved (no-reserve)"},
	{"ht", false, false, "pages of the huge page pool"},
	{"sf", false, false, "synchronous page faults (DAX)"},
	{"nl", false, false, "non-linear"},
	{"ar", false, false, "flag of the processor architecture"},
	{"wf", false, false, "wiped on fork"},
	{"dd", false, false, "left out of core dumps (dont-dump)"},
	{"sd", true, true, "soft-dirty"},
	{"mm", false, false, "mixed map of pages and page frames"},
	{"hg", false, false, "huge pages advised"},
	{"nh", false, false, "huge pages refused"},
	{"mg", false, false, "KSM may merge equal pages (mergeable)"},
	{"um", false, false, "userfaultfd sees missing pages"},
	{"uw", false, false, "userfaultfd sees writes"},
	{"ui", false, false, "userfaultfd sees minor faults"},
	{"bt", false, false, "branch targets guarded"},
	{"mt", false, false, "memory tagging"},
	{"ss", false, false, "shadow stack"},
	{"sl", false, false, "sealed"},
	{"dp", false, false, "may be dropped under pressure (droppable)"},
	{"gu", true, true, "may hold guard markers"},
};

const struct vmflag *vmflag_find(const char *letters)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags_known); i++)
		if (strcmp(flags_known[i].letters, letters) == 0)
			return &flags_known[i];
	return NULL;
}

bool vmflags_next(const char **flags, char *letters)
{
	const char *s = *flags + strspn(*flags, " ");
	size_t length = strcspn(s, " ");

	if (!*s)
		return false;
	memset(letters, 0, 3);
	memcpy(letters, s, length < 2 ? length : 2);
	*flags = s + length;
	return true;
}

bool vmflags_have(const char *flags, const char *letters)
{
	char one[3];

	while (vmflags_next(&flags, one))
		if (strcmp(one, letters) == 0)
			return true;
	return false;
}
