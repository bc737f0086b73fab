#include "session.h"

#include "generator.h"

#include "base/error.h"
#include "base/list.h"

#include <errno.h>
#include <stdio.h>

/* Fills the process with VMAs, many requests at a time, and the model as well. */
static int make_crowd(struct session *session, size_t vmas)
{
	struct model_request requests[RING_ENTRIES];
	struct model_result results[RING_ENTRIES], said;
	size_t at_start = session->model.vmas.count, i = 0, j, n;
	int r;

	do {
		for (n = 0; n < ARRAY_SIZE(requests); n++, i++) {
			if (!generator_crowd(i, at_start, vmas, &requests[n]))
				break;
		}
		r = world_do_many(session->world, requests, n, results);
		for (j = 0; j < n && r == 0; j++) {
			said = model_do(&session->model, &requests[j]);
			if (!trace_same_result(&results[j], &said, false))
				r = -EUCLEAN;
		}
	} while (n == ARRAY_SIZE(requests) && r == 0);
	return r;
}

int session_begin(struct session *session, struct world *world, const struct host *host,
		  const struct beginning *beginning, struct error *err)
{
	int r = world_start(world, host, &beginning->setting, err);

	if (r < 0)
		return r;
	session->world = world;
	r = world_model(world, &session->model, err);
	if (r < 0) {
		world_stop(world);
		return r;
	}
	compare_init(&session->compare, world, &session->model);
	if (beginning->crowd) {
		session->compare.whole_every = CROWD_WHOLE_EVERY;
		session->compare.flags_every = 0;
		r = make_crowd(session, beginning->vmas);
		if (r < 0) {
			session_end(session);
			return fail(err, -r, "%zu VMAs could not be made", beginning->vmas);
		}
	}
	return 0;
}

void session_end(struct session *session)
{
	world_stop(session->world);
	compare_fini(&session->compare);
	model_fini(&session->model);
}

static int begin_trace(struct session *session, struct trace *trace)
{
	if (!trace)
		return 0;
	session->compare.trace = trace;
	return model_copy(&session->model, &trace->beginning);
}

static void describe(const struct compare *compare, struct failure *failure)
{
	const struct model_request *request =
		&failure->requests.items[failure->requests.nitems - 1];
	FILE *stream = fmemopen(failure->what, sizeof(failure->what), "w");

	if (!stream)
		return;
	fputs("# ", stream);
	compare_print(compare, request, failure->check, stream);
	fclose(stream);
}

static int run(struct session *session, const struct profile *profile, uint64_t seed,
	       struct failure *ret, uint64_t *vmas_seen)
{
	struct generator generator = {
		.random = {seed},
		.profile = profile,
		.model = &session->model,
		.seen = &session->compare.kernel,
		.keep_start = RING_ADDRESS,
		.keep_end = session->world->program_end,
		.set_mm = session->world->host->set_mm,
		.random_32bit = ret->beginning.setting.aslr,
	};
	struct requests *requests = &ret->requests;
	unsigned i;

	ret->check = CHECK_SAME;
	for (i = 0; i < profile->requests && ret->check == CHECK_SAME; i++) {
		if (list_reserve(&requests->items, &requests->items_room, i, 1) < 0)
			return -ENOMEM;
		generator_next(&generator, &requests->items[i]);
		ret->check = compare_step(&session->compare, &requests->items[i]);
		requests->nitems = i + 1;
		*vmas_seen += session->model.vmas.count;
	}
	if (ret->check != CHECK_SAME)
		describe(&session->compare, ret);
	return 0;
}

int session_random(struct world *world, const struct host *host, const struct profile *profile,
		   uint64_t seed, struct trace *trace, struct failure *ret, uint64_t *vmas_seen,
		   struct error *err)
{
	struct session session;
	int r;

	ret->beginning = (struct beginning){.setting = profile_setting(profile),
					    .crowd = profile->crowd,
					    .vmas = host->machine.max_map_count - seed % 8};
	ret->requests.nitems = 0;
	r = session_begin(&session, world, host, &ret->beginning, err);
	if (r < 0)
		return r;
	r = begin_trace(&session, trace);
	if (r == 0)
		r = run(&session, profile, seed, ret, vmas_seen);
	session_end(&session);
	return r < 0 ? fail(err, -r, "no memory for a run") : 0;
}
