/*
 * All settings by their names in the environment, of the list in state.h; plat_malloc_set and
 * mallopt set them later. A setting that says how blocks are made can only be had from the
 * environment: later there are blocks that were made otherwise.
 */
#include "alloc/options.h"

#include "alloc/atomic.h"
#include "alloc/line.h"
#include "alloc/perturb.h"
#include "alloc/outside.h"
#include "alloc/sample.h"
#include "base/compiler.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>

extern char **environ;

struct options plat__options = {
	.mmap_threshold = DEFAULT_MMAP_THRESHOLD,
	.trim_threshold = DEFAULT_TRIM_THRESHOLD,
	.top_pad = 0,
	.mmap_max = 65536,
	.is_dynamic = true,
};

uint16_t plat__key;

/* Splits a word into all of its bits' halves (the finaliser of splitmix64). */
static ALWAYS_INLINE uint64_t scatter(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* The kernel's 16 random bytes serve libc too (stack protector), so only what they hash to does. */
static WHEN_IT_BEGINS void make_keys(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t seed = (uintptr_t)&plat__options;

	if (random)
		memcpy(&seed, random, sizeof(seed));
	/* What runs over is mostly a string or its end: that must not look like zone or canary. */
	plat__options.random = scatter(seed + 1) | UINT64_C(0x8080808080800001);
	plat__key = (uint16_t)(scatter(seed + 2) | 0x8080);
}

uint64_t plat__options_random(uint64_t n)
{
	uint64_t seed = plat__options.seed ? plat__options.seed : plat__options.random;

	return scatter(seed + n * UINT64_C(0x9e3779b97f4a7c15));
}

/* --- values --- */

/* Digits, and K, M or G behind them. */
static bool read_number(const char *text, size_t *ret)
{
	size_t value = 0;
	unsigned shift = 0;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (size_t)(*text - '0'), &value))
			return false;
	switch (*text) {
	case 'G':
	case 'g':
		shift += 10;
		__attribute__((fallthrough));
	case 'M':
	case 'm':
		shift += 10;
		__attribute__((fallthrough));
	case 'K':
	case 'k':
		shift += 10;
		text++;
		break;
	default:
		break;
	}
	return *text == '\0' && !__builtin_mul_overflow(value, (size_t)1 << shift, ret);
}

enum setting {
#define AS_NUMBER(name, ...) SETTING_##name,
	SETTINGS(AS_NUMBER)
};

static const struct form {
	const char *name;
	bool is_early; /* only from the environment */
	uint64_t most;
	const char *words[SETTING_WORDS];
} forms[] = {
#define AS_FORM(name, is_early, most, ...) {"PLAT_" #name, is_early, most, {__VA_ARGS__}},
	SETTINGS(AS_FORM)};

/* A word stands for its number among the words. */
static bool read_value(const struct form *form, const char *value, size_t *ret)
{
	size_t i;

	for (i = 0; i < SETTING_WORDS && form->words[i]; i++)
		if (strcmp(form->words[i], value) == 0) {
			*ret = i;
			return true;
		}
	*ret = 0;
	if (form->most)
		return read_number(value, ret) && *ret <= form->most;
	return i == 0;
}

/* --- what they set --- */

enum guard_way { GUARD_SAMPLED, GUARD_ALL, GUARD_OFF };

/* Which blocks stand between guard pages. */
static void set_guard(size_t way)
{
	plat__options.is_guard_all = way == GUARD_ALL;
	plat__options.is_guard_off = way == GUARD_OFF;
}

static enum guard_way guard_way(void)
{
	if (plat__options.is_guard_off)
		return GUARD_OFF;
	return plat__options.is_guard_all ? GUARD_ALL : GUARD_SAMPLED;
}

/* Bytes between samples. */
static bool set_sample(size_t mean)
{
	if (mean != 0 && !CHECKS)
		return false;
	store_relaxed(&plat__samples.mean, mean);
	plat__options.may_sample = true;
	return true;
}

/* glibc 2.36 malloc/malloc.c do_set_mmap_threshold and its like: a number that was set stays. */
void plat__options_fix(size_t *number, size_t value)
{
	store_relaxed(&plat__options.is_dynamic, false);
	store_relaxed(number, value < PTRDIFF_MAX ? value : PTRDIFF_MAX);
}

static bool set(enum setting setting, size_t number, const char *value)
{
	switch (setting) {
	case SETTING_ALONE:
		plat__options.alone = value;
		break;
	case SETTING_GUARD:
		set_guard(number);
		break;
	case SETTING_HARD:
		plat__options.is_hard = number != 0;
		break;
	case SETTING_HUGE:
		store_relaxed(&plat__options.huge, (uint32_t)number);
		break;
	case SETTING_LIBRARY: /* words for others of plat's: the command, and libplat */
	case SETTING_SCRATCH:
		break;
	case SETTING_MMAP_MAX:
		plat__options_fix(&plat__options.mmap_max, number);
		break;
	case SETTING_MMAP_THRESHOLD:
		plat__options_fix(&plat__options.mmap_threshold, number);
		break;
	case SETTING_ON_ERROR:
		store_relaxed(&plat__options.on_error, (uint32_t)number);
		break;
	case SETTING_PERTURB:
		plat__perturb_set((int)number);
		break;
	case SETTING_REPORT:
		plat__report_open(value);
		break;
	case SETTING_SAMPLE:
		return set_sample(number);
	case SETTING_SEED:
		plat__options.seed = scatter(number) | 1;
		break;
	case SETTING_TOP_PAD:
		plat__options_fix(&plat__options.top_pad, number);
		break;
	case SETTING_TRIM_THRESHOLD:
		plat__options_fix(&plat__options.trim_threshold, number);
		break;
	}
	return true;
}

/* False: it is not told. */
static bool get(enum setting setting, uint64_t *ret)
{
	switch (setting) {
	case SETTING_GUARD:
		*ret = guard_way();
		return true;
	case SETTING_HARD:
		*ret = plat__options.is_hard;
		return true;
	case SETTING_HUGE:
		*ret = load_relaxed(&plat__options.huge);
		return true;
	case SETTING_MMAP_MAX:
		*ret = load_relaxed(&plat__options.mmap_max);
		return true;
	case SETTING_MMAP_THRESHOLD:
		*ret = load_relaxed(&plat__options.mmap_threshold);
		return true;
	case SETTING_ON_ERROR:
		*ret = load_relaxed(&plat__options.on_error);
		return true;
	case SETTING_PERTURB:
		*ret = (uint64_t)load_relaxed(&plat__options.perturb);
		return true;
	case SETTING_SAMPLE:
		*ret = load_relaxed(&plat__samples.mean);
		return true;
	case SETTING_TOP_PAD:
		*ret = load_relaxed(&plat__options.top_pad);
		return true;
	case SETTING_TRIM_THRESHOLD:
		*ret = load_relaxed(&plat__options.trim_threshold);
		return true;
	case SETTING_ALONE:
	case SETTING_LIBRARY:
	case SETTING_REPORT:
	case SETTING_SCRATCH:
	case SETTING_SEED:
		break;
	}
	return false;
}

/* --- names --- */

/* A name ends at the end of the text or at a '='. */
static const struct form *find(const char *name)
{
	size_t i, length = strcspn(name, "=");

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strncmp(forms[i].name, name, length) == 0 && !forms[i].name[length])
			return &forms[i];
	return NULL;
}

static bool read_and_set(const struct form *form, const char *value)
{
	size_t number;

	return read_value(form, value, &number) && set((enum setting)(form - forms), number, value);
}

int plat__options_set(const char *name, const char *value)
{
	const struct form *form = find(name);

	if (!form)
		return -ENOENT;
	if (form->is_early)
		return -EPERM;
	return read_and_set(form, value) ? 0 : -EINVAL;
}

int plat__options_get(const char *name, struct line *ret)
{
	const struct form *form = find(name);
	uint64_t value;

	if (!form)
		return -ENOENT;
	if (!get((enum setting)(form - forms), &value))
		return 0;
	if (form->most)
		plat__line_number(ret, value, 0);
	else
		plat__line_add(ret, form->words[value]);
	return 0;
}

/* --- the environment --- */

static void complain(const char *entry, const char *why)
{
	struct line line = {.length = 0};

	plat__line_add(&line, "plat-malloc: ");
	plat__line_add(&line, entry);
	plat__line_add(&line, why);
	plat__line_write(&line, 2);
}

static void read_entry(const char *entry)
{
	const struct form *form = find(entry);
	const char *equals = strchr(entry, '=');

	if (!form)
		complain(entry, ": there is no such setting");
	else if (!equals || !read_and_set(form, equals + 1))
		complain(entry, ": it cannot have this value");
}

/* Letter by letter: most programs have no such entry, and need no page of ours to learn it. */
static bool is_ours(const char *entry)
{
	return entry[0] == 'P' && entry[1] == 'L' && entry[2] == 'A' && entry[3] == 'T' &&
	       entry[4] == '_';
}

WHEN_IT_BEGINS void plat__options_init(void)
{
	bool is_privileged;
	char **entry;

	/* Its page is written to first: one that is read first is faulted in twice. */
	if (fetch_add(&plat__key, 0) == 0)
		make_keys();
	/* ld.so calls malloc before libc knows the environment. */
	if (!environ)
		return;
	/* Linux: a program that gains rights must not be ruled by whoever starts it. */
	is_privileged = getauxval(AT_SECURE);
	for (entry = environ; *entry && !is_privileged; entry++)
		if (is_ours(*entry))
			read_entry(*entry);
	/* Without canaries there is no room for what hard mode knows of a slot. */
	plat__options.is_hard &= CHECKS;
	plat__options.is_long = plat__options.is_hard || plat__options.is_guard_all;
	plat__options.is_ready = true;
}
