/* One image, mapped segment by segment. A part of exec. */
#ifndef MODEL_EXEC_LOAD_H
#define MODEL_EXEC_LOAD_H

#include "model/exec.h"

struct exec_how {
	plat_addr bias; /* where it is wanted */
	unsigned flags; /* MAP_NUMBER_... of the first segment; the others are where it says */
	bool whole;	/* it is first mapped as a whole */
	bool searched;	/* a search places it, and its alignment counts then */
	bool check_as_placed; /* segments are checked where they lie, not where the file says */
};

/* 0 and *ret is the bias that it has; or a negative errno. */
int64_t exec_load(struct model *model, const struct exec_image *image, const struct exec_how *how,
		  plat_addr *ret);

#endif
