/* A crew of threads; see base/crew.h. */
#ifndef SOURCE_CREW_H
#define SOURCE_CREW_H

#include "base/crew.h"

/* One worker for each processor that this program may run on, CREW_MOST at most. */
struct crew crew_of_threads(void);

#endif
