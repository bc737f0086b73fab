/*
 * /proc/PID/smaps_rollup (Linux 4.14): sums over all pages of a process. The kernel walks its page
 * tables for it, about 20 ms a GiB, and keeps the process from mapping meanwhile: only on request.
 */
#ifndef SOURCE_ROLLUP_H
#define SOURCE_ROLLUP_H

#include "base/error.h"
#include "source/procdir.h"
#include "space/rollup.h"

/* 0; or -errno with a sentence, and all figures unknown: -ESRCH where the process is gone. */
int rollup_load(const struct procdir *dir, struct rollup *ret, struct error *err) MUST_CHECK;

#endif
