/* Numbers for people: sizes, shares, addresses. */
#ifndef VIEW_UNITS_H
#define VIEW_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNITS_SIZE 24 /* room for any text made here */

/*
 * A size: "132K", "1.2M", "85.3T": below 100 units with one decimal unless that is 0, from there on
 * without; bytes as "17B"; "0" for 0; "-" for UNKNOWN. With `bytes` the plain
 * number. Returns `to`, which has room for UNITS_SIZE.
 */
char *units_size(uint64_t size, bool bytes, char *to);

/* The same with a space and the unit written out, "1.2 MiB", for running text. */
char *units_words(uint64_t size, char *to);

#endif
