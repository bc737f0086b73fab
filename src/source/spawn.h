/*
 * Starts a command in two steps, so that whoever wants to watch it has taken hold of it before its
 * first instruction:
 *
 *     spawn_start()   a child, waiting; it is still plat
 *     spawn_go()      it takes its settings and executes the command
 *     spawn_ask()     whether that worked
 *
 * The settings are the child's alone; plat stays as it is.
 */
#ifndef SOURCE_SPAWN_H
#define SOURCE_SPAWN_H

#include <signal.h>
#include <stdint.h>

#include "base/error.h"

enum spawn_setting {
	SPAWN_LEGACY = 1,  /* ADDR_COMPAT_LAYOUT */
	SPAWN_NO_ASLR = 2, /* ADDR_NO_RANDOMIZE */
	SPAWN_STACK = 4,   /* RLIMIT_STACK */
};

struct spawn {
	char **argv;	    /* the command; ends with NULL */
	char **environment; /* as well; NULL: that of plat */
	unsigned settings;  /* of enum spawn_setting */
	uint64_t stack;	    /* for SPAWN_STACK: bytes, or LIMIT_INFINITE */
	/* What the command shall inherit, where the caller has changed its own. */
	sigset_t mask;
	struct sigaction on_child;
};

struct spawned {
	int pid;
	int go, report; /* pipes; report becomes readable when there is something to ask */
};

/* The errors of the command itself, which a shell would tell by exit status, are positive. */
enum spawn_state { SPAWN_WAITING, SPAWN_RUNS, SPAWN_NOT_FOUND, SPAWN_NOT_EXECUTABLE };

/* 0, and the caller goes on with spawn_go(), waits for the child and calls spawn_fini(); -errno. */
int spawn_start(const struct spawn *spawn, struct spawned *ret, struct error *err) MUST_CHECK;
void spawn_go(struct spawned *spawned);
void spawn_fini(struct spawned *spawned);

/* An enum spawn_state, or a negative errno where a setting was refused. Never waits. */
int spawn_ask(struct spawned *spawned, const struct spawn *spawn, struct error *err) MUST_CHECK;

/* Whether the settings would be granted, tried out in a child that does nothing else. */
int spawn_check(const struct spawn *spawn, struct error *err) MUST_CHECK;

#endif
