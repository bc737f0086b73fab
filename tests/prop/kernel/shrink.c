#include "shrink.h"

#include "generator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MOST_TRIALS 3000

struct shrinker {
	struct world *world;
	const struct host *host;
	struct failure *failure;
	enum model_call call; /* the one that went wrong */
	struct model_request *trial;
	size_t ntrial;
	unsigned trials;
};

/* How many requests until it goes wrong in the same way; 0: it does not. */
static size_t play(struct shrinker *s, const struct model_request *requests, size_t n)
{
	enum check check = CHECK_SAME;
	struct session session;
	size_t i;

	s->trials++;
	if (session_begin(&session, s->world, s->host, &s->failure->beginning, NULL) < 0)
		return 0;
	/* A hidden difference shows where it begins only if it is looked for each time. */
	session.compare.flags_every = s->failure->check == CHECK_FLAGS;
	for (i = 0; i < n && check == CHECK_SAME; i++)
		check = compare_step(&session.compare, &requests[i]);
	session_end(&session);
	return check == s->failure->check && requests[i - 1].call == s->call ? i : 0;
}

static void accept(struct shrinker *s, size_t n)
{
	struct requests *requests = &s->failure->requests;

	memcpy(requests->items, s->trial, n * sizeof(*s->trial));
	requests->nitems = n;
}

static bool try_trial(struct shrinker *s)
{
	size_t n = s->trials < MOST_TRIALS && s->ntrial ? play(s, s->trial, s->ntrial) : 0;

	if (n)
		accept(s, n);
	return n != 0;
}

static void copy_without(struct shrinker *s, size_t from, size_t to)
{
	const struct requests *requests = &s->failure->requests;
	size_t i;

	s->ntrial = 0;
	for (i = 0; i < requests->nitems; i++) {
		if (i < from || i >= to)
			s->trial[s->ntrial++] = requests->items[i];
	}
}

/* Leaves out ever smaller parts, until no single request can be missed. */
static void leave_out(struct shrinker *s)
{
	struct requests *requests = &s->failure->requests;
	size_t size = requests->nitems / 2, from;

	while (size) {
		bool smaller = false;

		/* From the end: what comes late depends on more. */
		for (from = requests->nitems - 1; from > 0;) {
			size_t start = from > size ? from - size : 0;

			copy_without(s, start, from);
			if (try_trial(s))
				smaller = true;
			from = min_u64(start, requests->nitems - 1);
		}
		if (size == 1 && smaller)
			continue;
		size /= 2;
	}
}

static bool try_argument(struct shrinker *s, size_t i, unsigned argument, uint64_t value)
{
	if (s->failure->requests.items[i].arg[argument] == value)
		return false;
	copy_without(s, 0, 0);
	s->trial[i].arg[argument] = value;
	return try_trial(s);
}

static void make_plainer(struct shrinker *s, size_t i)
{
	const struct model_request *request = &s->failure->requests.items[i];
	uint64_t bit;

	switch (request->call) {
	case CALL_MMAP:
		try_argument(s, i, 1, MODEL_PAGE);
		try_argument(s, i, 2, PROT_READ | PROT_WRITE);
		for (bit = MAP_32BIT; bit <= MAP_FIXED_NOREPLACE; bit <<= 1) {
			if (i < s->failure->requests.nitems && (request->arg[3] & bit))
				try_argument(s, i, 3, request->arg[3] & ~bit);
		}
		try_argument(s, i, 5, 0);
		break;
	case CALL_MREMAP:
		try_argument(s, i, 1, MODEL_PAGE);
		try_argument(s, i, 2, MODEL_PAGE);
		break;
	case CALL_MPROTECT:
		try_argument(s, i, 1, MODEL_PAGE);
		try_argument(s, i, 2, PROT_READ | PROT_WRITE);
		break;
	case CALL_MUNMAP:
	case CALL_MADVISE:
	case CALL_MLOCK:
	case CALL_MLOCK2:
	case CALL_MUNLOCK:
	case CALL_MSEAL:
		try_argument(s, i, 1, MODEL_PAGE);
		break;
	default:
		break;
	}
	if (i < s->failure->requests.nitems && request->arg[0] % MODEL_PAGE != 0)
		try_argument(s, i, 0, request->arg[0] & ~(MODEL_PAGE - 1));
}

/* Addresses near each other move together. */
static void move_near(struct shrinker *s, uint64_t from, uint64_t to)
{
	const uint64_t near = UINT64_C(1) << 24;
	size_t i;

	copy_without(s, 0, 0);
	for (i = 0; i < s->ntrial; i++) {
		uint64_t *arg = s->trial[i].arg;

		if (arg[0] - from < near)
			arg[0] = arg[0] - from + to;
		if (s->trial[i].call == CALL_MREMAP && arg[4] - from < near)
			arg[4] = arg[4] - from + to;
	}
	try_trial(s);
}

static void move_addresses(struct shrinker *s)
{
	size_t i, moved = 0;

	for (i = 0; i < s->failure->requests.nitems; i++) {
		uint64_t addr = s->failure->requests.items[i].arg[0] & ~UINT64_C(0xffffff);

		if (addr > ARENA && addr < s->world->ring->mm.start_stack - (UINT64_C(1) << 32))
			move_near(s, addr, ARENA + ++moved * (UINT64_C(1) << 24));
	}
}

bool shrink(struct world *world, const struct host *host, struct failure *failure)
{
	struct requests *requests = &failure->requests;
	struct shrinker s = {.world = world, .host = host, .failure = failure};
	size_t i, n;

	s.call = requests->items[requests->nitems - 1].call;
	s.trial = calloc(requests->nitems, sizeof(*s.trial));
	if (!s.trial)
		return false;
	/* Hidden differences are found late: the request that made one may be another. */
	if (failure->check == CHECK_FLAGS) {
		unsigned call;

		for (call = 0, n = 0; call < NCALLS && !n; call++) {
			s.call = (enum model_call)call;
			n = play(&s, requests->items, requests->nitems);
		}
	} else {
		n = play(&s, requests->items, requests->nitems);
	}
	if (n) {
		requests->nitems = n;
		leave_out(&s);
		for (i = 0; i < requests->nitems; i++)
			make_plainer(&s, i);
		move_addresses(&s);
		leave_out(&s);
	}
	free(s.trial);
	return n != 0;
}

void shrink_print(struct world *world, const struct host *host, const struct failure *failure,
		  FILE *stream)
{
	const struct requests *requests = &failure->requests;
	enum check check = CHECK_SAME;
	struct session session;
	char text[256];
	size_t i;

	fprintf(stream, "# setting: %s\n",
		setting_text(&failure->beginning.setting, text, sizeof(text)));
	if (failure->beginning.crowd)
		fprintf(stream, "# crowd: %zu\n", failure->beginning.vmas);
	if (session_begin(&session, world, host, &failure->beginning, NULL) < 0)
		return;
	session.compare.flags_every = failure->check == CHECK_FLAGS;
	for (i = 0; i < requests->nitems && check == CHECK_SAME; i++) {
		check = compare_step(&session.compare, &requests->items[i]);
		compare_print(&session.compare, &requests->items[i], check, stream);
	}
	session_end(&session);
}
