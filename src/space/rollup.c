#include "space/rollup.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name; /* as smaps_rollup says it */
	const char *key;
} names[NROLLUP_FIGURES] = {
	[ROLLUP_RSS] = {"Rss:", "rss"},
	[ROLLUP_PSS] = {"Pss:", "pss"},
	[ROLLUP_SHARED_CLEAN] = {"Shared_Clean:", "shared_clean"},
	[ROLLUP_SHARED_DIRTY] = {"Shared_Dirty:", "shared_dirty"},
	[ROLLUP_PRIVATE_CLEAN] = {"Private_Clean:", "private_clean"},
	[ROLLUP_PRIVATE_DIRTY] = {"Private_Dirty:", "private_dirty"},
	[ROLLUP_SWAP_PSS] = {"SwapPss:", "swap_pss"},
	[ROLLUP_LOCKED] = {"Locked:", "locked"},
};

void rollup_init(struct rollup *rollup)
{
	unsigned i;

	for (i = 0; i < NROLLUP_FIGURES; i++)
		rollup->figures[i] = UNKNOWN;
}

/* "   19504 kB" in bytes. */
static uint64_t figure_of(const char *s)
{
	uint64_t kib = 0;

	s += strspn(s, " \t");
	if (*s < '0' || *s > '9')
		return UNKNOWN;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(kib, 10, &kib) ||
		    __builtin_add_overflow(kib, (unsigned)(*s - '0'), &kib))
			return UNKNOWN;
	return kib < UINT64_MAX / 1024 ? kib * 1024 : UNKNOWN;
}

void rollup_parse(struct rollup *rollup, const char *text)
{
	while (text && *text) {
		const char *newline = strchr(text, '\n');
		unsigned i;

		for (i = 0; i < NROLLUP_FIGURES; i++) {
			size_t length = strlen(names[i].name);

			if (strncmp(text, names[i].name, length) == 0)
				rollup->figures[i] = figure_of(text + length);
		}
		text = newline ? newline + 1 : NULL;
	}
}

uint64_t figure_sum(uint64_t a, uint64_t b)
{
	return a == UNKNOWN || b == UNKNOWN ? UNKNOWN : add_capped(a, b);
}

uint64_t rollup_uss(const struct rollup *rollup)
{
	return figure_sum(rollup->figures[ROLLUP_PRIVATE_CLEAN],
			  rollup->figures[ROLLUP_PRIVATE_DIRTY]);
}

uint64_t rollup_shared(const struct rollup *rollup)
{
	return figure_sum(rollup->figures[ROLLUP_SHARED_CLEAN],
			  rollup->figures[ROLLUP_SHARED_DIRTY]);
}

const char *rollup_key(enum rollup_figure figure)
{
	return names[figure].key;
}
