/*
 * One slot in use. Its header lies in the last bytes of the slot before it:
 *
 *              start                  p                     end - reserved  end
 *     | 0 | r  offset |   unused  | r index offset | block .... | 0 ..... 4 bytes | 0 | r ...
 *       -4 -3  -2                  -3       -2
 *
 * A block begins at start, or further behind, where start says how far (r is 7 there). The offset
 * leads from p to the group, in units of 16 bytes; r is what is reserved behind the block: 0 to 4
 * bytes; 5, and the number stands in the last 4 bytes; 6, and the slot is a group itself. The byte
 * behind a block, and that at end, is always 0.
 *
 * musl 1.2.5 src/malloc/mallocng/meta.h: enframe, set_size, get_meta, get_nominal_size
 */
#include "heap/mallocng_parts.h"

#include <errno.h>
#include <string.h>

#define OFFSET_SHORT 0xffff
#define OFFSET_CYCLED 255 /* the farthest that malloc moves a block in its slot */
#define HEADER 8	  /* bytes of the longest one */
#define FREED 255	  /* where the index would be */
#define MOVED (7 << 5)
#define RESERVED_LONG 5
#define RESERVED_GROUP 6
#define FAR_STEP ((uint64_t)(OFFSET_SHORT + 1) * NG_UNIT)
#define FAR_TRIES 65536 /* in one walk */

/* What is being read. */
struct place {
	struct ng_walk *walk;
	plat_addr storage, start, end; /* of all slots; of this one */
	unsigned index;
};

int ng_peek(const struct ng_walk *walk, plat_addr at, void *to, size_t size)
{
	if (at >= walk->window_at && at - walk->window_at < walk->window_size &&
	    size <= walk->window_size - (at - walk->window_at)) {
		memcpy(to, walk->window + (at - walk->window_at), size);
		return 0;
	}
	return reader_read(walk->ng->reading.reader, at, to, size);
}

/* Whether the header before p leads to the group; what it says is reserved. */
static bool leads_back(const struct place *place, plat_addr p, unsigned *reserved)
{
	unsigned char header[HEADER];
	uint64_t offset;

	if (ng_peek(place->walk, p - HEADER, header, HEADER) < 0)
		return false;
	offset = musl_u16(header + 6);
	/* Before the slot's start this byte is the end of the slot before. */
	if (p != place->start && header[4]) {
		if (offset != 0)
			return false;
		offset = musl_u32(header);
		if (offset <= OFFSET_SHORT)
			return false;
	}
	*reserved = header[5] >> 5;
	return (header[5] & 31u) == place->index && *reserved < 7 &&
	       offset * NG_UNIT == p - place->storage;
}

/*
 * An offset above 16 bits does not fit in the slot's start, where only its low bits stand: all
 * places with these are looked at.
 */
static plat_addr find_far(const struct place *place, plat_addr p, unsigned *reserved)
{
	for (p += FAR_STEP; p < place->end && place->walk->far_tries < FAR_TRIES; p += FAR_STEP) {
		place->walk->far_tries++;
		if (leads_back(place, p, reserved))
			return p;
	}
	return 0;
}

/*
 * How long.
 */

/* Reads what is reserved from the slot's end. */
static bool read_trailer(const struct place *place, plat_addr p, uint64_t *reserved)
{
	unsigned char bytes[5];

	if (place->end - p < sizeof(bytes) ||
	    ng_peek(place->walk, place->end - sizeof(bytes), bytes, sizeof(bytes)) < 0)
		return false;
	*reserved = musl_u32(bytes + 1);
	return bytes[0] == 0 && *reserved >= RESERVED_LONG && *reserved <= place->end - p;
}

static bool is_zero(const struct place *place, plat_addr at)
{
	unsigned char byte;

	/* What cannot be read is not known to be wrong. */
	return ng_peek(place->walk, at, &byte, 1) < 0 || byte == 0;
}

/* realloc writes at the slot's end first, and into the header last. */
static bool is_in_realloc(const struct place *place, plat_addr p, unsigned coded,
			  uint64_t *reserved)
{
	uint64_t trailer = 0;
	bool is_whole = read_trailer(place, p, &trailer);

	if (coded == RESERVED_LONG) {
		*reserved = RESERVED_LONG - 1;
		return (trailer & 0xff) == 0;
	}
	*reserved = trailer;
	return coded > 0 && is_whole && is_zero(place, place->end - trailer);
}

static void take_size(const struct place *place, unsigned coded, struct ng_slot *ret)
{
	plat_addr p = ret->address, end = place->end;
	uint64_t reserved = coded;
	bool is_whole = coded != RESERVED_LONG || read_trailer(place, p, &reserved);

	ret->is_requested = true;
	if (is_whole && reserved <= end - p && is_zero(place, end - reserved)) {
		ret->size = end - reserved - p;
	} else if (is_in_realloc(place, p, coded, &reserved)) {
		ret->in_call = true;
		ret->size = end - reserved - p;
	} else if (is_whole && reserved <= end - p) {
		ret->size = end - reserved - p;
		ret->wrong = "something was written behind the end of this block";
	} else {
		ret->size = end - p;
		ret->is_requested = false;
		ret->wrong = "what lies behind this block was overwritten";
	}
	if (!ret->wrong && !is_zero(place, end))
		ret->wrong = "something was written behind the slot of this block";
}

/*
 * What it is.
 */

static void take_at(const struct place *place, plat_addr p, unsigned reserved, struct ng_slot *ret)
{
	ret->address = p;
	if (reserved == RESERVED_GROUP) {
		ret->kind = NG_SLOT_GROUP;
		return;
	}
	ret->kind = NG_SLOT_BLOCK;
	take_size(place, reserved, ret);
}

/* The slot's start says how far behind it the block is. */
static void take_moved(const struct place *place, uint64_t offset, bool is_alone,
		       struct ng_slot *ret)
{
	plat_addr p = place->start + offset * NG_UNIT;
	unsigned char header[HEADER];
	unsigned reserved;

	if (p < place->end && ng_peek(place->walk, p - HEADER, header, HEADER) < 0) {
		ret->kind = NG_SLOT_HIDDEN;
		return;
	}
	if (p < place->end && p != place->start && leads_back(place, p, &reserved)) {
		take_at(place, p, reserved, ret);
		return;
	}
	if (is_alone)
		p = find_far(place, p, &reserved);
	if (is_alone && p) {
		take_at(place, p, reserved, ret);
	} else if (offset * NG_UNIT < place->end - place->start ||
		   offset * NG_UNIT == place->start - place->storage) {
		/*
		 * malloc tells how far before it writes the block's header; or it does not move
		 * this one, and has not written the index yet.
		 */
		ret->kind = NG_SLOT_CALLED;
	} else {
		ret->kind = NG_SLOT_WRONG;
		ret->wrong = "the block of this slot would begin behind it";
	}
}

/*
 * Being freed, or handed out: index and offset are written one after the other, in an order that is
 * the compiler's choice, over what was there before: nothing, FREED, or how far the last block of
 * the slot was moved (which take_moved() knows). The offset may be the group's already, or how far
 * the block will be moved.
 */
static bool is_in_call(const struct place *place, const unsigned char *header)
{
	uint64_t own = (place->start - place->storage) / NG_UNIT, offset = musl_u16(header + 2);

	if (header[1] == FREED)
		return true;
	if (header[1] != 0 && (header[1] & 31u) != place->index)
		return false;
	return offset == own || offset <= OFFSET_CYCLED ||
	       offset * NG_UNIT < place->end - place->start;
}

static void take_unmoved(const struct place *place, const unsigned char *header,
			 struct ng_slot *ret)
{
	plat_addr p = place->start + (uint64_t)musl_u16(header + 2) * NG_UNIT;
	unsigned reserved;

	if (leads_back(place, place->start, &reserved)) {
		take_at(place, place->start, reserved, ret);
	} else if ((header[1] & 31u) == place->index && p > place->start && p < place->end &&
		   leads_back(place, p, &reserved)) {
		/* aligned_alloc tells how far first, and that it is meant so last. */
		take_at(place, p, reserved, ret);
		ret->in_call = true;
	} else if (is_in_call(place, header)) {
		ret->kind = NG_SLOT_CALLED;
	} else {
		ret->kind = NG_SLOT_WRONG;
		ret->wrong = "the header of this slot does not lead to its group";
	}
}

void ng_slot_read(struct ng_walk *walk, const struct ng_meta *meta, unsigned i, struct ng_slot *ret)
{
	struct place place = {.walk = walk, .storage = meta->mem + NG_UNIT, .index = i};
	unsigned char header[NG_IN_BAND];

	place.start = place.storage + i * ng_stride(meta);
	place.end = place.start + ng_stride(meta) - NG_IN_BAND;
	*ret = (struct ng_slot){.address = place.start, .size = place.end - place.start};
	if (ng_peek(walk, place.start - NG_IN_BAND, header, sizeof(header)) < 0)
		ret->kind = NG_SLOT_HIDDEN;
	else if (header[1] == MOVED)
		take_moved(&place, musl_u16(header + 2), meta->class == NG_ALONE, ret);
	else
		take_unmoved(&place, header, ret);
}
