/*
 *	python3 4711  64-bit, dynamic
 *
 *	malloc      plat's malloc, in /usr/lib/libplat-malloc.so.1
 *	  order     first of 2 modules that define malloc
 *	  calls     34 places lead there, 3 were not used yet
 *
 *	preload     /usr/lib/libplat-malloc.so.1 (LD_PRELOAD): loaded
 *
 *	settings    PLAT_HARD=1  environment
 *	            mmap_threshold=131072  default
 */
#include "view/doctor.h"

#include "view/document.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA 1
#define MEANING 12
#define TEXT_MOST 4400

struct doctor_bindings doctor_bindings_of(const struct allocator *allocator)
{
	struct doctor_bindings sums = {0};
	size_t i;

	for (i = 0; i < allocator->nbindings; i++) {
		const struct allocator_binding *binding = &allocator->bindings[i];

		if (binding->is_lazy)
			sums.lazy++;
		else if (binding->is_other)
			sums.elsewhere++;
		else
			sums.there++;
	}
	return sums;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void put_row(const struct paint *paint, struct text *text, unsigned style, const char *label,
		    const char *sentence)
{
	struct line line = line_begin(text, paint);

	line_put(&line, STYLE_FAINT, label);
	line_to(&line, MEANING);
	line_wrap(&line, style, sentence, MEANING);
}

static const char *linkage(const struct doctor_report *report)
{
	if (report->allocator->program == NO_MODULE)
		return "not found";
	return report->space->modules[report->allocator->program].has_interpreter ? "dynamic"
										  : "static";
}

static void draw_title(const struct doctor_report *report, const struct paint *paint,
		       struct text *text)
{
	const struct process *process = &report->space->process;
	struct line line = line_begin(text, paint);
	char name[THREAD_NAME_SIZE * 4];

	line_format(&line, STYLE_BOLD, "%s %d",
		    text_escape(process->command, name, sizeof(name), !paint->unicode),
		    process->pid);
	line_format(&line, STYLE_PLAIN, "  %u-bit, %s%s", process->bits, linkage(report),
		    process->secure == 1 ? ", has gained rights (AT_SECURE)" : "");
	line_end(&line);
	text_char(text, '\n');
}

static void draw_calls(const struct allocator *allocator, const struct paint *paint,
		       struct text *text)
{
	struct doctor_bindings sums = doctor_bindings_of(allocator);
	char sentence[200];

	snprintf(sentence, sizeof(sentence), "%zu place%s in tables of modules lead%s there",
		 sums.there, plural(sums.there), sums.there == 1 ? "s" : "");
	if (sums.elsewhere)
		snprintf(sentence + strlen(sentence), sizeof(sentence) - strlen(sentence),
			 ", %zu elsewhere", sums.elsewhere);
	if (sums.lazy)
		snprintf(sentence + strlen(sentence), sizeof(sentence) - strlen(sentence),
			 ", %zu not used yet", sums.lazy);
	put_row(paint, text, STYLE_PLAIN, "  calls", sentence);
}

static void draw_malloc(const struct doctor_report *report, const struct paint *paint,
			struct text *text)
{
	const struct allocator *allocator = report->allocator;
	char sentence[TEXT_MOST];

	if (allocator->how == ALLOCATOR_NOT_FOUND) {
		snprintf(sentence, sizeof(sentence), "not found: %s", allocator->why);
		put_row(paint, text, STYLE_BOLD, "malloc", sentence);
		return;
	}
	snprintf(sentence, sizeof(sentence), "%s, in %s", allocator_words(allocator->kind),
		 allocator_module_name(report->space, allocator->provider));
	put_row(paint, text, STYLE_BOLD, "malloc", sentence);
	if (allocator->how == ALLOCATOR_STATIC) {
		put_row(paint, text, STYLE_PLAIN, "  order",
			"there is no dynamic linker: all is in the program");
		return;
	}
	snprintf(sentence, sizeof(sentence),
		 "the first of %zu module%s that define%s it, of %zu in search order",
		 allocator->ndefiners, plural(allocator->ndefiners),
		 allocator->ndefiners == 1 ? "s" : "", allocator->norder);
	put_row(paint, text, STYLE_PLAIN, "  order", sentence);
	draw_calls(allocator, paint, text);
}

static void draw_preloads(const struct doctor_report *report, const struct paint *paint,
			  struct text *text)
{
	char sentence[TEXT_MOST];
	size_t i;

	if (report->npreloads == 0) {
		put_row(paint, text, STYLE_PLAIN, "preload",
			report->environment_why ? report->environment_why : "nothing");
		return;
	}
	for (i = 0; i < report->npreloads; i++) {
		const struct doctor_preload *preload = &report->preloads[i];

		snprintf(sentence, sizeof(sentence), "%.4000s (%s): %s%s", preload->name,
			 preload->from, preload->module == NO_MODULE ? "not loaded: " : "loaded",
			 preload->module == NO_MODULE ? preload->why : "");
		put_row(paint, text, preload->module == NO_MODULE ? STYLE_WARN : STYLE_PLAIN,
			i == 0 ? "preload" : "", sentence);
	}
}

static void draw_settings(const struct doctor_report *report, const struct paint *paint,
			  struct text *text)
{
	char sentence[TEXT_MOST];
	size_t i;

	for (i = 0; i < report->nsettings; i++) {
		const struct doctor_setting *setting = &report->settings[i];

		snprintf(sentence, sizeof(sentence), "%.200s=%.3600s  %s%s%s", setting->name,
			 setting->value, setting->from, setting->note[0] ? ": " : "",
			 setting->note);
		put_row(paint, text, STYLE_PLAIN, i == 0 ? "settings" : "", sentence);
	}
}

void doctor_draw(const struct doctor_report *report, const struct paint *paint, struct text *text)
{
	size_t i;

	draw_title(report, paint, text);
	draw_malloc(report, paint, text);
	draw_preloads(report, paint, text);
	draw_settings(report, paint, text);
	if (report->nfindings)
		text_char(text, '\n');
	for (i = 0; i < report->nfindings; i++)
		put_row(paint, text, STYLE_WARN, i == 0 ? "findings" : "",
			report->findings[i].text);
}

/*
 * JSON.
 */

static json_t *escaped(const char *string)
{
	char to[TEXT_MOST];

	return json_string(text_escape(string, to, sizeof(to), 0));
}

static json_t *path_of(const struct doctor_report *report, uint32_t module)
{
	return module == NO_MODULE ? json_null()
				   : escaped(allocator_module_name(report->space, module));
}

static json_t *malloc_object(const struct doctor_report *report)
{
	static const char *const hows[] = {
		[ALLOCATOR_NOT_FOUND] = "not-found",
		[ALLOCATOR_STATIC] = "static",
		[ALLOCATOR_LINKED] = "linked",
	};
	const struct allocator *allocator = report->allocator;
	struct doctor_bindings sums = doctor_bindings_of(allocator);
	json_t *object = json_object(), *definers = json_array();
	size_t i;

	json_object_set_new(object, "allocator",
			    allocator->how == ALLOCATOR_NOT_FOUND
				    ? json_null()
				    : json_string(allocator_name(allocator->kind)));
	if (allocator->how == ALLOCATOR_NOT_FOUND)
		json_object_set_new(object, "allocator_why", escaped(allocator->why));
	json_object_set_new(object, "found_by", json_string(hows[allocator->how]));
	json_object_set_new(object, "file", path_of(report, allocator->provider));
	document_address(object, "address", allocator->malloc ? allocator->malloc : UNKNOWN, NULL);
	document_address(object, "state", allocator->state ? allocator->state : UNKNOWN, NULL);
	for (i = 0; i < allocator->ndefiners; i++)
		json_array_append_new(definers, path_of(report, allocator->definers[i]));
	json_object_set_new(object, "defined_by", definers);
	document_size(object, "modules", allocator->norder, NULL);
	document_size(object, "places_there", sums.there, NULL);
	document_size(object, "places_elsewhere", sums.elsewhere, NULL);
	document_size(object, "places_unused", sums.lazy, NULL);
	return object;
}

static json_t *preloads_array(const struct doctor_report *report)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < report->npreloads; i++) {
		const struct doctor_preload *preload = &report->preloads[i];
		json_t *object = json_object();

		json_object_set_new(object, "name", escaped(preload->name));
		json_object_set_new(object, "from", json_string(preload->from));
		json_object_set_new(object, "loaded", json_boolean(preload->module != NO_MODULE));
		json_object_set_new(object, "file", path_of(report, preload->module));
		json_object_set_new(object, "why",
				    preload->module == NO_MODULE ? escaped(preload->why)
								 : json_null());
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *settings_array(const struct doctor_report *report)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < report->nsettings; i++) {
		const struct doctor_setting *setting = &report->settings[i];
		json_t *object = json_object();

		json_object_set_new(object, "name", escaped(setting->name));
		json_object_set_new(object, "value", escaped(setting->value));
		json_object_set_new(object, "from", json_string(setting->from));
		json_object_set_new(object, "note",
				    setting->note[0] ? escaped(setting->note) : json_null());
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *findings_array(const struct doctor_report *report)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < report->nfindings; i++) {
		json_t *object = json_object();

		json_object_set_new(object, "code", json_string(report->findings[i].code));
		json_object_set_new(object, "text", escaped(report->findings[i].text));
		json_array_append_new(array, object);
	}
	return array;
}

void doctor_json(const struct doctor_report *report, struct text *text)
{
	const struct process *process = &report->space->process;

	text_format(text, "{\"schema\": %d", SCHEMA);
	document_put_member(text, "pid", json_integer(process->pid));
	document_put_member(text, "command", escaped(process->command));
	document_put_member(text, "bits",
			    process->bits ? json_integer(process->bits) : json_null());
	document_put_member(text, "linkage", json_string(linkage(report)));
	document_put_member(text, "secure",
			    process->secure == UNKNOWN ? json_null()
						       : json_boolean(process->secure == 1));
	document_put_member(text, "malloc", malloc_object(report));
	document_put_member(text, "preloads", preloads_array(report));
	document_put_member(text, "settings", settings_array(report));
	document_put_member(text, "environment_why",
			    report->environment_why ? escaped(report->environment_why)
						    : json_null());
	document_put_member(text, "findings", findings_array(report));
	text_put(text, "}\n");
}
