#include "view/snapshot.h"

#include "view/document.h"
#include "view/units.h"

#include <string.h>

static const char *content_words(const char *content)
{
	if (strcmp(content, "full") == 0)
		return "all that is in memory";
	return strcmp(content, "pointers") == 0 ? "pointers only" : "only what says what it is";
}

void snapshot_draw(const struct snapshot_report *report, const struct paint *paint,
		   struct text *text)
{
	char file[UNITS_SIZE], kept[UNITS_SIZE], left_out[UNITS_SIZE], name[61], path[4300];

	text_escape(report->path, path, sizeof(path), !paint->unicode);
	text_escape(report->space->process.command, name, sizeof(name), !paint->unicode);
	text_format(text, "%s: %s, of %d (%s)\n", path,
		    units_size(report->file_bytes, paint->bytes, file), report->space->process.pid,
		    name);
	text_format(text, "%s of memory, %s%s\n", units_size(report->kept, paint->bytes, kept),
		    content_words(report->content),
		    report->environment ? ", with arguments and environment" : "");
	if (report->left_out)
		text_format(text, "%s more are not to be dumped (MADV_DONTDUMP), and left out\n",
			    units_size(report->left_out, paint->bytes, left_out));
	text_format(text, "%s; taken in %.3f s\n",
		    report->is_stopped && report->pause == 0 ? "it stood still" : report->looked,
		    (double)report->nanoseconds / 1e9);
}

void snapshot_json(const struct snapshot_report *report, struct text *text)
{
	char path[4300];

	text_put(text, "{\"schema\": 1");
	document_put_member(text, "path",
			    json_string(text_escape(report->path, path, sizeof(path), 0)));
	document_put_member(text, "pid", json_integer(report->space->process.pid));
	document_put_member(text, "content", json_string(report->content));
	document_put_member(text, "environment", json_boolean(report->environment));
	document_put_member(text, "stopped", json_boolean(report->is_stopped));
	document_put_time(text, "seconds", report->nanoseconds, 1e9);
	document_put_time(text, "pause_ms", report->pause, 1e6);
	document_put_member(text, "file_bytes", json_integer((json_int_t)report->file_bytes));
	document_put_member(text, "memory_bytes", json_integer((json_int_t)report->kept));
	document_put_member(text, "zero_bytes", json_integer((json_int_t)report->zeros));
	document_put_member(text, "unread_bytes", json_integer((json_int_t)report->unread));
	document_put_member(text, "left_out_bytes", json_integer((json_int_t)report->left_out));
	text_put(text, "}\n");
}
