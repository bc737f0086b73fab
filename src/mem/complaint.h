/*
 * The one line that libplat writes before it aborts, where the program's state is broken beyond
 * what an error code could tell: "plat: ", and what there is to say. printf may allocate and lock.
 */
#ifndef PLAT_MEM_COMPLAINT_H
#define PLAT_MEM_COMPLAINT_H

#include <stddef.h>

/* What does not fit is cut off. */
struct plat__complaint {
	char text[240];
	size_t length;
};

/* Empty to begin with: {.length = 0}. Control characters become '?'. */
void plat__complaint_add(struct plat__complaint *complaint, const char *text);
void plat__complaint_number(struct plat__complaint *complaint, size_t number);
void plat__complaint_address(struct plat__complaint *complaint, const void *p);

/* The line to standard error in one write, errno as it was. */
void plat__complaint_write(struct plat__complaint *complaint);

#endif
