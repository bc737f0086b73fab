/* What the unit tests share: cmocka with what it needs, texts, and allocations that fail. */
#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H

/* cmocka.h wants these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "support.h"

#define PAGE UINT64_C(0x1000)
#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define READ RIGHT_READ
#define RW (RIGHT_READ | RIGHT_WRITE)
#define RX (RIGHT_READ | RIGHT_EXEC)

/* All lines of the text end, none in a blank, and none is wider than this. */
void assert_tidy(const char *text, unsigned columns);

/* It holds printable ASCII and newlines only. */
void assert_ascii(const char *text);

/*
 * Every allocation can be made to fail: the n-th, for each n.
 *
 *	for (n = 1; failing_from(n); n++)
 *		... build, assert that it failed with -ENOMEM, take down ...
 *
 * works as written in FOR_EACH_ALLOCATION: the body runs with the n-th allocation failing, until
 * one run did not get that far. `failed` says whether an allocation has failed in this run. At the
 * end of each run all that was allocated must have been freed.
 */
#define FOR_EACH_ALLOCATION(n) for ((n) = 1; failing_begin(n); (n)++)

bool failing_begin(size_t n);
bool failing_failed(void);
/* Allocations since failing_begin() that have not been freed. */
long failing_alive(void);

#endif
