/* For processors without code of their own. */
#include "heap/scan.h"

const struct scan_code *scan_code_here(void)
{
	return &scan_code_any;
}
