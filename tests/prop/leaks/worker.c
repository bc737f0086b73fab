/*
 * Loses blocks, and holds others in every place there is; says in the log which, and stands still
 * with all its threads.
 *
 *	leaks-worker LOG SEED own|libc [LIBRARY]	of library.c
 *
 * Where it is linked with leaks_examine(), a thread that is not counted calls that once all stand.
 */
#include "build.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS_MOST 5
#define STACK_BYTES (256 << 10)
#define ALTERNATE_BYTES (64 << 10)

enum phase {
	PHASE_EARLY, /* what the C library allocates for, and what must not be done at once */
	PHASE_THREAD_EARLY,
	PHASE_REST,
};

static bool fits(const struct place *place, enum phase phase)
{
	switch (phase) {
	case PHASE_EARLY:
		return place->is_early || place->is_main;
	case PHASE_THREAD_EARLY:
		return place->is_early && !place->is_main;
	default:
		return !place->is_early && !place->is_main;
	}
}

static void make(struct structure *structure, const struct place *place, uint64_t *seed)
{
	if (place->single)
		structure_make_single(structure, place->single, seed);
	else
		structure_make(structure, seed);
}

static void hold_one(struct standing *standing, const struct place *place)
{
	struct structure structure;

	make(&structure, place, &standing->seed);
	if (place->put(standing, &structure)) {
		structure_note(&structure, place->state ? place->state : NOTE_HELD, place->name);
	} else {
		structure_note(&structure, NOTE_HELD, "bss");
		hold_in_bss(structure.entry);
	}
}

static void lose_one(struct standing *standing, const struct place *place)
{
	struct structure structure;

	make(&structure, place, &standing->seed);
	structure_note(&structure, NOTE_LOST,
		       place->put(standing, &structure) ? place->name : NULL);
}

static __attribute__((noinline)) void do_phase(struct standing *standing, enum phase phase)
{
	size_t i, n = 10 + draw_below(&standing->seed, 30);

	for (i = 0; i < n; i++) {
		const struct place *place = &hold_places[draw_below(&standing->seed, nhold_places)];

		if (fits(place, phase))
			hold_one(standing, place);
		if (phase == PHASE_REST && !standing->is_careless && draw_below(&standing->seed, 2))
			lose_one(standing, &lose_places[draw_below(&standing->seed, nlose_places)]);
	}
}

static void standing_init(struct standing *standing, uint64_t seed)
{
	memset(standing, 0, sizeof(*standing));
	standing->seed = seed;
	registers_init(&standing->registers);
}

_Noreturn static void be_ready(struct standing *standing, void *end)
{
	__atomic_fetch_add(&shared->ready, 1, __ATOMIC_SEQ_CST);
	stand(&standing->registers, end);
}

/*
 * Threads.
 */

enum habit { HABIT_PLAIN, HABIT_OWN_STACK, HABIT_SIGNAL, HABIT_SIGNAL_BLOCK, NHABITS };

struct start {
	uint64_t seed;
	enum habit habit;
};

static struct start starts[THREADS_MOST];
static __thread struct standing *current;

static void on_signal(int signal)
{
	_Alignas(16) void *volatile here[STACK_WORDS];
	size_t i;

	(void)signal;
	for (i = 0; i < STACK_WORDS; i++)
		here[i] = unhide(&current->alternate[i]);
	be_ready(current, (void *)here);
}

/* On memory that nobody but the kernel knows to be a stack. */
_Noreturn static void be_ready_in_handler(struct standing *standing, bool is_block)
{
	stack_t stack = {.ss_size = ALTERNATE_BYTES};

	if (is_block) {
		stack.ss_sp = block_make(ALTERNATE_BYTES, &standing->seed);
		note_block(stack.ss_sp, ALTERNATE_BYTES, NOTE_HELD, "signal_stack_block");
	} else {
		stack.ss_sp = mmap(NULL, ALTERNATE_BYTES, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	sigaltstack(&stack, NULL);
	current = standing;
	raise(SIGUSR1);
	_exit(6);
}

static void *live(void *context)
{
	const struct start *start = context;
	struct standing standing;

	standing_init(&standing, start->seed);
	standing.is_careless = start->habit != HABIT_PLAIN;
	standing.has_alternate = start->habit >= HABIT_SIGNAL;
	do_phase(&standing, PHASE_THREAD_EARLY);
	do_phase(&standing, PHASE_REST);
	/* Of a stack in a block all is looked at, and of one that it is not on it may be. */
	if (standing.is_careless)
		scrub(STACK_BYTES / 2);
	if (standing.has_alternate)
		be_ready_in_handler(&standing, start->habit == HABIT_SIGNAL_BLOCK);
	be_ready(&standing, &standing);
}

static __attribute__((noinline)) void start_thread(struct start *start, uint64_t *seed)
{
	pthread_attr_t attributes;
	pthread_t thread;
	void *stack = NULL;

	start->seed = draw(seed);
	start->habit = (enum habit)(draw_below(seed, NHABITS));
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (start->habit == HABIT_OWN_STACK) {
		if (posix_memalign(&stack, 4096, STACK_BYTES) != 0)
			_exit(3);
		block_fill(stack, STACK_BYTES);
		note_block(stack, STACK_BYTES, NOTE_HELD, "thread_stack_block");
		pthread_attr_setstack(&attributes, stack, STACK_BYTES);
	}
	if (pthread_create(&thread, &attributes, live, start) != 0)
		_exit(7);
	pthread_attr_destroy(&attributes);
}

void leaks_examine(void) __attribute__((weak));

static void *examine(void *context)
{
	while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < shared->nthreads)
		usleep(1000);
	leaks_examine();
	return context;
}

static __attribute__((noinline)) void start_threads(unsigned n, uint64_t *seed)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	pthread_t thread;
	unsigned i;

	sigaction(SIGUSR1, &action, NULL);
	for (i = 0; i < n; i++)
		start_thread(&starts[i], seed);
	if (leaks_examine)
		pthread_create(&thread, NULL, examine, NULL);
	/* Stacks of threads that are gone are used again: none comes after these. */
	while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < n)
		usleep(1000);
	lose_with_threads(seed);
}

static struct log *open_log(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *at = mmap(NULL, sizeof(struct log), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

int main(int argc, char **argv)
{
	struct standing standing;
	unsigned nthreads;

	shared = argc >= 4 ? open_log(argv[1]) : NULL;
	if (!shared)
		return 64;
	standing_init(&standing, strtoull(argv[2], NULL, 10));
	standing.is_main = true;
	is_own = strcmp(argv[3], "own") == 0;
	nthreads = (unsigned)(draw_below(&standing.seed, THREADS_MOST + 1));
	__atomic_store_n(&shared->nthreads, nthreads + 1, __ATOMIC_SEQ_CST);
	hold_init(argv[4]);
	do_phase(&standing, PHASE_EARLY);
	start_threads(nthreads, &standing.seed);
	do_phase(&standing, PHASE_REST);
	be_ready(&standing, &standing);
}
