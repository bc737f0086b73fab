/* What the files of plat doctor share. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "source/procdir.h"
#include "view/doctor.h"

/*
 * Asks what files and the environment say, into a report that has its space and its allocator. 0 or
 * -ENOMEM.
 */
int doctor_ask(struct doctor_report *report, const struct procdir *dir,
	       bool environment) MUST_CHECK;
void doctor_report_fini(struct doctor_report *report);

/* Adds the libraries of a list as LD_PRELOAD has it. 0 or -ENOMEM. */
int doctor_take_preloads(struct doctor_report *report, const struct procdir *dir, const char *list,
			 const char *from) MUST_CHECK;

/* The same for those of /etc/ld.so.preload, as the process sees it. */
int doctor_take_system_preloads(struct doctor_report *report, const struct procdir *dir) MUST_CHECK;

#endif
