/* Kinds of random runs: what the process is started with, and what it asks for how often. */
#ifndef KERNEL_PROFILE_H
#define KERNEL_PROFILE_H

#include "host.h"
#include "setting.h"

struct profile {
	const char *name;
	const char *setting; /* what differs from setting_plain() */
	unsigned share;	     /* of all requests, in parts */
	unsigned requests;   /* of one process */
	bool big;	     /* lengths up to all of user space; then nothing is populated */
	bool crowd;	     /* begins near vm.max_map_count */
	bool low;	     /* many addresses near 0 */
	unsigned char weights[NCALLS];
};

extern const struct profile profiles[];
extern const size_t nprofiles;

struct setting profile_setting(const struct profile *profile);

/* Why it cannot run on this machine, or NULL. */
const char *profile_missing(const struct profile *profile, const struct host *host);

#endif
