/* Text that is packed on its way out, in the form of gzip. */
#ifndef VIEW_GZIP_H
#define VIEW_GZIP_H

#include "base/text.h"

struct gzip;

/* Packs for `to`, which must outlive it. NULL: no memory. */
struct gzip *gzip_new(struct text *to);
void gzip_free(struct gzip *gzip);

/* A text that goes there; for the caller to text_fini(). */
struct text gzip_text(struct gzip *gzip);

/* Once that text is finished: what is still to be written. The first error of `to`, or 0. */
int gzip_finish(struct gzip *gzip) MUST_CHECK;

#endif
