/*
 * Almost no block of a program in C begins with a word that leads into a module, and of those of a
 * program in C++ many begin with the same: so a word is first compared with where modules are, and
 * then looked up among those that were followed before.
 *
 * All of it is a stranger's. Words, types and names have a bound each, and so have the steps for
 * one word; the table is hashed with where it lies, which nobody can know who wants it to be slow.
 */
#include "heap/types.h"

#include "base/list.h"
#include "base/reader_cache.h"
#include "base/search.h"
#include "heap/window.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MOST 16384
#define NAMES_MOST (32u << 20) /* bytes of all names */
#define WORDS_MOST (1u << 18)
#define SLOTS_FIRST 1024

/* What a word leads to. */
struct slot {
	uint64_t word; /* 0: free */
	uint16_t type;
};

struct types {
	unsigned width; /* of a word */
	const struct space *space;
	struct reader *reader;	   /* for blocks */
	struct window window;	   /* for many, in order */
	struct reader_cache cache; /* for modules, whose pages are looked at again and again */

	/* Where modules are, in order; those that touch are one. */
	struct module_range {
		plat_addr start, end;
	} * ranges;
	size_t nranges, ranges_room;

	struct slot *slots; /* a power of two of them */
	size_t nslots, nwords;

	struct type *types;
	size_t ntypes, types_room;
	void *by_name;	   /* a tree of struct named */
	size_t name_bytes; /* of all names */
	bool is_cut;
	uint64_t meta;	      /* the last vtable that proved to be of a typeinfo's class; or 0 */
	char name[NAME_MOST]; /* that was read last */
};

/* A node's key. */
struct named {
	uint16_t type;
	char name[];
};

/*
 * Memory of modules.
 */

static int find_ranges(struct types *types)
{
	const struct space *space = types->space;
	size_t i;

	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];

		if (region->module == NO_MODULE || !(region->rights & RIGHT_READ))
			continue;
		if (types->nranges && types->ranges[types->nranges - 1].end == region->start) {
			types->ranges[types->nranges - 1].end = region->end;
			continue;
		}
		if (list_reserve(&types->ranges, &types->ranges_room, types->nranges, 1) < 0)
			return -ENOMEM;
		types->ranges[types->nranges++] = (struct module_range){region->start, region->end};
	}
	return 0;
}

static ALWAYS_INLINE bool begins_by(const void *range, uint64_t at)
{
	return ((const struct module_range *)range)->start <= at;
}

/* How many bytes of modules there are from `at` on, in a row. */
static uint64_t bytes_from(const struct types *types, plat_addr at)
{
	const struct module_range *last;

	if (types->nranges == 0)
		return 0;
	last = search_last(types->ranges, types->nranges, sizeof(*types->ranges), at, begins_by);
	return last->start <= at && at < last->end ? last->end - at : 0;
}

static bool read_word(struct types *types, plat_addr at, uint64_t *ret)
{
	*ret = 0; /* little-endian: a short word fills the low bytes */
	return at % types->width == 0 && bytes_from(types, at) >= types->width &&
	       reader_read(&types->cache.reader, at, ret, types->width) == 0;
}

/* A string of letters that names have, with its end, in types->name. */
static bool read_letters(struct types *types, plat_addr at)
{
	uint64_t most = min_u64(bytes_from(types, at), NAME_MOST);
	size_t n = 0;

	while (n < most) {
		/* To the end of the page: what follows may not be there. */
		size_t part = (size_t)min_u64(most - n,
					      READER_CACHE_BYTES - (at + n) % READER_CACHE_BYTES);
		size_t end = n + part;

		if (reader_read(&types->cache.reader, at + n, types->name + n, part) < 0)
			return false;
		for (; n < end; n++) {
			unsigned char c = (unsigned char)types->name[n];

			if (c == '\0')
				return n > 0;
			if (c <= ' ' || c == 0x7f)
				return false;
		}
	}
	return false;
}

/*
 * What leads to a type.
 */

static bool read_name(struct types *types, plat_addr typeinfo)
{
	uint64_t name;

	return read_word(types, typeinfo + types->width, &name) && read_letters(types, name);
}

/*
 * Whether a typeinfo begins as all do: with the vtable of one of the classes that __cxxabiv1 has
 * for them, which has a typeinfo itself.
 */
static bool is_typeinfo(struct types *types, plat_addr typeinfo)
{
	static const char space[] = "N10__cxxabiv1";
	uint64_t meta, inner;

	if (!read_word(types, typeinfo, &meta))
		return false;
	if ((meta == 0 || meta != types->meta) &&
	    (!read_word(types, meta - types->width, &inner) || !read_name(types, inner) ||
	     strncmp(types->name, space, sizeof(space) - 1) != 0))
		return false;
	types->meta = meta;
	return true;
}

/* The word is a vtable's address point. The type's name is then in types->name. */
static bool leads_to_type(struct types *types, plat_addr point)
{
	uint64_t top, typeinfo;

	return read_word(types, point - 2 * types->width, &top) && top == 0 &&
	       read_word(types, point - types->width, &typeinfo) && is_typeinfo(types, typeinfo) &&
	       read_name(types, typeinfo);
}

/* What a class can be called: foo, std::foo, foo::bar, one within a function. */
static bool is_class_name(const char *name)
{
	return (*name >= '1' && *name <= '9') || strchr("NSZ", *name) != NULL;
}

/*
 * Names.
 */

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int add_type(struct types *types, struct named *named, size_t size)
{
	void *node;

	if (list_reserve(&types->types, &types->types_room, types->ntypes, 1) < 0)
		return -ENOMEM;
	node = tsearch(named, &types->by_name, by_name);
	if (!node)
		return -ENOMEM;
	named->type = (uint16_t)types->ntypes;
	types->types[types->ntypes++] = (struct type){.name = named->name};
	types->name_bytes += size;
	return 0;
}

/* The type whose name this is. */
static int find_type(struct types *types, const char *name, uint16_t *ret)
{
	size_t size = strlen(name) + 1;
	struct named *named = malloc(sizeof(*named) + size);
	struct named *const *node;
	int r;

	if (!named)
		return -ENOMEM;
	memcpy(named->name, name, size);
	node = tfind(named, &types->by_name, by_name);
	if (node) {
		*ret = (*node)->type;
		free(named);
		return 0;
	}
	if (types->ntypes == TYPES_MOST || types->name_bytes + size > NAMES_MOST) {
		types->is_cut = true;
		free(named);
		return 0;
	}
	r = add_type(types, named, size);
	if (r < 0)
		free(named);
	else
		*ret = named->type;
	return r;
}

static int follow(struct types *types, plat_addr point, uint16_t *ret)
{
	const char *name = types->name;

	*ret = NO_TYPE;
	if (!leads_to_type(types, point))
		return 0;
	/* GCC begins with a star what is another type in each file. */
	name += *name == '*';
	return is_class_name(name) ? find_type(types, name, ret) : 0;
}

/*
 * Words that were followed.
 */

static size_t first_slot(const struct types *types, uint64_t word)
{
	uint64_t hash = (word ^ (uintptr_t)types->slots) * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(hash >> 32) & (types->nslots - 1);
}

static struct slot *slot_of(const struct types *types, uint64_t word)
{
	size_t i = first_slot(types, word);

	while (types->slots[i].word && types->slots[i].word != word)
		i = (i + 1) & (types->nslots - 1);
	return &types->slots[i];
}

/* At most half of the slots are taken. */
static int make_slots(struct types *types)
{
	struct slot *old = types->slots;
	size_t i, n = types->nslots;

	types->slots = calloc(n ? 2 * n : SLOTS_FIRST, sizeof(*types->slots));
	if (!types->slots) {
		types->slots = old;
		return -ENOMEM;
	}
	types->nslots = n ? 2 * n : SLOTS_FIRST;
	for (i = 0; i < n; i++)
		if (old[i].word)
			*slot_of(types, old[i].word) = old[i];
	free(old);
	return 0;
}

int types_of_word(struct types *types, uint64_t word, uint16_t *ret)
{
	struct slot *slot;
	int r = 0;

	*ret = NO_TYPE;
	if (word == 0 || bytes_from(types, word) == 0)
		return 0;
	slot = slot_of(types, word);
	if (slot->word) {
		*ret = slot->type;
		return 0;
	}
	if (types->nwords == WORDS_MOST) {
		types->is_cut = true;
		return 0;
	}
	if (2 * (types->nwords + 1) > types->nslots)
		r = make_slots(types);
	if (r == 0)
		r = follow(types, word, ret);
	if (r < 0)
		return r;
	*slot_of(types, word) = (struct slot){word, *ret};
	types->nwords++;
	return 0;
}

/*
 * Blocks.
 */

int types_of_block(struct types *types, const struct block_index *index, uint32_t block,
		   uint16_t *ret)
{
	uint64_t word = 0;

	*ret = NO_TYPE;
	if (!block_is_target(index, block) || block_size_of(index, block) < types->width ||
	    reader_read(types->reader, block_address_of(index, block), &word, types->width) < 0)
		return 0;
	return types_of_word(types, word, ret);
}

static int count(struct types *types, plat_addr address, uint64_t size, uint16_t *ret)
{
	const unsigned char *bytes;
	uint64_t word = 0;
	int r;

	*ret = NO_TYPE;
	bytes = size < types->width ? NULL : window_at(&types->window, address, types->width);
	if (!bytes)
		return 0;
	memcpy(&word, bytes, types->width);
	r = types_of_word(types, word, ret);
	if (r == 0 && *ret != NO_TYPE) {
		types->types[*ret].blocks++;
		types->types[*ret].bytes += size;
	}
	return r;
}

static bool may_be_live(enum block_state state)
{
	return state == BLOCK_LIVE || state == BLOCK_UNKNOWN;
}

int types_take(struct types *types, const struct block *block, uint16_t *ret)
{
	*ret = NO_TYPE;
	if (!may_be_live(block->state))
		return 0;
	return count(types, block->address, block->size, ret);
}

int types_count(struct types *types, const struct block_index *index, uint16_t *ret)
{
	struct block_cursor cursor;
	int r = 0;

	types->window.limit = index->end;
	block_cursor_init(&cursor, index, 0);
	while (r == 0 && block_cursor_next(&cursor, index)) {
		const struct block_entry *block = &cursor.block;

		ret[cursor.number] = NO_TYPE;
		if (may_be_live(block->state))
			r = count(types, block->address, block->size, &ret[cursor.number]);
	}
	types->window.limit = ADDR_MAX;
	return r;
}

/*
 * All of it.
 */

struct types *types_new(const struct space *space, struct reader *reader)
{
	struct types *types = calloc(1, sizeof(*types));

	if (!types)
		return NULL;
	types->width = space->process.bits == 32 ? 4 : 8;
	types->space = space;
	types->reader = reader;
	reader_cache_init(&types->cache, reader);
	if (window_init(&types->window, reader, space->machine.page_size) == 0 &&
	    find_ranges(types) == 0 && make_slots(types) == 0)
		return types;
	types_free(types);
	return NULL;
}

void types_free(struct types *types)
{
	if (!types)
		return;
	tdestroy(types->by_name, free);
	window_fini(&types->window);
	free(types->types);
	free(types->slots);
	free(types->ranges);
	free(types);
}

const struct type *types_list(const struct types *types, size_t *n)
{
	*n = types->ntypes;
	return types->types;
}

bool types_are_cut(const struct types *types)
{
	return types->is_cut;
}
