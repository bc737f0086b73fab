/*
 * Settings: what rules hold.
 *
 *	machine max_map_count 1000
 *	process top_down no
 *	limit stack 8M unlimited
 *	capabilities -ipc_lock
 */
#include "model/script_settings.h"

#include "model/script_parser.h"

#include "base/assert.h"
#include "model/parts.h"

#include <stdio.h>
#include <string.h>

#define MACHINE(name, type)                                                                        \
	{                                                                                          \
		"machine", #name, offsetof(struct model, machine.name), type                       \
	}
#define PROCESS(name, type)                                                                        \
	{                                                                                          \
		"process", #name, offsetof(struct model, name), type                               \
	}
#define LIMIT(name, limit)                                                                         \
	{                                                                                          \
		"limit", name, offsetof(struct model, limits[limit]), SETTING_LIMIT                \
	}

/* `bits` comes first: it changes what others begin with. */
const struct setting settings[] = {
	PROCESS(bits, SETTING_NUMBER),
	MACHINE(version, SETTING_VERSION),
	MACHINE(lowest_hint, SETTING_ADDRESS),
	MACHINE(mmap_min_addr, SETTING_ADDRESS),
	MACHINE(stack_guard_gap, SETTING_BYTES),
	MACHINE(mmap_rnd_bits, SETTING_NUMBER),
	MACHINE(mmap_rnd_compat_bits, SETTING_NUMBER),
	MACHINE(randomize_va_space, SETTING_NUMBER),
	MACHINE(legacy_va_layout, SETTING_YES),
	MACHINE(max_map_count, SETTING_COUNT),
	{"machine", "overcommit_memory", offsetof(struct model, machine.overcommit_mode),
	 SETTING_NUMBER},
	MACHINE(ram, SETTING_BYTES),
	MACHINE(swap, SETTING_BYTES),
	MACHINE(commit_limit, SETTING_BYTES),
	MACHINE(committed, SETTING_BYTES),
	MACHINE(admin_reserve, SETTING_BYTES),
	MACHINE(user_reserve, SETTING_BYTES),
	MACHINE(huge_pages, SETTING_YES),
	MACHINE(protection_keys, SETTING_YES),
	MACHINE(vdso_pages, SETTING_COUNT),
	MACHINE(vvar_pages, SETTING_COUNT),
	LIMIT("as", MODEL_AS),
	LIMIT("data", MODEL_DATA),
	LIMIT("stack", MODEL_STACK),
	LIMIT("memlock", MODEL_MEMLOCK),
	PROCESS(personality, SETTING_PERSONALITY),
	PROCESS(task_size, SETTING_ADDRESS),
	PROCESS(top_down, SETTING_YES),
	PROCESS(mmap_base, SETTING_ADDRESS),
	PROCESS(legacy_base, SETTING_ADDRESS),
	PROCESS(start_brk, SETTING_ADDRESS),
	PROCESS(brk, SETTING_ADDRESS),
	PROCESS(start_data, SETTING_ADDRESS),
	PROCESS(end_data, SETTING_ADDRESS),
	PROCESS(start_code, SETTING_ADDRESS),
	PROCESS(end_code, SETTING_ADDRESS),
	PROCESS(start_stack, SETTING_ADDRESS),
	PROCESS(arg_start, SETTING_ADDRESS),
	PROCESS(arg_end, SETTING_ADDRESS),
	PROCESS(env_start, SETTING_ADDRESS),
	PROCESS(env_end, SETTING_ADDRESS),
	PROCESS(new_flags, SETTING_FLAGS),
};
const size_t nsettings = ARRAY_SIZE(settings);

const struct flag_word flag_words[] = {
	{"growsdown", VMA_GROWSDOWN},	  {"locked", VMA_LOCKED},
	{"lockonfault", VMA_LOCKONFAULT}, {"sequential", VMA_SEQUENTIAL},
	{"random", VMA_RANDOM},		  {"dontcopy", VMA_DONTCOPY},
	{"dontexpand", VMA_DONTEXPAND},	  {"account", VMA_ACCOUNT},
	{"noreserve", VMA_NORESERVE},	  {"wipeonfork", VMA_WIPEONFORK},
	{"dontdump", VMA_DONTDUMP},	  {"hugepage", VMA_HUGEPAGE},
	{"nohugepage", VMA_NOHUGEPAGE},	  {"mergeable", VMA_MERGEABLE},
	{"pfnmap", VMA_PFNMAP},		  {"io", VMA_IO},
	{"mixedmap", VMA_MIXEDMAP},	  {"droppable", VMA_DROPPABLE},
	{"sealed", VMA_SEALED},		  {"executeonly", VMA_EXECUTE_ONLY},
	{"shared", VMA_SHARED},		  {"mayread", VMA_MAYREAD},
	{"maywrite", VMA_MAYWRITE},	  {"mayexec", VMA_MAYEXEC},
};
const size_t nflag_words = ARRAY_SIZE(flag_words);

const struct capability_word capability_words[] = {
	{"ipc_lock", MODEL_CAP_IPC_LOCK},
	{"sys_rawio", MODEL_CAP_SYS_RAWIO},
	{"sys_admin", MODEL_CAP_SYS_ADMIN},
	{"sys_resource", MODEL_CAP_SYS_RESOURCE},
};
const size_t ncapability_words = ARRAY_SIZE(capability_words);

uint32_t flags_of_perms(unsigned rights, bool shared)
{
	uint32_t flags = rights | VMA_MAY; /* the numbers of PROT_... and VMA_... are the same */

	if (shared)
		return flags | VMA_SHARED | VMA_MAYSHARE;
	return flags & VMA_WRITE ? flags | VMA_ACCOUNT : flags;
}

static_assert((int)VMA_READ == PROT_NUMBER_READ && (int)VMA_WRITE == PROT_NUMBER_WRITE &&
		      (int)VMA_EXEC == PROT_NUMBER_EXEC,
	      "rights are numbered alike");

/*
 * Settings.
 */

static bool is_wide(enum setting_type type)
{
	return type == SETTING_ADDRESS || type == SETTING_BYTES || type == SETTING_COUNT;
}

uint64_t setting_get(const struct model *model, const struct setting *setting)
{
	const char *at = (const char *)model + setting->offset;

	if (is_wide(setting->type))
		return *(const uint64_t *)at;
	if (setting->type == SETTING_YES)
		return *(const bool *)at;
	return *(const uint32_t *)at;
}

void script_set_bits(struct model *model, unsigned bits)
{
	struct model fresh;

	model_init(&fresh);
	model->bits = bits;
	model->task_size = bits == 32 ? TASK_SIZE_32 : TASK_SIZE_64;
	model->mmap_base = bits == 32 ? 0xf7ffe000 : fresh.mmap_base;
	model->legacy_base = bits == 32 ? 0x55555000 : fresh.legacy_base;
	model_fini(&fresh);
}

static void set_field(struct model *model, const struct setting *setting, uint64_t value)
{
	char *at = (char *)model + setting->offset;

	if (setting->offset == offsetof(struct model, bits))
		script_set_bits(model, (unsigned)value);
	else if (is_wide(setting->type))
		*(uint64_t *)at = value;
	else if (setting->type == SETTING_YES)
		*(bool *)at = value;
	else
		*(uint32_t *)at = (uint32_t)value;
}

void script_set(struct model *model, const struct script_line *line)
{
	const struct setting *setting = &settings[line->setting];

	if (line->type == SCRIPT_CAPABILITIES) {
		model->capabilities &= ~(unsigned)line->value;
		model->capabilities |= (unsigned)line->source;
	} else if (setting->type == SETTING_LIMIT) {
		*(struct model_limits *)((char *)model + setting->offset) = line->limit;
	} else {
		set_field(model, setting, line->value);
	}
}

int parse_setting(struct parser *parser, const char *group, const char *name,
		  struct script_line *ret)
{
	size_t i;

	(void)parser;
	for (i = 0; i < nsettings; i++) {
		bool is_limit = settings[i].type == SETTING_LIMIT;

		if (strcmp(settings[i].group, group) != 0)
			continue;
		if (is_limit
			    ? settings[i].offset == offsetof(struct model, limits) +
							    ret->value * sizeof(struct model_limits)
			    : strcmp(settings[i].name, name) == 0)
			break;
	}
	if (i == nsettings) {
		ret->type = SCRIPT_OTHER;
		return 0;
	}
	ret->type = SCRIPT_SETTING;
	ret->setting = (unsigned)i;
	return 0;
}

static int take_version(struct parser *parser, uint64_t *ret)
{
	unsigned major, minor;
	int size = 0;

	skip_blanks(parser);
	if (sscanf(parser->at, "%3u.%3u%n", &major, &minor, &size) < 2 || size == 0)
		return complain(parser, parser->at, "a version as 6.12 is missing");
	parser->at += size;
	*ret = VERSION(major, minor);
	return 0;
}

int take_flag(struct parser *parser, uint32_t *ret)
{
	const char *start = parser->at;
	bool minus = *start == '-';
	struct span word;
	size_t i;

	parser->at += minus;
	word = take_word(parser);
	for (i = 0; i < nflag_words; i++)
		if (span_is(word, flag_words[i].word)) {
			if (minus)
				*ret &= ~flag_words[i].flag;
			else
				*ret |= flag_words[i].flag;
			return 0;
		}
	return complain(parser, start, "%.*s is no flag of a mapping", (int)(word.end - word.start),
			word.start);
}

bool at_end(struct parser *parser)
{
	skip_blanks(parser);
	return !*parser->at || *parser->at == '#';
}

static int take_flags(struct parser *parser, uint64_t *ret)
{
	uint32_t flags = 0;
	int r = 0;

	while (r == 0 && !at_end(parser))
		r = take_flag(parser, &flags);
	*ret = flags;
	return r;
}

static int take_limits(struct parser *parser, struct script_line *ret)
{
	int r = take_number(parser, 0, &ret->limit.soft);

	ret->limit.hard = MODEL_INFINITE;
	return r < 0 || at_end(parser) ? r : take_number(parser, 0, &ret->limit.hard);
}

static int check_setting(struct parser *parser, const char *start, const struct setting *setting,
			 const struct script_line *line)
{
	uint64_t value = line->value;

	if (setting->offset == offsetof(struct model, bits) && value != 32 && value != 64)
		return complain(parser, start, "a program has 32 or 64 bits");
	if (setting->type != SETTING_LIMIT && !is_wide(setting->type) && value > UINT32_MAX)
		return complain(parser, start, "%s is a smaller number", setting->name);
	if (setting->offset == offsetof(struct model, task_size) &&
	    (value > UINT64_C(1) << 56 || !is_aligned(value, MODEL_PAGE)))
		return complain(parser, start, "user space does not end there");
	return 0;
}

static int parse_value(struct parser *parser, const struct setting *setting,
		       struct script_line *ret)
{
	const char *start;
	int r;

	skip_blanks(parser);
	start = parser->at;
	switch (setting->type) {
	case SETTING_LIMIT:
		r = take_limits(parser, ret);
		break;
	case SETTING_VERSION:
		r = take_version(parser, &ret->value);
		break;
	case SETTING_FLAGS:
		r = take_flags(parser, &ret->value);
		break;
	case SETTING_YES:
		r = take_number(parser, WORD_YES, &ret->value);
		break;
	case SETTING_PERSONALITY:
		r = take_number(parser, WORD_PERSONALITY, &ret->value);
		break;
	default:
		r = take_number(parser, 0, &ret->value);
		break;
	}
	return r < 0 ? r : check_setting(parser, start, setting, ret);
}

int parse_group(struct parser *parser, const char *group, struct script_line *ret)
{
	struct span name = take_word(parser);
	size_t i;
	int r;

	for (i = 0; i < nsettings; i++)
		if (strcmp(settings[i].group, group) == 0 && span_is(name, settings[i].name)) {
			r = parse_value(parser, &settings[i], ret);
			ret->type = SCRIPT_SETTING;
			ret->setting = (unsigned)i;
			return r;
		}
	return complain(parser, name.start, "%s %.*s is not known", group,
			(int)(name.end - name.start), name.start);
}

static int take_capability(struct parser *parser, unsigned *ret)
{
	struct span word = take_word(parser);
	size_t i;

	*ret = CAPABILITIES_ALL;
	if (span_is(word, "all"))
		return 0;
	for (i = 0; i < ncapability_words; i++)
		if (span_is(word, capability_words[i].word)) {
			*ret = capability_words[i].capability;
			return 0;
		}
	return complain(parser, word.start,
			"ipc_lock, sys_rawio, sys_admin, sys_resource, all or none is missing");
}

int parse_capabilities(struct parser *parser, struct script_line *ret)
{
	int r = 0;

	ret->type = SCRIPT_CAPABILITIES;
	do {
		unsigned capability = CAPABILITIES_ALL;
		bool none = take(parser, "none"), minus = none || take(parser, "-");

		if (!minus)
			take(parser, "+");
		if (!none)
			r = take_capability(parser, &capability);
		ret->value |= capability;
		ret->source = (int)(minus ? (unsigned)ret->source & ~capability
					  : (unsigned)ret->source | capability);
	} while (r == 0 && !at_end(parser));
	return r;
}
