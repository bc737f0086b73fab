/*
 * One table has all settings by their names in the environment; plat_malloc_set and mallopt set
 * them later. A setting that says how blocks are made can only be had from the environment: later
 * there are blocks that were made otherwise.
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

static bool set_bool(bool *option, const char *value)
{
	if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
		return false;
	*option = *value == '1';
	return true;
}

static const char *const error_words[] = {"abort", "report", "ignore"};

static bool set_on_error(const char *value)
{
	uint32_t i;

	for (i = 0; i < sizeof(error_words) / sizeof(error_words[0]); i++)
		if (strcmp(value, error_words[i]) == 0) {
			store_relaxed(&plat__options.on_error, i);
			return true;
		}
	return false;
}

static void get_on_error(struct line *ret)
{
	plat__line_add(ret, error_words[load_relaxed(&plat__options.on_error)]);
}

/* Which blocks stand between guard pages. */
static bool set_guard(const char *value)
{
	bool is_off = strcmp(value, "off") == 0, is_all = strcmp(value, "all") == 0;

	if (!is_off && !is_all && strcmp(value, "sampled") != 0)
		return false;
	plat__options.is_guard_off = is_off;
	plat__options.is_guard_all = is_all;
	return true;
}

static void get_guard(struct line *ret)
{
	const char *value = "sampled";

	if (plat__options.is_guard_off)
		value = "off";
	if (plat__options.is_guard_all)
		value = "all";
	plat__line_add(ret, value);
}

static const char *const huge_ways[] = {
	[HUGE_FULL] = "full", [HUGE_KERNEL] = "kernel", [HUGE_DENSE] = "dense", [HUGE_OFF] = "off"};

static bool set_huge(const char *value)
{
	uint32_t i;

	for (i = 0; i < sizeof(huge_ways) / sizeof(huge_ways[0]); i++)
		if (strcmp(huge_ways[i], value) == 0) {
			store_relaxed(&plat__options.huge, i);
			return true;
		}
	return false;
}

static void get_huge(struct line *ret)
{
	plat__line_add(ret, huge_ways[load_relaxed(&plat__options.huge)]);
}

static bool set_hard(const char *value)
{
	return set_bool(&plat__options.is_hard, value);
}

static void get_hard(struct line *ret)
{
	plat__line_add(ret, plat__options.is_hard ? "1" : "0");
}

/* Bytes between samples; "off" is 0. */
static bool set_sample(const char *value)
{
	size_t number = 0;
	uint64_t mean;

	if (strcmp(value, "off") != 0 && !read_number(value, &number))
		return false;
	mean = number; /* the most there may be is more than a size of 32 bits can be */
	if (mean != 0 && (!CHECKS || mean < SAMPLE_MEAN_MIN || mean > SAMPLE_MEAN_MAX))
		return false;
	store_relaxed(&plat__samples.mean, mean);
	plat__options.may_sample = true;
	return true;
}

static void get_sample(struct line *ret)
{
	plat__line_number(ret, load_relaxed(&plat__samples.mean), 0);
}

static bool set_seed(const char *value)
{
	size_t seed;

	if (!read_number(value, &seed))
		return false;
	plat__options.seed = scatter(seed) | 1;
	return true;
}

/* A word for others of plat's: the command, libplat, or who takes it where it is needed. */
static bool set_none(const char *value)
{
	(void)value;
	return true;
}

static bool set_report(const char *value)
{
	plat__report_open(value);
	return true;
}

static void get_none(struct line *ret)
{
	(void)ret;
}

static bool set_alone(const char *value)
{
	plat__options.alone = value;
	return true;
}

static bool set_perturb(const char *value)
{
	size_t byte;

	if (!read_number(value, &byte) || byte > UINT8_MAX)
		return false;
	plat__perturb_set((int)byte);
	return true;
}

static void get_perturb(struct line *ret)
{
	plat__line_number(ret, (uint64_t)load_relaxed(&plat__options.perturb), 0);
}

/* glibc 2.36 malloc/malloc.c do_set_mmap_threshold and its like: a number that was set stays. */
void plat__options_fix(size_t *number, size_t value)
{
	store_relaxed(&plat__options.is_dynamic, false);
	store_relaxed(number, value < PTRDIFF_MAX ? value : PTRDIFF_MAX);
}

/* --- names --- */

struct setting {
	const char *name;
	bool is_early; /* only from the environment */
	bool (*set)(const char *value);
	void (*get)(struct line *ret);
	size_t *number; /* instead of these two */
};

static const struct setting settings[] = {
	{"PLAT_ALONE", true, set_alone, get_none, NULL},
	{"PLAT_GUARD", true, set_guard, get_guard, NULL},
	{"PLAT_HARD", true, set_hard, get_hard, NULL},
	{"PLAT_HUGE", false, set_huge, get_huge, NULL},
	{"PLAT_LIBRARY", true, set_none, get_none, NULL},
	{"PLAT_MMAP_MAX", false, NULL, NULL, &plat__options.mmap_max},
	{"PLAT_MMAP_THRESHOLD", false, NULL, NULL, &plat__options.mmap_threshold},
	{"PLAT_ON_ERROR", false, set_on_error, get_on_error, NULL},
	{"PLAT_PERTURB", false, set_perturb, get_perturb, NULL},
	{"PLAT_REPORT", true, set_report, get_none, NULL},
	{"PLAT_SAMPLE", false, set_sample, get_sample, NULL},
	{"PLAT_SCRATCH", true, set_none, get_none, NULL},
	{"PLAT_SEED", true, set_seed, get_none, NULL},
	{"PLAT_TOP_PAD", false, NULL, NULL, &plat__options.top_pad},
	{"PLAT_TRIM_THRESHOLD", false, NULL, NULL, &plat__options.trim_threshold},
};

/* A name ends at the end of the text or at a '='. */
static const struct setting *find(const char *name)
{
	size_t i, length = strcspn(name, "=");

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (strncmp(settings[i].name, name, length) == 0 && !settings[i].name[length])
			return &settings[i];
	return NULL;
}

static bool set(const struct setting *setting, const char *value)
{
	size_t number;

	if (!setting->number)
		return setting->set(value);
	if (!read_number(value, &number))
		return false;
	plat__options_fix(setting->number, number);
	return true;
}

int plat__options_set(const char *name, const char *value)
{
	const struct setting *setting = find(name);

	if (!setting)
		return -ENOENT;
	if (setting->is_early)
		return -EPERM;
	return set(setting, value) ? 0 : -EINVAL;
}

int plat__options_get(const char *name, struct line *ret)
{
	const struct setting *setting = find(name);

	if (!setting)
		return -ENOENT;
	if (setting->number)
		plat__line_number(ret, load_relaxed(setting->number), 0);
	else
		setting->get(ret);
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
	const struct setting *setting = find(entry);
	const char *equals = strchr(entry, '=');

	if (!setting)
		complain(entry, ": there is no such setting");
	else if (!equals || !set(setting, equals + 1))
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
