#include "view/document.h"

#include "view/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void document_unknown(json_t *object, const char *key, const char *why)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_why", key);
	json_object_set_new(object, key, json_null());
	if (why)
		json_object_set_new(object, name, json_string(why));
}

void document_size(json_t *object, const char *key, uint64_t size, const char *why)
{
	if (size == UNKNOWN)
		document_unknown(object, key, why);
	else if (size > INT64_MAX) /* no process has it, but a captured tree may say so */
		json_object_set_new(object, key, json_real((double)size));
	else
		json_object_set_new(object, key, json_integer((json_int_t)size));
}

void document_address(json_t *object, const char *key, plat_addr addr, const char *why)
{
	char to[24];

	if (addr == UNKNOWN)
		document_unknown(object, key, why);
	else
		json_object_set_new(object, key, json_string(json_address(addr, to)));
}

void document_text(json_t *object, const char *key, const char *string)
{
	char escaped[THREAD_NAME_SIZE * 4];

	json_object_set_new(object, key,
			    json_string(text_escape(string, escaped, sizeof(escaped), 0)));
}

void document_name(json_t *object, const char *key, const char *name)
{
	if (name)
		document_text(object, key, name);
	else
		json_object_set_new(object, key, json_null());
}

void document_count(json_t *object, const char *key, uint64_t count)
{
	json_object_set_new(object, key, json_integer((json_int_t)count));
}

/* VmSize becomes vm_size, RssAnon rss_anon, VmHWM vm_hwm: as the kernel names them, spelt as JSON.
 */
static void figure_key(const char *name, char *to, size_t size)
{
	const char *s;
	size_t n = 0;

	for (s = name; *s && n + 2 < size; s++) {
		bool upper = *s >= 'A' && *s <= 'Z';

		if (upper && s > name && !(s[-1] >= 'A' && s[-1] <= 'Z'))
			to[n++] = '_';
		to[n++] = (char)(upper ? *s - 'A' + 'a' : *s);
	}
	to[n] = '\0';
}

void document_figures(json_t *object, const uint64_t figures[NFIGURES])
{
	unsigned figure;
	char key[32];

	for (figure = 0; figure < NFIGURES; figure++) {
		figure_key(figure_name(figure), key, sizeof(key));
		document_size(object, key, figures[figure], "status does not say");
	}
}

static json_t *limit_object(const struct limit *limit)
{
	json_t *object = json_object();

	if (!limit->known) {
		document_unknown(object, "soft", "limits could not be read");
		document_unknown(object, "hard", "limits could not be read");
		return object;
	}
	if (limit->soft == LIMIT_INFINITE)
		json_object_set_new(object, "soft", json_string("unlimited"));
	else
		document_size(object, "soft", limit->soft, NULL);
	if (limit->hard == LIMIT_INFINITE)
		json_object_set_new(object, "hard", json_string("unlimited"));
	else
		document_size(object, "hard", limit->hard, NULL);
	return object;
}

json_t *document_limits(const struct limit limits[NLIMITS])
{
	json_t *object = json_object();
	unsigned limit;

	for (limit = 0; limit < NLIMITS; limit++) {
		char key[32];
		size_t n;

		snprintf(key, sizeof(key), "%s", limit_name(limit) + strlen("RLIMIT_"));
		for (n = 0; key[n]; n++)
			key[n] = (char)(key[n] - 'A' + 'a');
		json_object_set_new(object, key, limit_object(&limits[limit]));
	}
	return object;
}

static void put(struct text *text, json_t *json, size_t flags)
{
	char *dump = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | flags) : NULL;

	if (dump)
		text_put(text, dump);
	else if (!text->error)
		text->error = -ENOMEM;
	free(dump);
	json_decref(json);
}

void document_put(struct text *text, json_t *json)
{
	put(text, json, 0);
}

void document_put_member(struct text *text, const char *key, json_t *json)
{
	text_format(text, ",\n\"%s\": ", key);
	document_put(text, json);
}

void document_put_time(struct text *text, const char *key, uint64_t ns, double unit)
{
	text_format(text, ",\n\"%s\": ", key);
	put(text, json_real((double)ns / unit), JSON_REAL_PRECISION(15));
}

void document_core(struct text *text, const struct space *space)
{
	char path[4300];

	if (space->core)
		document_put_member(text, "core",
				    json_string(text_escape(space->core, path, sizeof(path), 0)));
}
