/* Whether an access faults, found out by doing it. One thread at a time. */
#ifndef TESTS_MEM_ACCESS_H
#define TESTS_MEM_ACCESS_H

#include <stdbool.h>

#include <plat/protect.h>

/* SIGSEGV or SIGBUS, at this very byte. */
bool read_faults(volatile const char *p);
/* What it writes is not zero. */
bool write_faults(volatile char *p);

/* PLAT_RIGHT_READ and PLAT_RIGHT_WRITE, as far as the byte has them. */
int rights_at(volatile char *p);

#endif
