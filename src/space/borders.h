/*
 * Why two neighbouring mappings are two.
 *
 * The kernel joins neighbours that are alike. What it compares can mostly be seen from outside; the
 * rest is named as what remains.
 */
#ifndef SPACE_BORDERS_H
#define SPACE_BORDERS_H

#include "space/space.h"

/* How two addresses lie to each other. */
enum border_type {
	BORDER_UNMAPPED, /* one of them at least is in no mapping */
	BORDER_SAME_REGION,
	BORDER_SAME_MAPPING, /* two regions, but one mapping */
	BORDER_GAP,	     /* between their mappings is a gap, and nothing else */
	BORDER_OTHERS,	     /* between their mappings are others */
	BORDER_TOUCHING,     /* two mappings side by side: the reasons say why they are two */
};

enum border_cause {
	CAUSE_RIGHTS,
	CAUSE_SHARING,
	CAUSE_FILE,   /* another file, or file beside anonymous memory */
	CAUSE_OBJECT, /* shared anonymous memory: each call makes an object of its own */
	CAUSE_OFFSET,
	CAUSE_NAME,    /* of anonymous memory, by prctl() */
	CAUSE_BREAK,   /* the heap begins here */
	CAUSE_SPECIAL, /* the kernel never joins mappings of this sort */
	CAUSE_FLAGS,
	CAUSE_KEY,
	CAUSE_DESCRIPTION, /* nothing visible differs: the file was opened twice */
	CAUSE_IDENTITY,	   /* nothing visible differs: other anonymous identities */
	NCAUSES
};

struct border_reason {
	enum border_cause cause;
	bool certain; /* seen, not concluded */
	char text[480];
};

#define BORDER_REASONS_MOST 12

struct border {
	enum border_type type;
	plat_addr at;	  /* where they touch; else where the lower one's mapping ends */
	uint64_t gap;	  /* bytes free between them */
	size_t nbetween;  /* mappings between them */
	bool flags_known; /* VmFlags of both were at hand */
	size_t nreasons;
	struct border_reason reasons[BORDER_REASONS_MOST];
};

/* Compares the mappings of two addresses, in either order. Wants space->details for both. */
void border_explain(const struct space *space, plat_addr a, plat_addr b, struct border *ret);

/* "touching", "same-mapping", ... */
const char *border_type_name(enum border_type type);

/* "rights", "anonymous-identity", ... */
const char *border_cause_name(enum border_cause cause);

/* Where the rules stand: kernel versions and source file. */
extern const char border_rules[];

#endif
