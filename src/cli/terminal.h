/* What the place that we write to can show. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "view/paint.h"

/* --color=WHEN. 0 or -EINVAL. */
enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
int color_by_name(const char *name, enum color_when *ret);

/*
 * Fills in columns, color and unicode. Colour: as asked; else if stdout is a terminal other than
 * "dumb", and NO_COLOR is not set; or if CLICOLOR_FORCE is. Unicode: if the locale's characters are
 * UTF-8 and `ascii` is not asked for. Columns: of the terminal, else COLUMNS, else 80.
 */
void terminal_fit(struct paint *paint, enum color_when color, bool ascii);

/* Width of the terminal on stdout, or 0 where it is none: nothing is cut then. */
unsigned terminal_width(void);

/* How many lines the terminal on stdout shows. */
size_t terminal_rows(void);

/* Whether stdout is a terminal that can be drawn over again. */
bool terminal_redraws(void);

#endif
