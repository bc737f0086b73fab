/* What the files of plat doctor share. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "source/procdir.h"
#include "view/doctor.h"

/* Adds the libraries of a list as LD_PRELOAD has it. 0 or -ENOMEM. */
int doctor_take_preloads(struct doctor_report *report, const struct procdir *dir, const char *list,
			 const char *from) MUST_CHECK;

/* The same for those of /etc/ld.so.preload, as the process sees it. */
int doctor_take_system_preloads(struct doctor_report *report, const struct procdir *dir) MUST_CHECK;

#endif
