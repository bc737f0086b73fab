/*
 * The sampling profile of libplat-malloc in a process: what was allocated where, and what of it is
 * live. The process may run meanwhile, and may be hostile; see own.h.
 */
#ifndef HEAP_OWN_PROFILE_H
#define HEAP_OWN_PROFILE_H

#include "heap/own.h"

#define OWN_FRAMES_MOST 64

/* An estimate from samples. */
struct own_estimate {
	double blocks, bytes;
	double variance; /* of bytes */
	uint64_t nsamples;
};

/* Half of the interval that holds the true number of bytes 19 times of 20. */
double own_estimate_error(const struct own_estimate *estimate);

/* To the next whole number; those that do not fit are the process's doing. */
uint64_t own_whole(double number);

struct own_site {
	uint32_t number; /* in the allocator's table; of one that is there twice, either */
	struct own_estimate made, live;
	double freed_blocks, freed_bytes;
	unsigned nframes;		   /* 0: what could not be told apart for want of room */
	plat_addr frames[OWN_FRAMES_MOST]; /* return addresses, the innermost first */
};

/* Where the rate stands, and what it is: a sample each so many bytes; 0: none. */
struct own_rate {
	plat_addr at;
	uint64_t mean;
};

/* A live block of which it is known where it was made. */
struct own_sited {
	plat_addr address;
	uint32_t site; /* index in the profile's sites */
	double weight; /* of a sample: blocks that it stands for; 0: it is none, but a guarded block
			*/
};

struct own_profile {
	struct own_rate rate;
	uint64_t lost, lost_bytes; /* samples that there was no room for, and what they stand for */
	struct own_site *sites;	   /* those with samples, or of `blocks`; the same frames once */
	size_t nsites;
	struct own_sited *blocks; /* by address, each once */
	size_t nblocks;
	struct own_site sum;
	struct heap_proofs proofs;
};

/*
 * Only the rate. 0; -ENOTSUP where this version has no profile, or one of another form; or as the
 * reader.
 */
int own_rate_read(const struct own *own, struct own_rate *ret, struct error *err) MUST_CHECK;

/*
 * All of it; *ret is the caller's to own_profile_fini(). Samples are always there, guarded blocks
 * as the last own_walk() met them: without one there are none. As above, or -ENOMEM.
 */
int own_profile_read(const struct own *own, struct own_profile *ret, struct error *err) MUST_CHECK;
void own_profile_fini(struct own_profile *profile);

/* Where the block that begins at this address was made, if that is known; or NULL. */
const struct own_sited *own_sited_find(const struct own_profile *profile, plat_addr address);

#endif
