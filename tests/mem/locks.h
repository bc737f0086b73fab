/* What is locked in this process, and limits on that. */
#ifndef TESTS_MEM_LOCKS_H
#define TESTS_MEM_LOCKS_H

#include <stddef.h>

/* VmLck, in bytes. */
size_t locked_now(void);

/* Skips the test where nothing can be locked. */
void needs_locks(void);

/* From here on the limit counts for this process, whoever runs it. */
void be_limited_to(size_t bytes);

#endif
