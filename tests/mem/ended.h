/* How a process ends that does something, and what it says. */
#ifndef TESTS_MEM_ENDED_H
#define TESTS_MEM_ENDED_H

#include <stdbool.h>
#include <stddef.h>

/* Runs it in a child, without a core; returns what waitpid says, and what was written to stderr. */
int ended(void (*run)(void), char *said, size_t size);

/* Whether the test is built with AddressSanitizer: it has more to say, and exits. */
bool has_sanitizer(void);

#endif
