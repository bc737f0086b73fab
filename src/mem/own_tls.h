/*
 * Thread-local words of ours, which signal handlers read. With glibc, what is not in the static
 * model is made when it is first touched, by malloc; musl makes all of it when a thread begins, and
 * loads no library with variables in the static model while a program runs.
 */
#ifndef MEM_OWN_TLS_H
#define MEM_OWN_TLS_H

#include <features.h>

#ifdef __GLIBC__
#define PLAT__OWN_TLS __thread __attribute__((tls_model("initial-exec")))
#else
#define PLAT__OWN_TLS __thread
#endif

#endif
