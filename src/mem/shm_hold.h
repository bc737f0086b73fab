/*
 * Locks that say who has a shared object open. They are of open file descriptions (F_OFD_SETLK): a
 * mapping keeps its description, and so its lock, until it is gone, also when its descriptor was
 * closed, and also in the child of a fork; the kernel drops it when a process dies.
 *
 *	read lock	somebody has the object open
 *	write lock	somebody alone is about to remove the name; who opens it waits, and finds
 *			it gone
 */
#ifndef MEM_SHM_HOLD_H
#define MEM_SHM_HOLD_H

#include <stdbool.h>

/* Holds it; waits for whoever is removing it. -EBUSY: that takes too long. */
int plat__shm_hold(int fd);

/* Holds it alone; false: others hold it, or we may not. `fd` must be open to write. */
bool plat__shm_hold_alone(int fd);

/* Whether others hold it; nothing changes. */
bool plat__shm_is_held(int fd);

/*
 * Waits a little for another process; *nturns is 0 before the first time. false: it has been so
 * long, five seconds, that the other was stopped, or means ill.
 */
bool plat__shm_wait(unsigned *nturns);

#endif
