/*
 * The state of a libplat-malloc of any form, in a memory that begins with its header. All that is
 * found must add up, and be in order.
 */
#include "fuzz.h"

#include "base/assert.h"
#include "heap/own.h"
#include "heap/own_profile.h"
#include "heap/survey.h"

#define BASE UINT64_C(0x40000000) /* as in unit/own.c, where the corpus comes from */

struct sums {
	plat_addr last;
	uint64_t held, live;
};

static int take_block(void *context, const struct block *block)
{
	struct sums *sums = context;

	must(block->state < NBLOCK_STATES);
	must(block->size <= block->extent || block->state == BLOCK_LIVE);
	if (block->state == BLOCK_LIVE)
		sums->live += block->size;
	sums->last = block->address;
	return 0;
}

static int take_range(void *context, plat_addr start, plat_addr end)
{
	struct sums *sums = context;

	must(start <= end);
	sums->held = add_capped(sums->held, end - start);
	return 0;
}

/* Seen together with pages, some of which are in memory, it adds up to the same. */
static void look_at_pages(struct own *own)
{
	struct heap_run run = {BASE, UINT64_MAX / 3};
	const struct heap_runs runs = {&run, 1, 1};
	struct survey survey;
	struct space space;

	space_init(&space);
	space.machine.page_size = 4096;
	survey_init(&survey, &space, &runs, 5);
	must(survey_walk(&survey, &own->reading, NULL) == 0);
	must(survey_held(&survey.all) == own->reading.sums.held);
	must(survey_resident(&survey.all) <= survey_held(&survey.all));
	must(survey.occupied + survey.idle == own->reading.sums.held);
	survey_fini(&survey);
	space_fini(&space);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct array array = array_at(BASE, data, size);
	struct sums sums = {0};
	const struct heap_visitor visitor = {
		.block = take_block,
		.range = take_range,
		.context = &sums,
		.states = (1u << NBLOCK_STATES) - 1,
	};
	struct own_profile profile;
	struct error err;
	struct own own;

	if (own_open(&array.reader, BASE, &own, &err) < 0)
		return 0;
	must(own_walk(&own, &visitor) == 0);
	must(own.reading.sums.live_bytes == sums.live || own.reading.sums.live_bytes == UINT64_MAX);
	must(own.reading.sums.held == sums.held);
	look_at_pages(&own);
	if (own_profile_read(&own, &profile, &err) == 0)
		own_profile_fini(&profile);
	own_close(&own);
	return 0;
}
