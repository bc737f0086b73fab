#include "view/units.h"

#include "space/space.h"

#include <stdio.h>

static const char letters[] = "BKMGTPE";

/* Cuts a size to a number below 1000 and a unit. `tenths` is ten times that number. */
static unsigned scale(uint64_t size, uint64_t *tenths)
{
	unsigned unit = 0;
	unsigned __int128 scaled = (unsigned __int128)size * 10;

	while (scaled >= 10240 && unit < sizeof(letters) - 2) {
		scaled = (scaled + 512) / 1024;
		unit++;
	}
	*tenths = (uint64_t)scaled;
	return unit;
}

static char *show(uint64_t size, const char *gap, const char *tail, char *to)
{
	uint64_t tenths;
	unsigned unit = scale(size, &tenths);
	char letter[2] = {letters[unit], '\0'};

	if (unit == 0)
		snprintf(to, UNITS_SIZE, "%u%sB", (unsigned)size, gap);
	else if (tenths % 10 && tenths < 1000)
		snprintf(to, UNITS_SIZE, "%u.%u%s%s%s", (unsigned)(tenths / 10),
			 (unsigned)(tenths % 10), gap, letter, tail);
	else
		snprintf(to, UNITS_SIZE, "%u%s%s%s", (unsigned)((tenths + 5) / 10), gap, letter,
			 tail);
	return to;
}

char *units_size(uint64_t size, bool bytes, char *to)
{
	if (size == UNKNOWN)
		snprintf(to, UNITS_SIZE, "-");
	else if (bytes)
		snprintf(to, UNITS_SIZE, "%llu", (unsigned long long)size);
	else if (size == 0)
		snprintf(to, UNITS_SIZE, "0");
	else
		show(size, "", "", to);
	return to;
}

char *units_words(uint64_t size, char *to)
{
	if (size == UNKNOWN)
		snprintf(to, UNITS_SIZE, "-");
	else
		show(size, " ", "iB", to);
	return to;
}
