/*
 * All groups: the list of areas is followed, each area is read at once, and what its metas lead to
 * is put in order.
 *
 * A hostile list may be long, or a circle. It costs memory that the process must have: each area is
 * a page with the secret, and counts once.
 */
#include "heap/mallocng_parts.h"

#include "base/circle.h"
#include "base/list.h"

#include <errno.h>
#include <stdlib.h>

#define CLASS_MOST_STRIDE 8191
#define DONATED_CLASS_LEAST 3 /* of every fourth class from 47 down */
#define PAGE_MOST (64 * 1024)
#define BITS_MAPLEN 12

static const uint16_t class_units[NG_CLASSES] = {
	1,   2,	  3,   4,    5,	   6,	 7,    8,    9,	   10,	 12,   15,   18,   20,	 25,   31,
	36,  42,  50,  63,   72,   84,	 102,  127,  146,  170,	 204,  255,  292,  340,	 409,  511,
	584, 682, 818, 1023, 1169, 1364, 1637, 2047, 2340, 2730, 3276, 4095, 4680, 5460, 6552, 8191,
};

uint64_t ng_class_stride(unsigned class)
{
	return (uint64_t)class_units[class] * NG_UNIT;
}

/*
 * A meta.
 */

size_t ng_meta_bytes(unsigned word)
{
	return 4 * word + 8;
}

size_t ng_area_head_bytes(unsigned word)
{
	return (size_t)align_up(12 + word, word);
}

void ng_meta_parse(const unsigned char *bytes, unsigned word, struct ng_meta *ret)
{
	const unsigned char *masks = bytes + (size_t)3 * word;
	uint64_t bits = musl_word(masks + 8, word);

	ret->mem = musl_word(bytes + (size_t)2 * word, word);
	ret->avail = musl_u32(masks);
	ret->freed = musl_u32(masks + 4);
	ret->nslots = (unsigned)(bits & 31) + 1;
	ret->freeable = bits >> 5 & 1;
	ret->class = bits >> 6 & 63;
	ret->maplen = bits >> BITS_MAPLEN;
}

uint64_t ng_stride(const struct ng_meta *meta)
{
	if (meta->nslots == 1 && meta->maplen)
		return meta->maplen * NG_MAP_UNIT - NG_UNIT;
	return ng_class_stride(meta->class);
}

uint64_t ng_slots_bytes(const struct ng_meta *meta)
{
	return NG_UNIT + meta->nslots * ng_stride(meta);
}

uint64_t ng_held(const struct ng_meta *meta)
{
	return meta->maplen ? meta->maplen * NG_MAP_UNIT : ng_slots_bytes(meta);
}

/* A mapping is the slots, up to the next page. */
static bool fits_mapping(const struct ng_meta *meta)
{
	uint64_t needed = NG_UNIT + meta->nslots * ng_class_stride(meta->class);
	uint64_t mapped = meta->maplen * NG_MAP_UNIT;

	/* One slot alone may be smaller than its class. */
	return mapped < needed + PAGE_MOST && (meta->nslots == 1 || mapped >= needed);
}

const char *ng_what_is_wrong(const struct ng_meta *meta)
{
	uint32_t slots = meta->nslots == NG_SLOTS_MOST ? UINT32_MAX : (1u << meta->nslots) - 1;

	if (meta->class == NG_ALONE) {
		if (meta->nslots != 1 || !meta->freeable || meta->maplen == 0 ||
		    meta->maplen > UINT64_MAX / NG_MAP_UNIT ||
		    meta->maplen * NG_MAP_UNIT > ADDR_MAX - meta->mem)
			return "the mapping of a block cannot be as its meta says";
	} else if (meta->class >= NG_CLASSES) {
		return "the group is of an impossible class";
	} else if (meta->maplen > NG_SLOTS_MOST * CLASS_MOST_STRIDE ||
		   !is_aligned(meta->mem, NG_UNIT)) {
		return "the group cannot lie where its meta says";
	} else if (meta->maplen ? !meta->freeable || !fits_mapping(meta)
				: ng_slots_bytes(meta) > PAGE_MOST / 2 && meta->freeable) {
		return "the slots of the group do not fit into it";
	} else if (!meta->freeable &&
		   (meta->nslots != 1 || meta->class % 4 != DONATED_CLASS_LEAST)) {
		return "no gap can be a group as its meta says";
	}
	if ((meta->avail | meta->freed) & ~slots || (meta->avail & meta->freed))
		return "the masks of the group contradict it";
	return ng_held(meta) > ADDR_MAX - meta->mem ? "the group ends nowhere" : NULL;
}

/*
 * The list of areas.
 */

static int by_address(const void *a, const void *b)
{
	plat_addr x = *(const plat_addr *)a, y = *(const plat_addr *)b;

	return x < y ? -1 : x > y;
}

/* Whether an area is there; the next one. */
static bool read_head(struct mallocng *ng, plat_addr at, plat_addr *next)
{
	unsigned char head[16];

	if (!is_aligned(at, NG_AREA_BYTES)) {
		musl_say_broken(&ng->reading.proofs, at, "no area of metas can begin here");
		return false;
	}
	if (reader_read(ng->reading.reader, at, head, sizeof(head)) < 0) {
		ng->reading.proofs.unreadable++;
		return false;
	}
	/* musl 1.2.5 malloc/mallocng/malloc.c alloc_meta: it is in the list before it has it. */
	if (musl_word(head, 8) == 0) {
		ng->reading.proofs.unsteady++;
		return false;
	}
	if (musl_word(head, 8) != ng->context.secret) {
		musl_say_broken(&ng->reading.proofs, at,
				"an area of metas does not have the secret");
		return false;
	}
	*next = musl_word(head + 8, ng->word);
	return true;
}

static int follow_areas(struct mallocng *ng)
{
	plat_addr at = ng->context.area_head, next = 0;
	struct circle circle = {0};

	ng->nareas = 0;
	for (; at != 0 && read_head(ng, at, &next); at = next) {
		if (circle_closes(&circle, at)) {
			musl_say_broken(&ng->reading.proofs, at,
					"the list of areas of metas is a circle");
			break;
		}
		if (list_reserve(&ng->areas, &ng->areas_room, ng->nareas, 1) < 0)
			return -ENOMEM;
		ng->areas[ng->nareas++] = at;
	}
	return 0;
}

static void sort_areas(struct mallocng *ng)
{
	size_t i, kept = 0;

	if (ng->nareas)
		qsort(ng->areas, ng->nareas, sizeof(*ng->areas), by_address);
	for (i = 0; i < ng->nareas; i++)
		if (kept == 0 || ng->areas[i] != ng->areas[kept - 1])
			ng->areas[kept++] = ng->areas[i];
	ng->nareas = kept;
}

/*
 * The groups.
 */

static int by_mem(const void *a, const void *b)
{
	const struct ng_group *x = a, *y = b;

	if (x->mem != y->mem)
		return x->mem < y->mem ? -1 : 1;
	return x->meta < y->meta ? -1 : x->meta > y->meta;
}

static int take_area(struct mallocng *ng, plat_addr area)
{
	unsigned char bytes[NG_AREA_BYTES];
	size_t at = ng_area_head_bytes(ng->word), size = ng_meta_bytes(ng->word);
	struct ng_meta meta;

	if (reader_read(ng->reading.reader, area, bytes, sizeof(bytes)) < 0) {
		ng->reading.proofs.unreadable++;
		return 0;
	}
	if (list_reserve(&ng->groups, &ng->groups_room, ng->ngroups, (sizeof(bytes) - at) / size) <
	    0)
		return -ENOMEM;
	for (; at + size <= sizeof(bytes); at += size) {
		ng_meta_parse(bytes + at, ng->word, &meta);
		if (meta.mem)
			ng->groups[ng->ngroups++] = (struct ng_group){meta.mem, area + at};
	}
	return 0;
}

static int read_context(struct mallocng *ng)
{
	uint64_t secret = ng->context.secret;
	int r = reader_read(ng->reading.reader, ng->at, ng->bytes, ng_context_bytes(ng->word));

	if (r < 0) {
		ng->reading.proofs.unreadable++;
		return r;
	}
	ng_context_parse(ng->bytes, ng->word, &ng->context);
	if (ng->context.secret == secret)
		return 0;
	musl_say_broken(&ng->reading.proofs, ng->at, "the secret has changed");
	ng->context.secret = secret;
	return 0;
}

int ng_collect(struct mallocng *ng)
{
	size_t i;
	int r;

	ng->nareas = ng->ngroups = 0;
	if (read_context(ng) < 0)
		return 0;
	r = follow_areas(ng);
	sort_areas(ng);
	for (i = 0; r == 0 && i < ng->nareas; i++)
		r = take_area(ng, ng->areas[i]);
	if (ng->ngroups)
		qsort(ng->groups, ng->ngroups, sizeof(*ng->groups), by_mem);
	ng->reading.state_bytes = ng->nareas * NG_AREA_BYTES;
	return r;
}
