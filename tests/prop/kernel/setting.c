#include "setting.h"

#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const limit_words[NMODEL_LIMITS] = {[MODEL_AS] = "as",
						       [MODEL_DATA] = "data",
						       [MODEL_STACK] = "stack",
						       [MODEL_MEMLOCK] = "memlock"};

struct setting setting_plain(void)
{
	struct setting setting = {.bits = 64};
	unsigned i;

	for (i = 0; i < NMODEL_LIMITS; i++)
		setting.soft[i] = MODEL_INFINITE;
	setting.soft[MODEL_STACK] = 8 << 20;
	setting.soft[MODEL_MEMLOCK] = LIMIT_KEPT;
	return setting;
}

const char *setting_text(const struct setting *setting, char *to, size_t size)
{
	int n = snprintf(to, size, "%u bit%s%s%s%s%s", setting->bits, setting->aslr ? ", aslr" : "",
			 setting->legacy ? ", legacy" : "", setting->limit_3gb ? ", 3gb" : "",
			 setting->nobody ? ", nobody" : "",
			 setting->no_lock_cap ? ", no CAP_IPC_LOCK" : "");
	unsigned i;

	for (i = 0; i < NMODEL_LIMITS && n >= 0 && (size_t)n < size; i++) {
		if (setting->soft[i] == MODEL_INFINITE)
			n += snprintf(to + n, size - n, ", %s=infinite", limit_words[i]);
		else if (setting->soft[i] != LIMIT_KEPT)
			n += snprintf(to + n, size - n, ", %s=%" PRIu64, limit_words[i],
				      setting->soft[i]);
	}
	return to;
}

static bool parse_limit(const char *word, struct setting *setting)
{
	const char *value = strchr(word, '=');
	unsigned i;
	char *end;

	for (i = 0; value && i < NMODEL_LIMITS; i++) {
		size_t n = strlen(limit_words[i]);

		if ((size_t)(value - word) != n || strncmp(word, limit_words[i], n) != 0)
			continue;
		if (strcmp(value + 1, "infinite") == 0) {
			setting->soft[i] = MODEL_INFINITE;
			return true;
		}
		setting->soft[i] = strtoull(value + 1, &end, 0);
		return end != value + 1 && *end == '\0';
	}
	return false;
}

static bool parse_word(const char *word, struct setting *setting)
{
	const struct {
		const char *word;
		bool *flag;
	} flags[] = {
		{"aslr", &setting->aslr},
		{"legacy", &setting->legacy},
		{"3gb", &setting->limit_3gb},
		{"nobody", &setting->nobody},
		{"no CAP_IPC_LOCK", &setting->no_lock_cap},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		if (strcmp(word, flags[i].word) == 0) {
			*flags[i].flag = true;
			return true;
		}
	}
	if (strcmp(word, "64 bit") == 0 || strcmp(word, "32 bit") == 0) {
		setting->bits = word[0] == '6' ? 64 : 32;
		return true;
	}
	return parse_limit(word, setting);
}

int setting_parse(const char *text, struct setting *setting, struct error *err)
{
	char copy[256], *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, ",\n")) != NULL) {
		word += strspn(word, " ");
		if (*word && !parse_word(word, setting))
			return fail(err, -EINVAL, "setting: %s is not known", word);
	}
	return 0;
}
