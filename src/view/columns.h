/*
 * What can be said of a region, each as one column: its name, width, unit and help.
 *
 * The list (--list), JSON, -o, --sort and --help are made from this one table.
 */
#ifndef VIEW_COLUMNS_H
#define VIEW_COLUMNS_H

#include "base/text.h"
#include "space/space.h"

enum column_type {
	COLUMN_ADDRESS,
	COLUMN_SIZE,   /* bytes */
	COLUMN_NUMBER, /* a plain number */
	COLUMN_TEXT,
	COLUMN_TEXT_ANSI, /* text that can hold any character */
};

/* What must be loaded for it. */
enum column_needs {
	NEEDS_PAGES = 1,
	NEEDS_DETAILS = 2,
	NEEDS_SHARES = 4,
};

/* One value of one region. */
struct value {
	bool known;
	const char *why;   /* if not known: the reason, or NULL where there is nothing to know */
	uint64_t number;   /* address, size, number */
	const char *text;  /* static, or in `buffer` */
	char buffer[4400]; /* a path of 4096 bytes, escaped in part */
};

struct column {
	const char *name; /* "RSS"; JSON's key is the same in lower case */
	enum column_type type;
	unsigned width;
	unsigned needs;	  /* of enum column_needs */
	bool in_contract; /* always in JSON */
	const char *help;
	void (*get)(const struct space *space, size_t region, struct value *ret);
};

extern const struct column columns[];
extern const size_t ncolumns;

#define COLUMNS_MOST 40

/* A choice of columns, in the order in which they are shown. */
struct columns_choice {
	size_t n;
	const struct column *column[COLUMNS_MOST];
};

#define COLUMNS_DEFAULT "START,SIZE,RSS,PERMS,KIND,TID,NAME"

/*
 * Chooses columns from "NAME,NAME,...", in any case; "+NAME,..." adds to the default, "all" is all.
 * 0, or -EINVAL with the offending name in *wrong, which points into `list`.
 */
int columns_choose(const char *list, struct columns_choice *ret, const char **wrong);

/* The column of that name, in any case; `length` bytes of it. NULL if there is none. */
const struct column *column_find(const char *name, size_t length);

/* All needs of a choice together. */
unsigned columns_need(const struct columns_choice *choice);

/* JSON's key of a column: its name in lower case. Returns `to`. */
char *column_key(const struct column *column, char *to, size_t size);

#endif
