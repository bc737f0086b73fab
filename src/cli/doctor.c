/*
 * plat doctor: which allocator a process really uses, and why it is not another.
 *
 *     memory   the dynamic linker's list, tables of modules   what is
 *     environ  LD_PRELOAD, PLAT_*, MALLOC_*, GLIBC_TUNABLES   what was asked for
 *
 * The environment is that of the program's beginning.
 */
#include "cli/doctor.h"

#include "alloc/state.h"
#include "base/list.h"
#include "cli/commands.h"
#include "cli/heap_look.h"
#include "cli/report.h"
#include "cli/target.h"
#include "heap/own_profile.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENVIRONMENT_MOST (16u << 20)

static const struct option_row rows[] = {
	ROW_JSON("one JSON document"), ROW_ASCII, ROW_COLOR, ROW_ROOT, ROWS_END,
};

static int run(struct options *options);

const struct command doctor_command = {
	.name = "doctor",
	.summary = "which malloc a process really uses, and why",
	.synopsis = "PID|FILE",
	.options = rows,
	.takes_pid = true,
	.takes_core = true,
	.run = run,
};

/*
 * Findings.
 */

__attribute__((format(printf, 3, 4))) static int find(struct doctor_report *report,
						      const char *code, const char *format, ...)
{
	struct doctor_finding *finding;
	va_list args;
	int r = list_reserve(&report->findings, &report->findings_room, report->nfindings, 1);

	if (r < 0)
		return r;
	finding = &report->findings[report->nfindings++];
	finding->code = code;
	va_start(args, format);
	vsnprintf(finding->text, sizeof(finding->text), format, args);
	va_end(args);
	return 0;
}

static int find_lost_preload(struct doctor_report *report, const struct doctor_preload *preload)
{
	const struct allocator *allocator = report->allocator;
	const char *provider = allocator_module_name(report->space, allocator->provider);
	size_t i;

	if (preload->module == NO_MODULE)
		return find(report, "not-loaded", "%.200s was asked for and is not loaded: %s",
			    preload->name, preload->why);
	if (preload->module == allocator->provider)
		return 0;
	for (i = 0; i < allocator->ndefiners; i++) {
		if (allocator->definers[i] != preload->module)
			continue;
		if (allocator->provider == allocator->program)
			return find(report, "own-malloc",
				    "the program has a malloc of its own, which comes before that "
				    "of %.200s",
				    preload->name);
		return find(report, "not-first", "the malloc of %.200s comes before that of %.200s",
			    provider, preload->name);
	}
	return 0;
}

/* A module that calls another malloc than all others: each once. */
static int find_strays(struct doctor_report *report)
{
	const struct allocator *allocator = report->allocator;
	uint32_t last = NO_MODULE;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < allocator->nbindings; i++) {
		const struct allocator_binding *binding = &allocator->bindings[i];

		if (!binding->is_other || binding->module == last)
			continue;
		last = binding->module;
		r = find(report, "other-malloc",
			 "%.200s calls the malloc of %.200s: it was loaded with RTLD_DEEPBIND or "
			 "into a namespace of its own, or its table was changed",
			 allocator_module_name(report->space, binding->module),
			 allocator_module_name(report->space, binding->provider));
	}
	return r;
}

static int find_all(struct doctor_report *report)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < report->npreloads; i++)
		r = find_lost_preload(report, &report->preloads[i]);
	if (r == 0)
		r = find_strays(report);
	return r;
}

/*
 * Settings.
 */

static int add_setting(struct doctor_report *report, const char *name, size_t length,
		       const char *value, const char *from, const char *note)
{
	int r = list_reserve(&report->settings, &report->settings_room, report->nsettings, 1);
	struct doctor_setting *setting;

	if (r < 0)
		return r;
	setting = &report->settings[report->nsettings];
	*setting = (struct doctor_setting){
		.name = strndup(name, length),
		.value = strdup(value),
		.from = from,
	};
	snprintf(setting->note, sizeof(setting->note), "%s", note);
	report->nsettings++;
	return setting->name && setting->value ? 0 : -ENOMEM;
}

static bool begins(const char *string, const char *with)
{
	return strncmp(string, with, strlen(with)) == 0;
}

/* What libplat-malloc takes for a value: one of the words, a number, or both; else anything. */
static const struct known_setting {
	const char *name;
	uint64_t most; /* of a number; 0: it is none */
	const char *words[SETTING_WORDS];
} known_settings[] = {
#define KNOWN(name, is_early, most, ...) {"PLAT_" #name, most, {__VA_ARGS__}},
	SETTINGS(KNOWN)};

/* Digits, and K, M or G behind them. */
static bool is_number(const char *value, uint64_t most)
{
	static const char units[] = "KMG";
	uint64_t number;
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)*value))
		return false;
	errno = 0;
	number = strtoull(value, &end, 10);
	if (errno)
		return false;
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit && __builtin_mul_overflow(number, UINT64_C(1024) << 10 * (unit - units), &number))
		return false;
	return !*(end + !!unit) && number <= most;
}

static bool may_have(const struct known_setting *known, const char *value, unsigned bits)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known->words) && known->words[i]; i++)
		if (strcmp(known->words[i], value) == 0)
			return true;
	if (known->most)
		return is_number(value,
				 bits == 32 ? min_u64(known->most, UINT32_MAX) : known->most);
	return i == 0;
}

/* The same words as libplat-malloc complains in. */
static const char *wrong_with(const char *entry, unsigned bits)
{
	size_t i, length = strcspn(entry, "=");

	for (i = 0; i < ARRAY_SIZE(known_settings); i++) {
		const struct known_setting *known = &known_settings[i];

		if (strncmp(known->name, entry, length) == 0 && !known->name[length])
			return may_have(known, entry + length + 1, bits)
				       ? ""
				       : "it cannot have this value";
	}
	return "there is no such setting";
}

/* Why a setting has no effect; "" if it has. */
static const char *note_of(const struct doctor_report *report, const char *entry)
{
	enum allocator_kind kind = report->allocator->kind;

	if (report->space->process.secure == 1)
		return "ignored, as it has gained rights";
	if (begins(entry, "PLAT_SCRATCH=")) /* libplat's, which works with any malloc */
		return "";
	if (!begins(entry, "PLAT_"))
		return kind == ALLOCATOR_GLIBC ? "" : "no effect: its malloc is not glibc's";
	return kind == ALLOCATOR_PLAT ? wrong_with(entry, report->space->process.bits)
				      : "no effect: its malloc is not plat's";
}

static int take_setting(struct doctor_report *report, const char *entry)
{
	static const char *const names[] = {"PLAT_", "MALLOC_", "GLIBC_TUNABLES="};
	const char *equals = strchr(entry, '=');
	size_t i;

	for (i = 0; equals && i < ARRAY_SIZE(names); i++)
		if (begins(entry, names[i]))
			return add_setting(report, entry, (size_t)(equals - entry), equals + 1,
					   "environment", note_of(report, entry));
	return 0;
}

/* What the allocator works with now, beside what it was told. */
static const struct {
	const char *option, *variable;
	uint64_t usual;
} known_options[] = {
	{"mmap_threshold", "PLAT_MMAP_THRESHOLD", 128 << 10},
	{"trim_threshold", "PLAT_TRIM_THRESHOLD", 128 << 10},
	{"top_pad", "PLAT_TOP_PAD", 0},
	{"mmap_max", "PLAT_MMAP_MAX", 65536},
	{"on_error", "PLAT_ON_ERROR", 0},
	{"perturb", "PLAT_PERTURB", 0},
	{"is_dynamic", NULL, 1},
	{"is_hard", "PLAT_HARD", 0},
	{"is_guard_all", "PLAT_GUARD", 0},
	{"is_guard_off", "PLAT_GUARD", 0},
	{"huge", "PLAT_HUGE", 0},
};

static bool is_told(const struct doctor_report *report, const char *variable)
{
	size_t i;

	for (i = 0; variable && i < report->nsettings; i++)
		if (strcmp(report->settings[i].name, variable) == 0)
			return !report->settings[i].note[0];
	return false;
}

/* Whoever sets a threshold ends that both follow what is freed. */
static bool is_fixed_by_environment(const struct doctor_report *report)
{
	return is_told(report, "PLAT_MMAP_THRESHOLD") || is_told(report, "PLAT_TRIM_THRESHOLD") ||
	       is_told(report, "PLAT_TOP_PAD") || is_told(report, "PLAT_MMAP_MAX");
}

static uint64_t option_value(const struct own *own, const char *name)
{
	size_t i;

	for (i = 0; i < own->layout.noptions; i++)
		if (strcmp(own->layout.options[i].name, name) == 0)
			return own->layout.options[i].value;
	return UNKNOWN;
}

static const char *origin_of(const struct doctor_report *report, const struct own_option *option)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known_options); i++) {
		if (strcmp(known_options[i].option, option->name) != 0)
			continue;
		if (is_told(report, known_options[i].variable))
			return "environment";
		if (option->value == known_options[i].usual)
			return "default";
		if (strstr(option->name, "_threshold") &&
		    option_value(report->own, "is_dynamic") == 1)
			return "has followed what was freed";
		if (strcmp(option->name, "is_dynamic") == 0 && is_fixed_by_environment(report))
			return "environment";
		return "the program";
	}
	return "in use";
}

/* Not an option of the allocator's, as it may change from outside. */
static int take_rate(struct doctor_report *report)
{
	struct own_rate rate;
	char value[24];

	if (own_rate_read(report->own, &rate, NULL) < 0)
		return 0;
	snprintf(value, sizeof(value), "%" PRIu64, rate.mean);
	return add_setting(report, "sample", strlen("sample"), value,
			   is_told(report, "PLAT_SAMPLE") ? "environment, or later"
			   : rate.mean == 0		  ? "default"
							  : "the program, or plat profile",
			   "");
}

static int take_options(struct doctor_report *report)
{
	const struct own *own = report->own;
	char value[24];
	size_t i;
	int r = 0;

	for (i = 0; own && r == 0 && i < own->layout.noptions; i++) {
		const struct own_option *option = &own->layout.options[i];

		if (option->value == UNKNOWN)
			continue;
		snprintf(value, sizeof(value), "%" PRIu64, option->value);
		r = add_setting(report, option->name, strlen(option->name), value,
				origin_of(report, option), "");
	}
	return own && r == 0 ? take_rate(report) : r;
}

/*
 * The environment.
 */

static int take_environment(struct doctor_report *report, const struct procdir *dir,
			    char *environment, size_t size)
{
	char *entry = environment;
	int r = 0;

	for (; r == 0 && entry < environment + size; entry += strlen(entry) + 1) {
		if (begins(entry, "LD_PRELOAD="))
			r = doctor_take_preloads(report, dir, entry + strlen("LD_PRELOAD="),
						 "LD_PRELOAD");
		if (r == 0)
			r = take_setting(report, entry);
	}
	return r;
}

/* Some write their title over it, as redis does. */
static bool is_written_over(const char *environment, size_t size)
{
	return size > 0 && !memchr(environment, '=', size);
}

static int load_environment(struct doctor_report *report, const struct procdir *dir)
{
	char *environment;
	size_t size;
	int r = procdir_read(dir, "environ", ENVIRONMENT_MOST, &environment, &size);

	if (r == -ENOMEM)
		return r;
	if (dir->core || (dir->snapshot && r == -ENODATA)) {
		report->environment_why = dir->core ? "environ: it is not read from cores"
						    : "environ: the snapshot was taken without "
						      "--environment";
		return 0;
	}
	if (r < 0) {
		report->environment_why = r == -EACCES || r == -EPERM ? "environ: not permitted"
								      : "environ: cannot be read";
		return 0;
	}
	if (is_written_over(environment, size))
		report->environment_why = "environ: the program has written over it";
	else
		r = take_environment(report, dir, environment, size);
	free(environment);
	return r;
}

/*
 * All of it.
 */

int doctor_ask(struct doctor_report *report, const struct procdir *dir, bool environment)
{
	int r = environment ? load_environment(report, dir) : 0;

	return r == 0 ? doctor_take_system_preloads(report, dir) : r;
}

static int gather(struct doctor_report *report, const struct procdir *dir)
{
	int r = doctor_ask(report, dir, true);

	if (r == 0)
		r = take_options(report);
	return r == 0 ? find_all(report) : r;
}

static int show(const struct options *options, const struct doctor_report *report)
{
	const char *whys[2] = {report->environment_why, NULL};
	char name[REPORT_NAME_SIZE];
	struct text text = text_to_stream(stdout);
	int code;

	if (report->allocator->how == ALLOCATOR_NOT_FOUND)
		whys[1] = report->allocator->why;
	if (options->json)
		doctor_json(report, &text);
	else
		doctor_draw(report, &options->paint, &text);
	code = finish_output(options->command, &text, 0);
	code = worse_of(code, report->nfindings ? EXIT_FOUND : EXIT_FINE);
	return worse_of(code, report_unknown(options->command, report_name(report->space, name),
					     whys, 2, false));
}

void doctor_report_fini(struct doctor_report *report)
{
	size_t i;

	for (i = 0; i < report->npreloads; i++)
		free(report->preloads[i].name);
	for (i = 0; i < report->nsettings; i++) {
		free(report->settings[i].name);
		free(report->settings[i].value);
	}
	free(report->preloads);
	free(report->settings);
	free(report->findings);
}

static int look_at(const struct options *options, const struct target *target)
{
	struct doctor_report report = {.space = &target->space};
	struct heap_look look;
	struct error err;
	int code, r;

	if (heap_look_open(&target->dir, &target->space, target->freeze, &look, &err) < 0)
		return look_error(&doctor_command, "%s: %s", target->name, err.text);
	report.allocator = &look.heaps.allocator;
	report.own = look.own;
	r = gather(&report, &target->dir);
	code = r < 0 ? look_error(&doctor_command, "%s: %s", target->name, strerror(-r))
		     : show(options, &report);
	doctor_report_fini(&report);
	heap_look_close(&look);
	return code;
}

static int take_none(void *request, int option, const char *value)
{
	(void)request;
	(void)option;
	(void)value;
	return 0;
}

static int run(struct options *options)
{
	struct target target;
	int code = options_read_one(options, take_none, NULL);

	if (code == 0)
		code = target_open(options, options->operands[0], 0, &target);
	if (code)
		return code;
	code = look_at(options, &target);
	target_close(&target);
	return code;
}
