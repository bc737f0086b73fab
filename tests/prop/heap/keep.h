/* Keeps a worker as it stands when something was wrong, to be looked at again at leisure. */
#ifndef PROP_HEAP_KEEP_H
#define PROP_HEAP_KEEP_H

/* All memory of a stopped process, into a file that `plat heap` and others take. */
void keep_snapshot(int process, const char *path);

#endif
