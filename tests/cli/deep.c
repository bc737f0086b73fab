/* A library that is bound with RTLD_DEEPBIND: its malloc is the C library's. */
#include <stdlib.h>

void *make(void);

void *make(void)
{
	return malloc(100);
}
