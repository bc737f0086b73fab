/* Where exec puts the parts of a program, by chance or not: what stands below the picture. */
#ifndef VIEW_LAYOUT_H
#define VIEW_LAYOUT_H

#include <jansson.h>

#include "model/exec_ranges.h"
#include "view/paint.h"

struct layout_report {
	const struct model *model; /* as it was before exec: settings, limits */
	const struct exec_program *program;
	const struct exec_ranges *ranges;
};

/* Ranges, the gap above the heap, and what the mmap zone's begin comes from. */
void layout_draw(const struct layout_report *report, const struct paint *paint, struct text *text);

/* {"bits": 64, "type": "pie", ...} and {"stack": {"lowest": ...}, ...} and {"to": ..., ...} */
json_t *layout_settings(const struct layout_report *report);
json_t *layout_positions(const struct layout_report *report);
json_t *layout_gap(const struct layout_report *report);

#endif
