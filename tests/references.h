/*
 * A small heap with pointers in it, in plat's own memory; and all that graph.h, reach.h, lost.h and
 * owners.h say of it, found out the slow way and compared.
 */
#ifndef TESTS_REFERENCES_H
#define TESTS_REFERENCES_H

#include "heap/graph.h"
#include "support.h"

#define TOWN_BLOCKS_MOST 64
#define TOWN_ROOTS_MOST 16
#define TOWN_BASE UINT64_C(0x7f0000000000)
#define TOWN_BASE_32 UINT64_C(0xf0000000)

struct town_block {
	plat_addr address;
	uint64_t size;
	enum block_state state;
};

struct town {
	struct reader reader;
	struct scan_form form;
	plat_addr base;
	unsigned char *memory; /* the caller's */
	size_t size;
	bool has_view;	     /* it is scanned where it lies */
	uint64_t unreadable; /* a bit for each page from the base on */

	struct town_block blocks[TOWN_BLOCKS_MOST]; /* in order, not overlapping */
	size_t nblocks;
	struct root roots[TOWN_ROOTS_MOST];
	size_t nroots;
};

void town_init(struct town *town, struct scan_form form, void *memory, size_t size);
void town_put(struct town *town, plat_addr at, uint64_t word);
void town_add_block(struct town *town, plat_addr address, uint64_t size, enum block_state state);
void town_add_root(struct town *town, enum root_kind kind, plat_addr start, plat_addr end);
void town_add_word(struct town *town, enum root_kind kind, uint64_t word);

/* An index of its blocks, which come in the order of `shuffle` if it is not 0. 0 or -ENOMEM. */
int town_index(const struct town *town, uint64_t shuffle, struct block_index *ret) MUST_CHECK;

/*
 * Asks all that can be asked, with this crew and this code, and must()s that it is right. 0 or
 * -ENOMEM.
 */
int town_check(struct town *town, const struct block_index *index, struct crew *crew,
	       const struct scan_code *code) MUST_CHECK;

/* A crew whose workers come one after the other. */
struct crew crew_in_turn(unsigned nworkers);

#endif
