/*
 * Words of roots are grouped by what they are called, and each group is an owner:
 *
 *     anchors  --names-->  keys, in order  -->  owners, each with its starts  -->  holdings
 *
 * Memory that nobody claims may have more words than all else; there an owner is a mapping, and its
 * words need not be known one by one.
 */
#include "cli/owner_look.h"

#include "base/list.h"
#include "cli/root_names.h"
#include "cli/type_names.h"
#include "heap/holdings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MOST (4u << 20) /* that are told apart; the rest is with its module or thread */
#define OWNERS_TOLD 65536     /* the rest of each kind is one */

#define BY_WORD (1u << ROOT_GLOBAL | 1u << ROOT_STACK | 1u << ROOT_REGISTER | 1u << ROOT_TLS)

struct owner_looking {
	const struct owner_wish *wish;
	struct target *target;
	struct graph_look look;
	struct anchors anchors;
	struct root_names names;
	struct types *types;
	uint16_t *type_of; /* of each block */
	char **type_names;
	struct owner_list *ret;
};

/* What is the same of all words of one owner. */
struct key {
	uint32_t rank; /* of the kind: what lasts is before what passes */
	uint32_t of;   /* a module, a thread, a region */
	plat_addr in;  /* a variable, a function */
	bool is_named; /* by that */
};

struct keyed {
	struct key key;
	struct anchor anchor; /* one of its words */
	uint32_t number;      /* of a block or a span */
	bool is_span;
};

struct keyed_list {
	struct keyed *list;
	size_t n, room;
};

/*
 * Keys.
 */

static const unsigned ranks[NROOT_KINDS] = {
	[ROOT_GLOBAL] = 0,   [ROOT_TLS] = 1,	   [ROOT_STACK] = 2,
	[ROOT_REGISTER] = 3, [ROOT_UNCLAIMED] = 4, [ROOT_UNKNOWN] = 5,
};

static struct key key_of(const struct owner_looking *looking, const struct anchor *anchor,
			 enum owner_sort sort)
{
	const struct roots *roots = &looking->look.roots;
	const struct root_origin *origin;
	struct key key = {.rank = ranks[ROOT_UNKNOWN]};
	struct holder holder;

	if (anchor->root == NO_ROOT)
		return key;
	origin = &roots->origins[roots->list[anchor->root].owner];
	key.rank = ranks[origin->kind];
	key.of = origin->kind == ROOT_GLOBAL	  ? origin->module
		 : origin->kind == ROOT_UNCLAIMED ? origin->region
						  : origin->thread;
	if (sort == OWNER_WHOLE) {
		/* All that a thread has is one. */
		if (origin->kind != ROOT_GLOBAL && origin->kind != ROOT_UNCLAIMED)
			key.rank = ranks[ROOT_TLS];
		return key;
	}
	if (anchor->at == UNKNOWN)
		return key;
	root_names_of(&looking->names, anchor, &holder);
	key.is_named = holder.symbol || holder.function;
	if (key.is_named)
		key.in = holder.symbol ? holder.start : holder.code;
	else if (origin->kind == ROOT_GLOBAL)
		key.in = origin->region;
	else if (origin->kind == ROOT_STACK)
		key.in = holder.frame != SIZE_MAX;
	return key;
}

static int compare_keys(const struct key *a, const struct key *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->of != b->of)
		return a->of < b->of ? -1 : 1;
	if (a->is_named != b->is_named)
		return a->is_named ? -1 : 1;
	return a->in < b->in ? -1 : a->in > b->in;
}

static int by_key(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;
	int r = compare_keys(&x->key, &y->key);

	if (r)
		return r;
	if (x->anchor.at != y->anchor.at)
		return x->anchor.at < y->anchor.at ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static int add_keyed(const struct owner_looking *looking, struct keyed_list *list,
		     const struct anchor *anchor, enum owner_sort sort, uint32_t number,
		     bool is_span)
{
	int r = list_reserve(&list->list, &list->room, list->n, 1);

	if (r == 0)
		list->list[list->n++] = (struct keyed){
			.key = key_of(looking, anchor, sort),
			.anchor = *anchor,
			.number = number,
			.is_span = is_span,
		};
	return r;
}

/* Whether a span's words are all among the anchors. */
static bool is_by_word(const struct owner_looking *looking, uint32_t root)
{
	const struct anchors *anchors = &looking->anchors;

	if (!(BY_WORD >> looking->look.roots.list[root].kind & 1))
		return false;
	/* Roots come in order: those before the last that was come to are whole. */
	return !anchors->is_cut || (anchors->n && root < anchors->list[anchors->n - 1].root);
}

static int gather(const struct owner_looking *looking, enum owner_sort sort, struct keyed_list *ret)
{
	const struct graph *graph = &looking->look.graph;
	const struct block_index *index = graph->index;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < looking->anchors.n; i++) {
		const struct anchor *anchor = &looking->anchors.list[i];

		r = add_keyed(looking, ret, anchor, sort, edge_block(anchor->edge), false);
	}
	for (i = 0; r == 0 && i < graph->nspans; i++) {
		const struct anchor anchor = {UNKNOWN, graph->spans[i].root, NO_EDGE};

		if (!is_by_word(looking, anchor.root) && edges_of(&graph->anchors, (uint32_t)i).n)
			r = add_keyed(looking, ret, &anchor, sort, (uint32_t)i, true);
	}
	for (i = 0; r == 0 && index->nunknown && i < index->n; i++) {
		const struct anchor anchor = {UNKNOWN, NO_ROOT, NO_EDGE};

		if (block_state_of(index, (uint32_t)i) == BLOCK_UNKNOWN)
			r = add_keyed(looking, ret, &anchor, sort, (uint32_t)i, false);
	}
	if (r == 0 && ret->n)
		qsort(ret->list, ret->n, sizeof(*ret->list), by_key);
	return r;
}

/*
 * Owners.
 */

static char *copy(const char *string, int *r)
{
	char *to = string && *string ? strdup(string) : NULL;

	if (string && *string && !to)
		*r = -ENOMEM;
	return to;
}

static int name_owner(const struct owner_looking *looking, const struct keyed *keyed,
		      enum owner_sort sort, struct owner *ret)
{
	char words[HOLDER_WORDS_SIZE];
	struct holder holder;
	int r = 0;

	root_names_of(&looking->names, &keyed->anchor, &holder);
	holder.is_whole = sort == OWNER_WHOLE;
	if (holder.is_whole)
		holder.symbol = holder.function = holder.part = NULL;
	ret->sort = sort;
	ret->kind = holder.kind;
	ret->tid = holder.tid;
	ret->words = copy(holder_words(&holder, HOLDER_SELF, false, words), &r);
	ret->role = copy(holder_words(&holder, HOLDER_ROLE, false, words), &r);
	ret->module = copy(holder.module, &r);
	ret->symbol = copy(holder.symbol, &r);
	ret->function = copy(holder.function, &r);
	ret->thread = copy(holder.thread, &r);
	return r;
}

/* Two functions, or variables, of one name are one. */
static struct owner *owner_for(const struct owner_looking *looking, struct owner_list *list,
			       size_t first, const struct keyed *keyed, enum owner_sort sort)
{
	struct owner *owner = owner_list_add(list);

	if (!owner)
		return NULL;
	if (name_owner(looking, keyed, sort, owner) < 0)
		return NULL;
	if (list->n - first > 1 && strcmp(owner[-1].words, owner->words) == 0) {
		owner_list_drop(list);
		return owner - 1;
	}
	return owner;
}

/* Gives each its number, and a start for each word. *nowners: they are the last of the list. */
static int number(const struct owner_looking *looking, const struct keyed_list *keyed,
		  enum owner_sort sort, struct holding_start *starts, size_t *nowners)
{
	struct owner_list *list = looking->ret;
	size_t i, first = list->n;
	struct owner *owner = NULL;

	for (i = 0; i < keyed->n; i++) {
		const struct keyed *one = &keyed->list[i];
		bool is_new = !owner || compare_keys(&keyed->list[i - 1].key, &one->key) != 0;

		/* So many that nobody reads all of them: the last takes the rest. */
		if (is_new && (!owner || list->n - first < OWNERS_TOLD))
			owner = owner_for(looking, list, first, one, sort);
		if (!owner)
			return -ENOMEM;
		owner->starts++;
		starts[i] = (struct holding_start){(uint32_t)(owner - list->list - first),
						   one->number, one->is_span,
						   !one->is_span && one->anchor.edge != NO_EDGE &&
							   edge_is_interior(one->anchor.edge)};
	}
	*nowners = list->n - first;
	return 0;
}

/*
 * What they hold.
 */

struct ranked {
	uint32_t owner;
	uint64_t held;
};

static int by_held(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->held != y->held)
		return x->held > y->held ? -1 : 1;
	return x->owner < y->owner ? -1 : x->owner > y->owner;
}

/*
 * Of those who hold most, what they lead to in all; and of frames and registers, which are the last
 * that anything is counted with, though they may lead to all there is.
 */
static size_t choose(const struct owner_looking *looking, const struct owner *owners, size_t n,
		     struct ranked *ranked)
{
	size_t i, most = (size_t)min_u64(min_u64(n, looking->wish->top), OWNER_TOP_ALL);
	size_t end = (size_t)min_u64(n, most + OWNER_PASSING_ALL);

	for (i = 0; i < n; i++)
		ranked[i] = (struct ranked){(uint32_t)i, owners[i].owned.bytes};
	qsort(ranked, n, sizeof(*ranked), by_held);
	for (i = most; i < n && most < end; i++)
		if (owner_is_passing(&owners[ranked[i].owner]))
			ranked[most++] = ranked[i];
	return most;
}

static int find_all(const struct owner_looking *looking, const struct holding_start *starts,
		    size_t nstarts, struct owner *owners, size_t n)
{
	struct ranked *ranked = calloc(n + 1, sizeof(*ranked));
	uint32_t numbers[HOLDINGS_AT_ONCE];
	struct holding_all all[HOLDINGS_AT_ONCE];
	size_t i, j, most;
	int r = 0;

	if (!ranked)
		return -ENOMEM;
	most = choose(looking, owners, n, ranked);
	for (i = 0; r == 0 && i < most; i += HOLDINGS_AT_ONCE) {
		size_t part = (size_t)min_u64(most - i, HOLDINGS_AT_ONCE);

		for (j = 0; j < part; j++)
			numbers[j] = ranked[i + j].owner;
		r = holdings_in_all(&looking->look.graph, starts, nstarts, numbers, part, all);
		for (j = 0; r == 0 && j < part; j++) {
			owners[numbers[j]].all = all[j];
			owners[numbers[j]].has_all = true;
		}
	}
	free(ranked);
	return r;
}

/*
 * Who is named before who stands for several, and what lasts before what passes: a stack also has
 * words that calls have left behind.
 */
static unsigned tier_of(const struct owner *owner)
{
	if (owner->sort == OWNER_TYPE)
		return 0;
	if (owner_is_passing(owner))
		return 2;
	return !owner->symbol && owner->sort == OWNER_HOLDER;
}

static int count(const struct owner_looking *looking, const struct holding_start *starts,
		 size_t nstarts, struct owner *owners, size_t n)
{
	struct holding *holdings = calloc(n + 1, sizeof(*holdings));
	size_t i;
	int r = holdings ? 0 : -ENOMEM;

	for (i = 0; r == 0 && i < n; i++)
		holdings[i].tier = tier_of(&owners[i]);
	if (r == 0)
		r = holdings_count(&looking->look.graph, starts, nstarts, holdings, n);
	for (i = 0; r == 0 && i < n; i++)
		owners[i].owned = holdings[i].owned;
	free(holdings);
	return r == 0 && n ? find_all(looking, starts, nstarts, owners, n) : r;
}

static int add_holders(const struct owner_looking *looking, enum owner_sort sort)
{
	struct keyed_list keyed = {.list = NULL};
	struct holding_start *starts = NULL;
	size_t n = 0, first = looking->ret->n;
	int r = gather(looking, sort, &keyed);

	if (r == 0)
		starts = calloc(keyed.n + 1, sizeof(*starts));
	if (!starts)
		r = -ENOMEM;
	if (r == 0)
		r = number(looking, &keyed, sort, starts, &n);
	if (r == 0 && n)
		r = count(looking, starts, keyed.n, looking->ret->list + first, n);
	free(starts);
	free(keyed.list);
	return r;
}

/*
 * Types.
 */

static int name_types(const struct owner_looking *looking, size_t n)
{
	const struct type *types = types_list(looking->types, &n);
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < n; i++) {
		struct owner *owner = owner_list_add(looking->ret);

		if (!owner)
			return -ENOMEM;
		owner->sort = OWNER_TYPE;
		owner->words = copy(looking->type_names[i], &r);
		owner->starts = types[i].blocks;
		owner->bytes = types[i].bytes;
	}
	return r;
}

/* The blocks of each type, type by type. */
static struct holding_start *starts_of_types(const struct owner_looking *looking, size_t ntypes,
					     size_t *nstarts)
{
	size_t nblocks = looking->look.index.n, i, sum = 0;
	size_t *at = calloc(ntypes + 1, sizeof(*at));
	const struct type *types = types_list(looking->types, &ntypes);
	struct holding_start *starts;

	for (i = 0; at && i < ntypes; i++) {
		at[i] = sum;
		sum += types[i].blocks;
	}
	*nstarts = sum;
	starts = at ? calloc(sum + 1, sizeof(*starts)) : NULL;
	for (i = 0; starts && i < nblocks; i++) {
		uint16_t type = looking->type_of[i];

		if (type != NO_TYPE)
			starts[at[type]++] =
				(struct holding_start){.owner = type, .number = (uint32_t)i};
	}
	free(at);
	return starts;
}

static int add_types(const struct owner_looking *looking)
{
	size_t n, nstarts, first = looking->ret->n;
	struct holding_start *starts;
	int r;

	types_list(looking->types, &n);
	r = name_types(looking, n);
	if (r < 0 || n == 0)
		return r;
	starts = starts_of_types(looking, n, &nstarts);
	r = starts ? count(looking, starts, nstarts, looking->ret->list + first, n) : -ENOMEM;
	free(starts);
	return r;
}

/*
 * All of it.
 */

/* While it stands still. */
static int look_at_memory(struct owner_looking *looking)
{
	const struct graph_input input = graph_look_input(&looking->look);
	const struct anchors_ask ask = {
		.input = &input, .kinds = BY_WORD, .block = NO_BLOCK, .most = WORDS_MOST};
	const struct block_index *index = &looking->look.index;
	int r = anchors_of_roots(&ask, &looking->anchors);

	if (r == 0)
		r = root_names_begin(&looking->names, &looking->look, &looking->anchors);
	if (r < 0 || !(looking->wish->sorts >> OWNER_TYPE & 1))
		return r;
	looking->type_of = calloc(index->n + 1, sizeof(*looking->type_of));
	looking->types = types_new(&looking->target->space, graph_look_reader(&looking->look));
	if (!looking->type_of || !looking->types)
		return -ENOMEM;
	return types_count(looking->types, index, looking->type_of);
}

static void describe(struct owner_looking *looking)
{
	const struct process *process = &looking->target->space.process;
	struct block_cursor cursor;

	looking->ret->pid = process->pid;
	memcpy(looking->ret->command, process->command, sizeof(process->command));

	block_cursor_init(&cursor, &looking->look.index, 0);
	while (block_cursor_next(&cursor, &looking->look.index)) {
		looking->ret->live_blocks++;
		looking->ret->live_bytes += cursor.block.size;
	}
}

static int make_list(struct owner_looking *looking)
{
	unsigned sorts = looking->wish->sorts;
	int r = 0;

	describe(looking);
	if (looking->wish->symbols && (sorts >> OWNER_HOLDER & 1))
		r = root_names_find(&looking->names, &looking->anchors);
	if (r == 0 && (sorts >> OWNER_TYPE & 1))
		r = type_names_of(looking->types, &looking->type_names);
	if (r == 0 && (sorts >> OWNER_HOLDER & 1))
		r = add_holders(looking, OWNER_HOLDER);
	if (r == 0 && (sorts >> OWNER_WHOLE & 1))
		r = add_holders(looking, OWNER_WHOLE);
	if (r == 0 && (sorts >> OWNER_TYPE & 1))
		r = add_types(looking);
	if (r == 0)
		owner_list_sort(looking->ret);
	return r;
}

static int report(const struct owner_looking *looking, const struct command *command)
{
	const char *whys[GRAPH_LOOK_WHYS + 2];
	size_t i, n = looking->look.nwhys;

	for (i = 0; i < n; i++)
		whys[i] = looking->look.whys[i].text;
	if (looking->anchors.is_cut)
		whys[n++] = "there are so many words of roots that some are not told apart";
	if (looking->types && types_are_cut(looking->types))
		whys[n++] = "there are so many types that some are not told";
	return report_unknown(command, looking->target->name, whys, n, false);
}

static void fini(struct owner_looking *looking)
{
	root_names_fini(&looking->names);
	if (looking->types)
		type_names_free(looking->types, looking->type_names);
	types_free(looking->types);
	free(looking->type_of);
	anchors_fini(&looking->anchors);
	graph_look_close(&looking->look);
}

static int look(struct owner_looking *looking, const struct command *command,
		char looked[FREEZE_WORDS_SIZE])
{
	int r, code = graph_look_open(command, looking->target, &looking->look);

	if (code)
		return code;
	r = look_at_memory(looking);
	freeze_end(looking->target->freeze);
	graph_look_judge(&looking->look);
	target_looked(looking->target, looked);
	if (r == 0)
		r = make_list(looking);
	code = r < 0 ? look_error(command, "%s: %s", looking->target->name, strerror(-r))
		     : report(looking, command);
	fini(looking);
	return code;
}

int owner_look(const struct options *options, const char *operand, const struct owner_wish *wish,
	       struct owner_list *ret, char looked[FREEZE_WORDS_SIZE])
{
	struct owner_looking *looking = calloc(1, sizeof(*looking));
	struct target target;
	int code;

	*ret = (struct owner_list){.list = NULL};
	if (!looking)
		return look_error(options->command, "%s", strerror(ENOMEM));
	code = target_open(options, operand, 0, &target);
	if (code == 0) {
		looking->wish = wish;
		looking->target = &target;
		looking->ret = ret;
		code = look(looking, options->command, looked);
		target_close(&target);
	}
	free(looking);
	return code;
}
