/* Requests, results and whole models as lines of a script. */
#include "model/script.h"

#include "base/text.h"
#include "model/parts.h"
#include "model/script_settings.h"
#include "model/script_words.h"

static void put_hex(struct text *text, uint64_t number)
{
	text_put(text, "0x");
	text_hex(text, number, 1);
}

static void put_address(struct text *text, plat_addr addr)
{
	if (addr)
		put_hex(text, addr);
	else
		text_put(text, "NULL");
}

/*
 * Requests.
 */

static void put_map_flags(struct text *text, uint64_t flags)
{
	put_word(text, flags & MAP_NUMBER_TYPE, WORD_MAP);
	if (flags & ~(uint64_t)MAP_NUMBER_TYPE) {
		text_char(text, '|');
		put_bits(text, flags & ~(uint64_t)MAP_NUMBER_TYPE, WORD_MAP, "0");
	}
}

/* A C int, where it is one. */
static void put_descriptor(struct text *text, uint64_t descriptor)
{
	if (descriptor == (uint64_t)(int64_t)(int32_t)descriptor)
		text_format(text, "%d", (int)descriptor);
	else
		put_hex(text, descriptor);
}

static void put_number(struct text *text, uint64_t number)
{
	if (number)
		put_hex(text, number);
	else
		text_char(text, '0');
}

static void put_bytes(struct text *text, uint64_t bytes)
{
	if (bytes == MODEL_INFINITE)
		text_put(text, "RLIM64_INFINITY");
	else if (bytes > 1024 && bytes % 1024 == 0)
		text_format(text, "%llu*1024", (unsigned long long)(bytes / 1024));
	else
		text_number(text, bytes);
}

static void put_limit_request(struct text *text, const uint64_t *arg)
{
	put_word(text, arg[0], WORD_LIMIT);
	text_put(text, ", {rlim_cur=");
	put_bytes(text, arg[1]);
	text_put(text, ", rlim_max=");
	put_bytes(text, arg[2]);
	text_char(text, '}');
}

static void put_mm_request(struct text *text, const uint64_t *arg)
{
	text_put(text, "PR_SET_MM, PR_SET_MM_MAP, {start_brk=");
	put_hex(text, arg[0]);
	text_put(text, ", brk=");
	put_hex(text, arg[1]);
	text_put(text, ", start_data=");
	put_hex(text, arg[2]);
	text_put(text, ", end_data=");
	put_hex(text, arg[3]);
	text_put(text, "}, 104, 0");
}

static void put_argument(struct text *text, enum script_form form, const uint64_t *arg)
{
	switch (form) {
	case FORM_ADDRESS:
		put_address(text, *arg);
		break;
	case FORM_SIZE:
		text_number(text, *arg);
		break;
	case FORM_PROT:
		put_bits(text, *arg, WORD_PROT, "PROT_NONE");
		break;
	case FORM_MAP:
		put_map_flags(text, *arg);
		break;
	case FORM_DESCRIPTOR:
		put_descriptor(text, *arg);
		break;
	case FORM_OFFSET:
	case FORM_NUMBER:
		put_number(text, *arg);
		break;
	case FORM_REMAP:
		put_bits(text, *arg, WORD_REMAP, "0");
		break;
	case FORM_ADVICE:
		put_word(text, *arg, WORD_ADVICE);
		break;
	case FORM_LOCK:
		put_bits(text, *arg, WORD_LOCK, "0");
		break;
	case FORM_LOCK_ALL:
		put_bits(text, *arg, WORD_LOCK_ALL, "0");
		break;
	case FORM_LIMIT:
		put_limit_request(text, arg);
		break;
	case FORM_MM:
		put_mm_request(text, arg);
		break;
	case FORM_VECTOR:
	case FORM_NONE:
		break;
	}
}

static bool is_touch(enum model_call call)
{
	return call == CALL_READ || call == CALL_WRITE || call == CALL_EXECUTE;
}

void script_put_request(struct text *text, const struct model_request *request)
{
	const struct script_call *call = script_call_of(request->call);
	const char *comma = "";
	unsigned i;

	text_put(text, call->name);
	if (is_touch(request->call)) {
		text_char(text, ' ');
		put_hex(text, request->arg[0]);
		return;
	}
	text_char(text, '(');
	for (i = 0; i < ARRAY_SIZE(call->forms) && call->forms[i] != FORM_NONE; i++) {
		/* The new place counts only where one is asked for. */
		if (call->forms[i] == FORM_VECTOR ||
		    (i == 4 && request->call == CALL_MREMAP && !(request->arg[3] & 6)))
			break;
		text_put(text, comma);
		put_argument(text, (enum script_form)call->forms[i], &request->arg[i]);
		comma = ", ";
	}
	text_char(text, ')');
}

static bool returns_address(enum model_call call)
{
	return call == CALL_MMAP || call == CALL_MREMAP || call == CALL_BRK;
}

void script_put_result(struct text *text, const struct model_request *request,
		       const struct model_result *result)
{
	const struct word *word;

	if (result->fault != FAULT_NONE) {
		text_put(text, result->fault == FAULT_BUS ? "SIGBUS {" : "SIGSEGV {");
		put_word(text, result->fault, WORD_FAULT);
		text_char(text, '}');
	} else if (result->value < 0 && result->value > -4096) {
		word = word_of((uint64_t)-result->value, WORD_ERRNO);
		if (word)
			text_format(text, "-1 %s (%s)", word->word, word->meaning);
		else
			text_format(text, "%lld", (long long)result->value);
	} else if (returns_address(request->call)) {
		put_number(text, (uint64_t)result->value);
	} else {
		text_number(text, (uint64_t)result->value);
	}
}

/*
 * Models.
 */

static void put_version(struct text *text, uint64_t version)
{
	text_format(text, "%u.%u", (unsigned)version / 1000, (unsigned)version % 1000);
}

static void put_flags(struct text *text, uint32_t flags, uint32_t usual)
{
	size_t i;

	for (i = 0; i < nflag_words; i++) {
		uint32_t flag = flag_words[i].flag;

		if ((flags ^ usual) & flag)
			text_format(text, " %s%s", flags & flag ? "" : "-", flag_words[i].word);
	}
}

static void put_limit(struct text *text, uint64_t bytes)
{
	if (bytes == MODEL_INFINITE)
		text_put(text, "unlimited");
	else
		text_number(text, bytes);
}

static void put_setting(struct text *text, const struct setting *setting, uint64_t value)
{
	text_format(text, "%s %s", setting->group, setting->name);
	if (setting->type == SETTING_FLAGS) {
		put_flags(text, (uint32_t)value, 0);
		text_char(text, '\n');
		return;
	}
	text_char(text, ' ');
	switch (setting->type) {
	case SETTING_ADDRESS:
		put_number(text, value);
		break;
	case SETTING_YES:
		text_put(text, value ? "yes" : "no");
		break;
	case SETTING_VERSION:
		put_version(text, value);
		break;
	case SETTING_PERSONALITY:
		put_bits(text, value, WORD_PERSONALITY, "0");
		break;
	default:
		text_number(text, value);
		break;
	}
	text_char(text, '\n');
}

/* What is not as in the model that a script begins with. */
static void put_settings(struct text *text, const struct model *model)
{
	struct model usual;
	size_t i;

	model_init(&usual);
	for (i = 0; i < nsettings; i++) {
		const struct setting *setting = &settings[i];
		const struct model_limits *limits, *usual_limits;

		if (setting->type != SETTING_LIMIT) {
			if (setting_get(model, setting) != setting_get(&usual, setting))
				put_setting(text, setting, setting_get(model, setting));
			if (i == 0) /* `process bits` */
				script_set_bits(&usual, model->bits);
			continue;
		}
		limits = (const void *)((const char *)model + setting->offset);
		usual_limits = (const void *)((const char *)&usual + setting->offset);
		if (limits->soft == usual_limits->soft && limits->hard == usual_limits->hard)
			continue;
		text_format(text, "limit %s ", setting->name);
		put_limit(text, limits->soft);
		text_char(text, ' ');
		put_limit(text, limits->hard);
		text_char(text, '\n');
	}
	model_fini(&usual);
}

static void put_capabilities(struct text *text, const struct model *model)
{
	size_t i;

	if (!model->capabilities)
		return;
	text_put(text, "capabilities");
	for (i = 0; i < ncapability_words; i++)
		if (model->capabilities & capability_words[i].capability)
			text_format(text, " +%s", capability_words[i].word);
	text_char(text, '\n');
}

static void put_file(struct text *text, size_t number, const struct model_file *file)
{
	text_format(text, "file %zu%s%s%s%s%s%s%s%s", number, file->writable ? "" : " read-only",
		    file->readable ? "" : " write-only", file->huge_aligned ? " huge-aligned" : "",
		    file->shmem ? " shmem" : "", file->anonymous ? " anonymous" : "",
		    file->unmappable ? " unmappable" : "", file->noexec ? " noexec" : "",
		    file->whole ? " whole" : "");
	if (file->size < MODEL_SIZE_UNKNOWN)
		text_format(text, " size=%llu", (unsigned long long)file->size);
	text_char(text, '\n');
}

static void put_files(struct text *text, const struct model *model)
{
	size_t i;

	for (i = 0; i < model->nfiles && i < SCRIPT_FILES_MOST; i++)
		if (!model->files[i].is_unused)
			put_file(text, i, &model->files[i]);
	for (i = 0; i < model->ndescriptors; i++)
		if (model->descriptors[i] >= 0)
			text_format(text, "descriptor %zu %d\n", i, model->descriptors[i]);
}

static void put_vma(struct text *text, const struct vma *vma)
{
	bool shared = vma->flags & VMA_MAYSHARE, has_file = vma->file != VMA_NO_FILE;
	uint32_t usual = flags_of_perms(vma->flags & VMA_RIGHTS, shared);

	text_put(text, "vma ");
	put_hex(text, vma->start);
	text_char(text, '-');
	put_hex(text, vma->end);
	text_format(text, " %c%c%c%c", vma->flags & VMA_READ ? 'r' : '-',
		    vma->flags & VMA_WRITE ? 'w' : '-', vma->flags & VMA_EXEC ? 'x' : '-',
		    shared ? 's' : 'p');
	if (vma->pgoff != (has_file ? 0 : pages_of(vma->start))) {
		text_char(text, ' ');
		put_hex(text, vma->pgoff * MODEL_PAGE);
	}
	if (has_file)
		text_format(text, " file=%u", vma->file);
	if (vma->anon)
		text_format(text, " anon=%u", vma->anon);
	put_flags(text, vma->flags, usual);
	text_char(text, '\n');
}

int script_put_model(struct text *text, const struct model *model)
{
	struct vma_place place = vmas_first(&model->vmas);
	const struct vma *vma;
	size_t i;

	put_settings(text, model);
	put_capabilities(text, model);
	put_files(text, model);
	for (; (vma = vmas_at(&model->vmas, place)); place = vmas_next(&model->vmas, place))
		put_vma(text, vma);
	for (i = 0; i < model->present.nranges; i++) {
		const struct pages_range *range = &model->present.ranges[i];

		text_put(text, "present ");
		put_hex(text, range->start);
		text_char(text, '-');
		put_hex(text, range->end);
		text_char(text, '\n');
	}
	return text->error;
}
