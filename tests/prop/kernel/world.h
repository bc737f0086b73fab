/*
 * A process whose address space is tested, and the model of it.
 *
 *	world_start(&world, &host, &setting, &err);
 *	world_model(&world, &model, &err);	what is mapped before the first request
 *	world_do(&world, &request, &result);	again and again
 *	world_stop(&world);
 */
#ifndef KERNEL_WORLD_H
#define KERNEL_WORLD_H

#include "host.h"
#include "protocol.h"
#include "setting.h"

#include <sys/types.h>

struct error;

struct world {
	const struct host *host;
	struct setting setting;
	pid_t pid;
	struct ring *ring;
	int ring_descriptor;
	int maps, smaps, status; /* open files of /proc/PID */
	uint64_t program_end;	 /* of its .bss: [RING_ADDRESS, program_end) must stay */
};

#define WORLD_EMPTY ((struct world){.ring_descriptor = -1, .maps = -1, .smaps = -1, .status = -1})

/* Starts the process and waits until it listens. 0, or a negative errno and a sentence. */
int world_start(struct world *world, const struct host *host, const struct setting *setting,
		struct error *err) MUST_CHECK;
/* Ends it. The ring is kept for the next one. */
void world_stop(struct world *world);
void world_fini(struct world *world);

/* Fills *ret from /proc and the setting, with the files of the host. 0 or a negative errno. */
int world_model(struct world *world, struct model *ret, struct error *err) MUST_CHECK;

/* Carries a request out. 0, or -ESRCH where the process is gone or does not answer. */
int world_do(struct world *world, const struct model_request *request,
	     struct model_result *ret) MUST_CHECK;
/* The same for up to RING_ENTRIES requests at once, none of them a fork. */
int world_do_many(struct world *world, const struct model_request *requests, size_t n,
		  struct model_result *ret) MUST_CHECK;

#endif
