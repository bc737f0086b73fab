/* A space from a process: running, or a captured /proc. */
#ifndef SOURCE_PROC_H
#define SOURCE_PROC_H

#include "base/error.h"
#include "source/procdir.h"
#include "space/space.h"

enum proc_want {
	PROC_PAGES = 1,	  /* page figures */
	PROC_STRIPS = 2,  /* and where in each region they are */
	PROC_DETAILS = 4, /* what smaps tells of each mapping; slow for the process we look at */
};

/* The reason for figures that `want` did not name. */
#define PROC_NOT_ASKED "not asked for"

/*
 * Reads the space of a process. It is never stopped, and nothing in it changes.
 *
 * 0, and *ret is the caller's to space_fini(). What may not be read leaves its sentence in ret->why
 * and unknown figures; that is no failure. A negative errno where there is nothing to show: -ESRCH
 * no such process or gone while we looked, -ENODATA a kernel thread or a zombie, else as the kernel
 * said.
 */
int proc_load(const struct procdir *dir, unsigned want, struct space *ret,
	      struct error *err) MUST_CHECK;

/* The figures of status and limits only, without the map. As above. */
int proc_load_figures(const struct procdir *dir, struct space *ret, struct error *err) MUST_CHECK;

/* Whether a live process has memory still: 0, or as above. What is no live process has ended long
 * since, and is there. */
int proc_is_there(const struct procdir *dir, struct error *err) MUST_CHECK;

#endif
