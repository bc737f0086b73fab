#include "cli/leaks_since.h"

#include "cli/heap_look.h"
#include "cli/report.h"

#include <string.h>

/* A PID can be given again; a time of beginning is not, as far as it is known. */
static bool is_same(const struct space *space, const struct space *earlier)
{
	uint64_t now = space->process.start_time, then = earlier->process.start_time;

	return space->process.pid == earlier->process.pid &&
	       (now == UNKNOWN || then == UNKNOWN || now == 0 || then == 0 || now == then);
}

static int walk(const struct heaps *heaps, unsigned word, struct block_index *ret)
{
	struct blocks blocks;
	const struct heap_visitor visitor = {
		.block = blocks_take, .context = &blocks, .states = 1u << BLOCK_LIVE};
	size_t i;
	int r = blocks_init(&blocks, word);

	for (i = 0; r == 0 && i < heaps->n; i++)
		r = heap_walk(heaps->readings[i], &visitor);
	if (r == 0)
		r = blocks_finish(&blocks, ret);
	blocks_fini(&blocks);
	return r;
}

static int read_blocks(const struct leaks_wish *wish, struct target *target,
		       struct block_index *ret)
{
	struct heap_look look;
	struct error err;
	int code = 0, r;

	if (heap_look_open(&target->dir, &target->space, target->freeze, &look, &err) < 0)
		return look_error(wish->command, "%s: %s", target->name, err.text);
	if (look.heaps.n == 0) {
		code = look_error(wish->command, "%s: %s", target->name, look.heaps.why.text);
	} else {
		r = walk(&look.heaps, target->space.process.bits == 32 ? 4 : 8, ret);
		if (r < 0)
			code = look_error(wish->command, "%s: %s", target->name, strerror(-r));
	}
	heap_look_close(&look);
	return code;
}

int leaks_since_load(const struct leaks_wish *wish, const struct space *space,
		     struct block_index *ret)
{
	const struct options options = {.command = wish->command};
	struct target target;
	int code = target_open(&options, wish->since, 0, &target);

	if (code)
		return code;
	freeze_end(target.freeze);
	if (!procdir_is_file(&target.dir))
		code = usage_error(wish->command, "%s: --since takes a snapshot or a core",
				   wish->since);
	else if (!is_same(space, &target.space))
		code = look_error(wish->command, "%s: it is of another process than %d",
				  target.name, space->process.pid);
	else
		code = read_blocks(wish, &target, ret);
	target_close(&target);
	return code;
}
