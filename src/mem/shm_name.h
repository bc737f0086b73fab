/* Names of shared memory, and what lies behind them in /dev/shm. */
#ifndef MEM_SHM_NAME_H
#define MEM_SHM_NAME_H

#include <stdbool.h>

/* What follows the slash of a name; -EINVAL, -ENAMETOOLONG: none can be called so. */
int plat__shm_name(const char *name, const char **ret);

/* The folder with all of them, open: a descriptor, or a negative errno. */
int plat__shm_folder(void);

/*
 * Opens one, access O_RDWR or O_RDONLY: a descriptor, or a negative errno. -ENODEV: something else
 * has that name. Neither a FIFO nor a link that somebody has put there does harm.
 */
int plat__shm_open_at(int folder, const char *name, int access);

/* Whether that is still what the name stands for. */
bool plat__shm_is_named(int folder, const char *name, int fd);

#endif
