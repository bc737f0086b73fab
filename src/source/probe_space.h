/* The probe's address space, made like the model's. */
#ifndef SOURCE_PROBE_SPACE_H
#define SOURCE_PROBE_SPACE_H

#include "model/model.h"
#include "source/puppet.h"

struct probe {
	const struct model *model;
	struct puppet puppet;
	struct vma code; /* the mapping that holds the puppet's instruction */
	/* Where its own searches begin: not always where the model's do. */
	plat_addr mmap_base, legacy_base;
};

/* 0, and *ret is the caller's to puppet_end(&ret->puppet); or a negative errno and a sentence. */
int probe_make(const struct model *model, struct probe *ret, struct error *err) MUST_CHECK;

/*
 * Fills what searches of the probe would find and those of the model would not. How many mappings
 * there are stays the same. 0 or -errno.
 */
int probe_fill_rest(struct probe *probe, struct error *err) MUST_CHECK;

#endif
