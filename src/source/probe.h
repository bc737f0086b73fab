/*
 * Whether the model is right: a process is made whose address space is that of the model, and is
 * really grown as far as it goes.
 *
 * The probe has the same mappings at the same addresses with the same rights, grows down where the
 * model does, has the same break, limits, personality and start of searches, and no capability that
 * the model has not. What is mapped has no content: memory is not touched, but for the lowest page
 * of a stack that has grown.
 */
#ifndef SOURCE_PROBE_H
#define SOURCE_PROBE_H

#include "base/error.h"
#include "model/headroom.h"

/* More threads than this are not tried out. */
#define PROBE_THREADS_MOST 1000000

/*
 * Tries out what was predicted, and a page more. *ret has the same answers with the bytes and
 * counts that the kernel has granted; UNKNOWN where nothing was predicted, or it was too much to
 * try. 0, and *ret is the caller's to headrooms_fini(); a negative errno and a sentence where the
 * space cannot be made again, or not exactly.
 */
int probe_headrooms(const struct model *model, const struct headroom_request *request,
		    const struct headrooms *predicted, struct headrooms *ret,
		    struct error *err) MUST_CHECK;

#endif
