/*
 * plat map -- COMMAND: the address space of a command that we start ourselves, at its end and at
 * its peak; and, with settings, the layouts of two runs beside each other.
 *
 * Nothing is written before the last run has ended: the terminal is the command's until then.
 */
#include "cli/map.h"

#include "cli/commands.h"
#include "cli/report.h"
#include "source/launch.h"
#include "view/picture.h"
#include "view/units.h"

#include <stdio.h>
#include <string.h>

#define SENTENCE 256

/* Our own failure must not hide the command's, nor pass for its success. */
static int status_with(const struct launched *launched, int code)
{
	int status = launched_status(launched);

	return status == 0 && code >= EXIT_NO_LOOK ? code : status;
}

static void describe_end(const struct launched *launched, char *to, size_t size)
{
	if (launched->signal)
		snprintf(to, size, "ended by signal %d, %s%s", launched->signal,
			 strsignal(launched->signal), launched->dumped ? ", with a core file" : "");
	else
		snprintf(to, size, "exit status %d", launched->exit_status);
}

static uint64_t known(uint64_t figure)
{
	return figure == UNKNOWN ? 0 : figure;
}

/* VmHWM is the kernel's, and does not miss a peak between two samples. It may sink a little. */
static uint64_t highest(const struct launched *launched)
{
	uint64_t at_peak = launched->has_peak ? launched->peak.figures[VM_HWM] : 0;

	return max_u64(known(launched->end.figures[VM_HWM]), known(at_peak));
}

static bool is_missed(const struct launched *launched, const struct space *space)
{
	uint64_t rss = known(space->figures[VM_RSS]);

	return highest(launched) > rss + rss / 32;
}

static void describe_capture(const struct request *request, const struct launched *launched,
			     const struct space *space, char *to, size_t size)
{
	const struct space *best = launched->has_peak ? &launched->peak : &launched->end;
	char seen[UNITS_SIZE], most[UNITS_SIZE];

	snprintf(to, size, "captured at %s, VmHWM %s%s",
		 units_size(space->figures[VM_RSS], request->options->paint.bytes, seen),
		 units_size(highest(launched), request->options->paint.bytes, most),
		 is_missed(launched, best) ? ": its peak was too short to be seen" : "");
}

static void put_heading(const struct request *request, const char *sentence)
{
	struct text text = text_to_stream(stdout);
	struct line line = line_begin(&text, &request->options->paint);

	line_wrap(&line, STYLE_BOLD, sentence, 2);
	line_end(&line);
	finish_text(&text, 0); /* the picture behind it meets the same error, and says so */
}

static int show_peak(const struct request *request, const struct launched *launched)
{
	char capture[SENTENCE], sentence[2 * SENTENCE];

	describe_capture(request, launched, &launched->peak, capture, sizeof(capture));
	snprintf(sentence, sizeof(sentence), "At its peak: %s", capture);
	put_heading(request, sentence);
	return map_show(request, &launched->peak);
}

static int show_end(const struct request *request, const struct launched *launched)
{
	char capture[SENTENCE], end[SENTENCE], sentence[3 * SENTENCE + sizeof(launched->why.text)];
	bool caught = !launched->why.text[0];
	bool is_peak = caught && !launched->has_peak && !is_missed(launched, &launched->end);

	describe_capture(request, launched, &launched->end, capture, sizeof(capture));
	describe_end(launched, end, sizeof(end));
	snprintf(sentence, sizeof(sentence), "%s%s: %s; %s%s%s",
		 caught ? "At its end" : "Before its end", is_peak ? ", which is its peak" : "",
		 end, capture, caught ? "" : "; the end was not caught: ", launched->why.text);
	put_heading(request, sentence);
	return map_show(request, &launched->end);
}

static int show_pictures(const struct request *request, const struct launched *launched)
{
	int code = EXIT_FINE;

	if (launched->has_peak && request->at != AT_END)
		code = show_peak(request, launched);
	if (launched->has_peak && request->at == AT_PEAK)
		return code;
	if (launched->has_peak && request->at == AT_BOTH)
		putchar('\n');
	return worse_of(code, show_end(request, launched));
}

/* The one that tables, documents and drawings show. */
static const struct space *chosen(const struct request *request, const struct launched *launched,
				  struct json_command *said)
{
	bool is_peak = request->at == AT_PEAK;

	said->at = is_peak ? "peak" : launched->why.text[0] ? "sample" : "end";
	said->exit_status = launched->exit_status;
	said->signal = launched->signal;
	return is_peak && launched->has_peak ? &launched->peak : &launched->end;
}

/* What a picture says in its heading, for a table or a drawing. JSON has it in its members. */
static void remark(const struct request *request, const struct launched *launched,
		   const struct space *space)
{
	char capture[SENTENCE];

	if (launched->why.text[0])
		look_error(&map_command, "shown as it was before its end, which was not caught: %s",
			   launched->why.text);
	if (request->at != AT_PEAK || request->form == FORM_JSON)
		return;
	describe_capture(request, launched, space, capture, sizeof(capture));
	look_error(&map_command, "%d: %s", space->process.pid, capture);
}

static int show_chosen(const struct request *request, const struct launched *launched)
{
	struct json_command said;
	struct request with = *request;
	const struct space *space = chosen(request, launched, &said);

	with.command = &said;
	remark(request, launched, space);
	return map_show(&with, space);
}

/*
 * Runs the command. 0, and *ret is the caller's if there is something to show; else the exit code,
 * after a complaint.
 */
static int run_once(const struct request *request, char **argv, unsigned settings,
		    struct launched *ret)
{
	const struct launch launch = {
		.argv = argv,
		.settings = settings,
		.stack = request->stack,
		.want = map_wants(request),
	};
	struct error err;
	int code;

	if (launch_run(&launch, ret, &err) < 0)
		return look_error(&map_command, "%s", err.text);
	if (ret->state != SPAWN_RUNS) {
		look_error(&map_command, "%s", err.text);
	} else if (!ret->has_end) {
		look_error(&map_command, "%s: could not be looked at: %s", argv[0], ret->why.text);
	} else {
		/* It stood still because we held it there: that is nothing to tell. */
		ret->end.process.state = '\0';
		return 0;
	}
	code = status_with(ret, EXIT_NO_LOOK);
	launched_fini(ret);
	return code;
}

static int run_alone(const struct request *request, char **argv)
{
	struct launched launched;
	int code = run_once(request, argv, 0, &launched);

	if (code)
		return code;
	if (request->form == FORM_PICTURE)
		code = show_pictures(request, &launched);
	else
		code = show_chosen(request, &launched);
	code = status_with(&launched, code);
	launched_fini(&launched);
	return code;
}

static void name_settings(const struct request *request, char *to, size_t size)
{
	snprintf(to, size, "with%s%s%s%s", request->settings & SPAWN_LEGACY ? " --legacy" : "",
		 request->settings & SPAWN_NO_ASLR ? " --no-aslr" : "",
		 request->settings & SPAWN_STACK ? " --stack " : "",
		 request->settings & SPAWN_STACK ? request->stack_text : "");
}

static int show_pair_picture(const struct request *request, const struct space *without,
			     const struct space *with)
{
	struct text text = text_to_stream(stdout);
	char title[SENTENCE];

	name_settings(request, title, sizeof(title));
	picture_draw_pair(without, "as it is", with, title, &request->options->paint, &text);
	return finish_output(&map_command, &text, 0);
}

static int show_pair_lists(const struct request *request, const struct launched *without,
			   const struct launched *with)
{
	char title[SENTENCE];
	int code;

	name_settings(request, title, sizeof(title));
	printf("as it is:\n");
	code = show_chosen(request, without);
	printf("\n%s:\n", title);
	return worse_of(code, show_chosen(request, with));
}

static int show_pair_json(const struct request *request, const struct launched *without,
			  const struct launched *with)
{
	int code;

	printf("{\"schema\": 1,\n\"without\": ");
	code = show_chosen(request, without);
	printf(",\n\"with\": ");
	code = worse_of(code, show_chosen(request, with));
	printf("}\n");
	return code;
}

static int show_pair(const struct request *request, const struct launched *without,
		     const struct launched *with)
{
	struct json_command said;

	if (request->form == FORM_JSON)
		return show_pair_json(request, without, with);
	if (request->form == FORM_LIST)
		return show_pair_lists(request, without, with);
	return show_pair_picture(request, chosen(request, without, &said),
				 chosen(request, with, &said));
}

static int run_second(const struct request *request, char **argv, const struct launched *without)
{
	struct launched with;
	int code;

	if (without->interrupted) {
		look_error(&map_command, "interrupted: not run a second time");
		return launched_status(without);
	}
	code = run_once(request, argv, request->settings, &with);
	if (code)
		return code;
	code = status_with(&with, show_pair(request, without, &with));
	launched_fini(&with);
	return code;
}

static int run_twice(const struct request *request, char **argv)
{
	const struct launch launch = {.settings = request->settings, .stack = request->stack};
	struct launched without;
	struct error err;
	int code;

	if (launch_check(&launch, &err) < 0)
		return look_error(&map_command, "%s", err.text);
	code = run_once(request, argv, 0, &without);
	if (code)
		return code;
	code = run_second(request, argv, &without);
	launched_fini(&without);
	return code;
}

int map_command_run(const struct request *request, char **argv)
{
	return request->settings ? run_twice(request, argv) : run_alone(request, argv);
}
