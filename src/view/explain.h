/* What single addresses are, and why two neighbouring mappings are two: in words, or as JSON. */
#ifndef VIEW_EXPLAIN_H
#define VIEW_EXPLAIN_H

#include "base/text.h"
#include "heap/locate.h"
#include "space/borders.h"
#include "space/figures.h"
#include "space/space.h"
#include "space/symbol.h"
#include "view/paint.h"
#include "view/ties.h"

/* What was found out about one address besides what the space holds. */
struct finding {
	plat_addr addr;
	bool page_known;
	unsigned page_state;  /* of enum page_state */
	bool exclusive_known; /* PAGE_EXCLUSIVE could be told */
	char page_why[160];
	bool cached_known;
	bool cached; /* the page cache holds the file's page */
	char cached_why[160];
	uint64_t file_size; /* or UNKNOWN */
	bool with_symbols;  /* `symbol` was asked for */
	struct symbol symbol;
	char build_id[BUILD_ID_SIZE];
	bool changed;		   /* a second look found another mapping here */
	struct heap_location heap; /* what allocators have here */
	char heap_why[160];	   /* why that is not known; or "" */
	struct ties ties;	   /* of a live block */
};

struct explanation {
	const struct space
		*space;	 /* with details of the mappings at, or next above, the addresses */
	char kernel[64]; /* release, or "" */
	size_t n;	 /* 1 or 2 */
	struct finding findings[2];
};

/* What happens to a program that reads or writes there. */
enum access {
	ACCESS_ALLOWED, /* as its permissions say */
	ACCESS_SEGV,
	ACCESS_BUS,
	ACCESS_GROWS, /* a stack grows down to it */
};

/* Whether the file ends before the page that is asked for, as far as that is known. */
bool explain_is_behind_file(const struct space *space, const struct finding *finding);

/* Writes a sentence that says why; "" for ACCESS_ALLOWED. */
enum access explain_access(const struct space *space, const struct finding *finding, char *why,
			   size_t size);

void explain_write(const struct explanation *explanation, const struct paint *paint,
		   struct text *text);

/* 0 or a negative errno. */
int explain_json(const struct explanation *explanation, struct text *text) MUST_CHECK;

#endif
