/*
 * The reader of plat's malloc against a worker's own list of what it has.
 *
 *	heap-reader [--seed N] [--workers N] [--rounds N] [--threads N] WORKER LIBRARY
 *
 * WORKER runs on LIBRARY.
 */
#include "judge.h"

#include "heap/own.h"

#include <stdlib.h>
#include <string.h>

static void find(struct judge *judge)
{
	uint32_t i;

	for (i = 0; i < judge->space.nmodules; i++)
		if (own_find(&judge->content.reader, &judge->space.modules[i], &judge->state) == 0)
			return;
	wrong(judge, "the worker does not run on plat's malloc");
}

static void look(struct judge *judge, const struct heap_visitor *visitor, struct look *ret)
{
	struct error err;
	struct own own;
	int r = own_open(judge->reader, judge->state, &own, &err);

	if (r < 0)
		wrong(judge, "%s", err.text);
	r = own_walk(&own, visitor);
	if (r < 0)
		wrong(judge, "the walk fails: %s", strerror(-r));
	ret->sums = own.reading.sums;
	ret->proofs = own.reading.proofs;
	own_close(&own);
}

int main(int argc, char **argv)
{
	const struct subject subject = {.find = find, .look = look};

	return judge_main(&subject, argc, argv);
}
