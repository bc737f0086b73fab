/*
 * Threads on stacks of libplat, and a stack that nobody stands on. Says where they are, as
 *
 *	NAME BASE END GUARD HIGH-WATER-MARK
 *
 * and "ready PID", and waits until its input ends.
 */
#include <plat/stack.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_barrier_t all_stand;

static __attribute__((noinline)) void go_deep(void)
{
	char frame[24000];

	memset(frame, 1, sizeof(frame));
	__asm__ volatile("" : : "r"(frame) : "memory");
}

/* Deeper than all that comes later, as to find a function that is called for the first time. */
static void *stand_there(void *data)
{
	go_deep();
	pthread_barrier_wait(&all_stand);
	for (;;)
		pause();
	return data;
}

static void say(const char *name, const struct plat_stack *stack)
{
	char *base = stack->base;
	size_t used = 0;

	plat_stack_high_water(stack, &used);
	printf("%s %p %p %p %zu\n", name, stack->base, (void *)(base + stack->size),
	       (void *)(base - stack->guard_size), used);
}

int main(void)
{
	struct plat_thread *ours;
	struct plat_stack given, empty;
	pthread_attr_t attr;
	pthread_t thread;
	char byte;

	pthread_barrier_init(&all_stand, NULL, 3);
	if (pthread_attr_init(&attr) != 0 ||
	    plat_thread_new(256 * 1024, 0, stand_there, NULL, &ours) < 0 ||
	    plat_stack_new(512 * 1024, 128 * 1024, &given) < 0 ||
	    plat_stack_attach(&given, &attr) < 0 ||
	    pthread_create(&thread, &attr, stand_there, NULL) != 0 ||
	    plat_stack_new(64 * 1024, 0, &empty) < 0)
		return 1;
	pthread_setname_np(ours->id, "ours");
	pthread_setname_np(thread, "given");
	pthread_barrier_wait(&all_stand);
	say("ours", &ours->stack);
	say("given", &given);
	say("empty", &empty);
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
