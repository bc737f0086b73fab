/*
 * Following an edge waits for memory: for the marks of the block that it leads to. So edges are
 * gathered, their marks are fetched, and only then they are entered.
 */
#include "heap/flood.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GATHERED 64	    /* edges whose marks are on their way */
#define AHEAD 8		    /* blocks of a list whose rows are on their way */
#define ROOM_LEAST 1024	    /* of a list */
#define BLOCKS_PER_PLACE 64 /* of a heap, for each place in a list */
#define MANY 16384	    /* blocks, for which a crew is called */
#define LIST_SHARE 1024	    /* blocks of a list that a worker takes at once */
#define WORDS_SHARE 1024    /* of bits */

static size_t words_of(const struct flood *flood)
{
	return flood->graph->index->n / 64 + 1;
}

static int front_init(struct flood_front *front, const struct flood *flood)
{
	*front = (struct flood_front){.n = 0};
	front->list = malloc(flood->room * sizeof(*front->list));
	front->bits = calloc(words_of(flood), sizeof(*front->bits));
	return front->list && front->bits ? 0 : -ENOMEM;
}

int flood_init(struct flood *flood)
{
	int r, s;

	flood->level = 0;
	flood->room = ROOM_LEAST + flood->graph->index->n / BLOCKS_PER_PLACE;
	memset(flood->nnext, 0, sizeof(flood->nnext));
	flood->has_bits = false;
	r = front_init(&flood->now, flood);
	s = front_init(&flood->next, flood);
	if (r == 0 && s == 0)
		return 0;
	flood_fini(flood);
	return -ENOMEM;
}

void flood_fini(struct flood *flood)
{
	struct flood_front *fronts[] = {&flood->now, &flood->next};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fronts); i++) {
		free(fronts[i]->list);
		free(fronts[i]->bits);
		*fronts[i] = (struct flood_front){.n = 0};
	}
}

static void set_bit(struct flood_front *front, uint32_t block)
{
	atomic_fetch_or_explicit(&front->bits[block / 64], UINT64_C(1) << (block % 64),
				 memory_order_relaxed);
}

/* What is in the list goes to the bits. */
static void make_dense(struct flood_front *front, const uint32_t *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		set_bit(front, list[i]);
	front->is_dense = true;
}

void flood_push(struct flood *flood, uint32_t block)
{
	struct flood_front *now = &flood->now;

	if (!now->is_dense && now->n < flood->room) {
		now->list[now->n++] = block;
		return;
	}
	if (!now->is_dense) {
		make_dense(now, now->list, now->n);
		now->n = 0;
	}
	set_bit(now, block);
}

/*
 * One worker, or the only one.
 */

struct worker {
	struct flood *flood;
	uint32_t *list; /* its part of the next one */
	size_t room, n;
	uint32_t from[GATHERED], edges[GATHERED];
	unsigned ngathered;
};

/* Not by an initializer: it would clear what need not be, for each of millions of small floods. */
static void worker_init(struct worker *worker, struct flood *flood, uint32_t *list, size_t room)
{
	worker->flood = flood;
	worker->list = list;
	worker->room = room;
	worker->n = 0;
	worker->ngathered = 0;
}

static void go_on_from(struct worker *worker, uint32_t block)
{
	if (worker->n < worker->room) {
		worker->list[worker->n++] = block;
		return;
	}
	set_bit(&worker->flood->next, block);
	atomic_store_explicit(&worker->flood->has_bits, true, memory_order_relaxed);
}

static void enter_gathered(struct worker *worker)
{
	struct flood *flood = worker->flood;
	unsigned i;

	for (i = 0; i < worker->ngathered; i++)
		if (flood->enter(flood->context, worker->from[i], worker->edges[i]))
			go_on_from(worker, edge_block(worker->edges[i]));
	worker->ngathered = 0;
}

static void follow(struct worker *worker, uint32_t block)
{
	const struct flood *flood = worker->flood;
	const struct edge_list row = edges_of(&flood->graph->edges, block);
	size_t i;

	for (i = 0; i < row.n; i++) {
		__builtin_prefetch((const char *)flood->marks +
				   (size_t)edge_block(row.edges[i]) * flood->mark_bytes);
		worker->from[worker->ngathered] = block;
		worker->edges[worker->ngathered++] = row.edges[i];
		if (worker->ngathered == GATHERED)
			enter_gathered(worker);
	}
}

static void prefetch_row(const struct edges *edges, uint32_t block)
{
	const struct edges_part *part = edges_part_of(edges, block);

	__builtin_prefetch(&part->begins[block - part->first]);
}

static void follow_list(struct worker *worker, size_t from, size_t to)
{
	const struct flood_front *now = &worker->flood->now;
	size_t i;

	for (i = from; i < to; i++) {
		if (i + AHEAD < to)
			prefetch_row(&worker->flood->graph->edges, now->list[i + AHEAD]);
		follow(worker, now->list[i]);
	}
}

static void follow_bits(struct worker *worker, size_t from, size_t to)
{
	struct flood_front *now = &worker->flood->now;
	size_t i;

	for (i = from; i < to; i++) {
		uint64_t bits = atomic_load_explicit(&now->bits[i], memory_order_relaxed);

		if (!bits)
			continue;
		atomic_store_explicit(&now->bits[i], 0, memory_order_relaxed);
		for (; bits; bits &= bits - 1)
			follow(worker, (uint32_t)(i * 64 + (unsigned)__builtin_ctzll(bits)));
	}
}

/* Takes shares of the level until there are none. */
static void follow_shares(struct worker *worker)
{
	struct flood *flood = worker->flood;
	bool is_dense = flood->now.is_dense;
	size_t all = is_dense ? words_of(flood) : flood->now.n;
	size_t share = is_dense ? WORDS_SHARE : LIST_SHARE, from;

	while ((from = atomic_fetch_add(&flood->taken, share)) < all) {
		size_t to = all - from < share ? all : from + share;

		if (is_dense)
			follow_bits(worker, from, to);
		else
			follow_list(worker, from, to);
	}
	enter_gathered(worker);
}

static void work(void *context, unsigned number)
{
	struct flood *flood = context;
	size_t room = flood->room / flood->crew->nworkers;
	struct worker worker;

	worker_init(&worker, flood, flood->next.list + number * room, room);
	follow_shares(&worker);
	flood->nnext[number] = worker.n;
}

static void work_alone(struct flood *flood)
{
	struct worker worker;

	worker_init(&worker, flood, flood->next.list, flood->room);
	follow_shares(&worker);
	flood->nnext[0] = worker.n;
}

/*
 * From level to level.
 */

/* The workers' parts of the next list become one list, or bits if any of it is. */
static void join_next(struct flood *flood, unsigned nworkers)
{
	struct flood_front *next = &flood->next;
	size_t room = flood->room / nworkers;
	unsigned i;

	next->n = 0;
	next->is_dense = flood->has_bits;
	for (i = 0; i < nworkers; i++) {
		uint32_t *part = next->list + i * room;

		if (next->is_dense)
			make_dense(next, part, flood->nnext[i]);
		else
			memmove(next->list + next->n, part, flood->nnext[i] * sizeof(*part));
		next->n += next->is_dense ? 0 : flood->nnext[i];
	}
	flood->has_bits = false;
}

static void run_level(struct flood *flood)
{
	bool is_large = flood->now.is_dense || flood->now.n >= MANY;
	bool with_crew = is_large && flood->crew && flood->crew->nworkers > 1;
	struct flood_front done;

	flood->taken = 0;
	if (with_crew)
		crew_run(flood->crew, work, flood);
	else
		work_alone(flood);
	join_next(flood, with_crew ? flood->crew->nworkers : 1);
	done = flood->now;
	flood->now = flood->next;
	flood->next = done;
	flood->next.n = 0;
	flood->next.is_dense = false;
	flood->level++;
}

void flood_run(struct flood *flood)
{
	flood->level = 0;
	while (flood->now.n > 0 || flood->now.is_dense)
		run_level(flood);
}

/* What did not fit into the list is the next level. */
static void take_overflow(struct flood *flood)
{
	struct flood_front done = flood->now;

	if (!flood->has_bits)
		return;
	flood->has_bits = false;
	flood->now = flood->next;
	flood->now.is_dense = true;
	flood->next = done;
}

/* What was entered last goes on first, as long as it is a list; then it goes on as a level. */
void flood_drain(struct flood *flood)
{
	struct flood_front *now = &flood->now;
	struct worker worker;

	while (now->n > 0 || now->is_dense) {
		if (now->is_dense) {
			run_level(flood);
			continue;
		}
		/* New ones go behind those that are there, until there is no more room. */
		worker_init(&worker, flood, now->list, flood->room);
		worker.n = now->n;
		while (worker.n > 0) {
			while (worker.n > 0)
				follow(&worker, worker.list[--worker.n]);
			enter_gathered(&worker);
		}
		now->n = 0;
		take_overflow(flood);
	}
}
