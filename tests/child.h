/* A child of a unit test that is looked at from outside. */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include "source/procdir.h"

/* Runs `body`, which does not return; opens its folder. Its number. */
int child_start(void (*body)(void), struct procdir *ret);

/* Kills it: it must have lived until now. */
void child_end(int pid, struct procdir *dir);

#endif
