#include "corner.h"

#include "session.h"

#include "base/error.h"
#include "base/text.h"
#include "model/script.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct player {
	struct session session;
	struct script script;
	struct trace *trace;
	bool show;
	const char *path;
	struct error *why;
};

static int wrong(struct player *player, const char *format, ...) PRINTF_LIKE(2, 3);

static int wrong(struct player *player, const char *format, ...)
{
	char text[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return fail(player->why, -EUCLEAN, "%s:%u: %s", player->path, player->script.number, text);
}

/*
 * The beginning.
 */

static const char *missing(const char *needs, const struct host *host)
{
	const struct {
		const char *word, *why;
	} known[] = {
		{"root", host->is_root ? NULL : "root is needed"},
		{"child32", host->why_no_child32},
		{"noexec", host->why_no_noexec},
		{"set_mm", host->why_no_set_mm},
		{"keys", host->machine.protection_keys ? NULL : "no protection keys"},
		{"overcommit 0",
		 host->machine.overcommit_mode == 0 ? NULL : "vm.overcommit_memory is not 0"},
		{"huge disk", host->files[HOST_DISK].huge_aligned
				      ? NULL
				      : "no file system that places for huge pages"},
		{"Linux 6.17", host->machine.version >= VERSION(6, 17) ? NULL : "an older kernel"},
		{"hidden floor", host->machine.lowest_hint > host->machine.mmap_min_addr
					 ? NULL
					 : "no security module raises vm.mmap_min_addr"},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (strstr(needs, known[i].word) && known[i].why)
			return known[i].why;
	}
	return NULL;
}

static int read_beginning(FILE *file, const struct host *host, struct beginning *beginning,
			  struct error *why)
{
	char line[512];
	int r = 0;

	*beginning = (struct beginning){.setting = setting_plain()};
	while (r == 0 && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "# setting:", 10) == 0) {
			r = setting_parse(line + 10, &beginning->setting, why);
		} else if (strncmp(line, "# crowd:", 8) == 0) {
			beginning->crowd = true;
			beginning->vmas = host->machine.max_map_count + strtoul(line + 8, NULL, 10);
		} else if (strncmp(line, "# needs:", 8) == 0 && missing(line + 8, host)) {
			return fail(why, -ENOTSUP, "%s", missing(line + 8, host));
		}
	}
	rewind(file);
	if (beginning->setting.bits == 32 && host->child32 < 0)
		return fail(why, -ENOTSUP, "%s", host->why_no_child32);
	return r;
}

/*
 * Lines.
 */

static int do_call(struct player *player, const struct script_line *line)
{
	struct compare *compare = &player->session.compare;
	struct text text = TEXT_EMPTY, real = TEXT_EMPTY, said = TEXT_EMPTY;
	enum check check = compare_step(compare, &line->request);
	int r = 0;

	script_put_request(&text, &line->request);
	script_put_result(&real, &line->request, &compare->real);
	script_put_result(&said, &line->request, &compare->said);
	if (player->show)
		printf("%s = %s\n", text_string(&text), text_string(&real));
	if (check != CHECK_SAME && player->show)
		compare_explain(compare, check, stdout);
	if (check != CHECK_SAME)
		r = wrong(player, "%s: the kernel says %s, the model %s (%s): %s",
			  check_name(check), text_string(&real), text_string(&said),
			  rule_name(compare->said.refused), text_string(&text));
	else if (line->wanted == WANTED_RESULT &&
		 !trace_same_result(&compare->real, &line->result, false))
		r = wrong(player, "kernel and model say %s: %s", text_string(&real),
			  text_string(&text));
	else if (line->wanted == WANTED_NAME)
		r = script_name(&player->script, line->name, (uint64_t)compare->real.value);
	text_fini(&text);
	text_fini(&real);
	text_fini(&said);
	return r;
}

static int do_line(struct player *player, const struct script_line *line)
{
	const struct model *model = &player->session.model;

	switch (line->type) {
	case SCRIPT_NOTHING:
		return 0;
	case SCRIPT_CALL:
		return do_call(player, line);
	case SCRIPT_REMEMBER:
		if (line->counter == COUNTER_NONE)
			return 0;
		return script_name(&player->script, line->name,
				   script_counter(model, line->counter));
	case SCRIPT_EXPECT_VMA:
	case SCRIPT_EXPECT_FREE:
	case SCRIPT_EXPECT_COUNTER:
		/* The kernel has what the model has: they were compared after the last call. */
		return script_holds(model, line) ? 0 : wrong(player, "this is not so");
	default:
		return wrong(player, "this cannot be asked of a kernel");
	}
}

static int play(struct player *player, FILE *file)
{
	char text[1024];
	int r = script_name_all(&player->script, &player->session.model);

	while (r == 0 && fgets(text, sizeof(text), file)) {
		struct script_line line;

		r = script_parse(&player->script, text, strlen(text), &line, player->why);
		if (r == 0)
			r = do_line(player, &line);
	}
	return r;
}

static int run(struct player *player, struct world *world, const struct host *host, FILE *file)
{
	struct beginning beginning;
	int r = read_beginning(file, host, &beginning, player->why);

	if (r < 0)
		return r;
	r = session_begin(&player->session, world, host, &beginning, player->why);
	if (r < 0)
		return r;
	if (!beginning.crowd)
		player->session.compare.flags_every = 1;
	player->session.compare.trace = player->trace;
	if (player->trace)
		r = model_copy(&player->session.model, &player->trace->beginning);
	if (r == 0)
		r = play(player, file);
	session_end(&player->session);
	return r;
}

enum corner corner_run(struct world *world, const struct host *host, const char *path,
		       struct trace *trace, bool show, struct error *why)
{
	struct player player = {
		.script = SCRIPT_EMPTY, .trace = trace, .show = show, .path = path, .why = why};
	FILE *file = fopen(path, "re");
	int r;

	if (!file) {
		r = fail(why, errno, "%s: cannot open it", path);
		return CORNER_FAILS;
	}
	r = run(&player, world, host, file);
	script_fini(&player.script);
	fclose(file);
	if (r == 0)
		return CORNER_AGREES;
	return r == -ENOTSUP ? CORNER_SKIPPED : CORNER_FAILS;
}
