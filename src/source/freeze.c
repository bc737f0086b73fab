/*
 * The tracer is a thread of plat's own that does nothing else: it stops the process, waits for the
 * end of the look or of the time that there is, and lets it go. When it ends, the kernel lets go
 * whoever was late to stop, and would have done so for all.
 *
 *     plat    begin ..... | reads ............. end |
 *     tracer        stop  | waits ................. | release
 */
#include "source/freeze.h"

#include "base/assert.h"
#include "source/clock.h"
#include "source/copy.h"
#include "source/snapshot.h"
#include "source/track.h"
#include "space/space.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE (2 * NS_PER_S) /* while no further thread stops */
#define THREAD_TIME 30000	/* ns to stop one and take its registers */

enum phase { STOPPING, HELD, RELEASED };

struct freeze {
	const struct procdir *dir;
	struct freeze_wish wish;
	struct freeze_told told;
	struct copy *copy; /* or NULL */

	pthread_t tracer;
	bool has_tracer;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	enum phase phase;
	bool is_over; /* the look */
	bool was_cut;
	int result; /* of stopping */
	struct stop stop;
	struct error err;
};

/* --- the tracer --- */

static struct stop_wait wait_of(const struct freeze *freeze)
{
	uint64_t most = freeze->wish.most;

	return (struct stop_wait){PATIENCE, most ? clock_now() + most : UINT64_MAX};
}

static void enter(struct freeze *freeze, enum phase phase)
{
	pthread_mutex_lock(&freeze->lock);
	freeze->phase = phase;
	pthread_cond_signal(&freeze->changed);
	pthread_mutex_unlock(&freeze->lock);
}

/* Until the look is over, or its time. */
static void await_end(struct freeze *freeze)
{
	uint64_t until = freeze->stop.began + freeze->wish.most;
	const struct timespec time = {(time_t)(until / NS_PER_S), (long)(until % NS_PER_S)};

	pthread_mutex_lock(&freeze->lock);
	while (!freeze->is_over && !freeze->was_cut) {
		if (freeze->wish.most == 0)
			pthread_cond_wait(&freeze->changed, &freeze->lock);
		else if (pthread_cond_timedwait(&freeze->changed, &freeze->lock, &time) ==
			 ETIMEDOUT)
			freeze->was_cut = !freeze->is_over;
	}
	pthread_mutex_unlock(&freeze->lock);
}

static void *trace(void *context)
{
	struct freeze *freeze = context;
	const struct stop_wait wait = wait_of(freeze);

	freeze->result = stop_all(freeze->dir, &wait, &freeze->stop, &freeze->err);
	if (freeze->result == 0)
		freeze->result = stop_take_registers(&freeze->stop);
	if (freeze->result == 0 && freeze->wish.rung >= FREEZE_COPY) {
		enter(freeze, HELD);
		await_end(freeze);
	}
	stop_release(&freeze->stop);
	enter(freeze, RELEASED);
	return NULL;
}

/* It takes no signals: those of plat are for its first thread. */
static int start_tracer(struct freeze *freeze)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&freeze->tracer, NULL, trace, freeze);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	freeze->has_tracer = r == 0;
	return -r;
}

/* --- the looker --- */

static int await_stop(struct freeze *freeze)
{
	pthread_mutex_lock(&freeze->lock);
	while (freeze->phase == STOPPING)
		pthread_cond_wait(&freeze->changed, &freeze->lock);
	pthread_mutex_unlock(&freeze->lock);
	return freeze->result;
}

static const char *const rung_names[] = {"never", "registers", "copy", "whole"};

const char *freeze_rung_name(enum freeze_rung rung)
{
	return rung_names[rung];
}

/* How a snapshot was taken is how it was looked at. */
static void recall(struct snapshot *snapshot, struct freeze_told *told)
{
	char name[16];
	unsigned rung;

	snapshot_text(snapshot, "rung", name, sizeof(name));
	for (rung = 0; rung < ARRAY_SIZE(rung_names); rung++)
		if (strcmp(name, rung_names[rung]) == 0)
			told->rung = rung;
	told->pause = snapshot_number(snapshot, "pause", 0);
	told->was_cut = snapshot_number(snapshot, "was-cut", 0);
	snapshot_text(snapshot, "pause-why", told->why, sizeof(told->why));
}

static struct freeze *new_freeze(const struct procdir *dir, const struct freeze_wish *wish)
{
	struct freeze *freeze = calloc(1, sizeof(*freeze));
	pthread_condattr_t monotonic;

	if (!freeze)
		return NULL;
	freeze->dir = dir;
	freeze->wish = *wish;
	freeze->told.rung = dir->live ? wish->rung : FREEZE_NEVER;
	if (dir->snapshot)
		recall(dir->snapshot, &freeze->told);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&freeze->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&freeze->lock, NULL);
	return freeze;
}

static int stop_it(struct freeze *freeze, struct error *err)
{
	int r = start_tracer(freeze);

	if (r == 0)
		r = await_stop(freeze);
	if (r == 0)
		return 0;
	if (*freeze->err.text)
		return fail(err, r, "%s", freeze->err.text);
	return fail(err, -r, "%d: it cannot be stopped", freeze->dir->pid);
}

static int copy_it(struct freeze *freeze, struct error *err)
{
	int r = copy_new(freeze->dir, freeze->wish.inject, &freeze->copy, err);

	if (r == 0)
		r = stop_it(freeze, err);
	if (r < 0)
		return r;
	r = copy_finish(freeze->copy, err);
	freeze_end(freeze);
	freeze->told.copied = copy_told(freeze->copy).bytes;
	freeze->told.changed = copy_told(freeze->copy).changed;
	return r;
}

static int climb(struct freeze *freeze, struct error *err)
{
	switch (freeze->told.rung) {
	case FREEZE_NEVER:
		return 0;
	case FREEZE_COPY:
		return copy_it(freeze, err);
	case FREEZE_WHOLE:
		if (freeze->wish.is_held)
			return stop_adopt(freeze->dir, &freeze->stop, err);
		return stop_it(freeze, err);
	default:
		return stop_it(freeze, err);
	}
}

/*
 * A whole look takes about three times as long as reading what it reads; what has changed while it
 * was copied is taken to be a twentieth, beside the walk of the page tables. A thread's registers
 * take some 30 microseconds, most of them to wait for it.
 */
static enum freeze_rung best_rung(const struct freeze *freeze)
{
	uint64_t copying = copy_estimate(freeze->dir), most = freeze->wish.most;
	uint64_t short_copy = copying;
	char threads[32];

	procdir_line(freeze->dir, "status", "\nThreads:", threads, sizeof(threads));
	if (freeze->wish.inject || track_has_soft_dirty())
		short_copy = copying / 20 + NS_PER_MS;
	if (copying <= most / 3)
		return FREEZE_WHOLE;
	if (copying != UNKNOWN && short_copy <= most)
		return FREEZE_COPY;
	if (strtoull(threads, NULL, 10) * THREAD_TIME + NS_PER_MS / 2 <= most)
		return FREEZE_REGISTERS;
	return FREEZE_NEVER;
}

static void choose_rung(struct freeze *freeze)
{
	enum freeze_rung rung = best_rung(freeze);

	if (rung < freeze->wish.rung)
		freeze->wish.rung = freeze->told.rung = rung;
}

int freeze_begin(const struct procdir *dir, const struct freeze_wish *wish, struct freeze **ret,
		 struct error *err)
{
	struct freeze *freeze = new_freeze(dir, wish);
	int r;

	if (!freeze)
		return fail(err, ENOMEM, "%d: it cannot be stopped", dir->pid);
	if (dir->live && wish->may_be_less)
		choose_rung(freeze);
	r = dir->live ? climb(freeze, err) : 0;
	if (r < 0)
		freeze_free(freeze);
	else
		*ret = freeze;
	return r;
}

struct reader *freeze_reader(struct freeze *freeze, struct reader *live)
{
	return freeze->copy ? copy_reader(freeze->copy, live) : live;
}

const struct stop_thread *freeze_threads(const struct freeze *freeze, size_t *n)
{
	*n = freeze->stop.nthreads;
	return freeze->stop.threads;
}

static void say(struct freeze *freeze)
{
	struct freeze_told *told = &freeze->told;

	told->pause = freeze->stop.ended - freeze->stop.began;
	told->nthreads = freeze->stop.nthreads;
	told->was_cut = freeze->was_cut;
	if (*freeze->stop.why.text)
		snprintf(told->why, sizeof(told->why), "%s", freeze->stop.why.text);
	else if (freeze->was_cut)
		snprintf(told->why, sizeof(told->why),
			 "the look took longer than it was to stand still: it went on before its "
			 "end");
}

void freeze_end(struct freeze *freeze)
{
	if (!freeze->has_tracer)
		return;
	pthread_mutex_lock(&freeze->lock);
	freeze->is_over = true;
	pthread_cond_signal(&freeze->changed);
	pthread_mutex_unlock(&freeze->lock);
	pthread_join(freeze->tracer, NULL);
	freeze->has_tracer = false;
	say(freeze);
}

const struct freeze_told *freeze_told(const struct freeze *freeze)
{
	assert(!freeze->has_tracer);
	return &freeze->told;
}

void freeze_free(struct freeze *freeze)
{
	if (!freeze)
		return;
	freeze_end(freeze);
	copy_free(freeze->copy);
	stop_fini(&freeze->stop);
	pthread_cond_destroy(&freeze->changed);
	pthread_mutex_destroy(&freeze->lock);
	free(freeze);
}

/* --- words --- */

const char *freeze_words(const struct freeze_told *told, char to[FREEZE_WORDS_SIZE])
{
	double ms = (double)told->pause / (double)NS_PER_MS;
	const char *rest = *told->why ? ": " : "";

	switch (told->rung) {
	case FREEZE_NEVER:
		snprintf(to, FREEZE_WORDS_SIZE, "looked at while it ran%s%s", rest, told->why);
		break;
	case FREEZE_REGISTERS:
		snprintf(to, FREEZE_WORDS_SIZE,
			 "stopped for %.1f ms, then looked at while it ran%s%s", ms, rest,
			 told->why);
		break;
	case FREEZE_COPY:
		snprintf(to, FREEZE_WORDS_SIZE, "copied, and stopped for %.1f ms%s%s", ms, rest,
			 told->why);
		break;
	default:
		snprintf(to, FREEZE_WORDS_SIZE, "stopped for %.1f ms%s%s", ms, rest, told->why);
	}
	return to;
}
