/*
 * A thread, what is known of it, and its signal stack, in the mapping of its stack:
 *
 *     | guard | stack | guard | signal stack | struct thread |
 *
 * so that one call maps it all, and one frees it, when nobody can stand on it any more.
 */
#include "../include/plat/stack.h"

#include "mem/pages.h"
#include "mem/stack.h"
#include "mem/stack_bounds.h"

#include <errno.h>

struct thread {
	struct plat_thread shown;
	struct plat__bounds bounds;
	void *signal_stack;
	size_t signal_stack_size;
	void *(*run)(void *data);
	void *data;
};

/* Aligned as any stack's end would be. */
#define THREAD_SIZE ((sizeof(struct thread) + 63) & ~(size_t)63)

static void *begin(void *data)
{
	struct thread *thread = data;

	plat__bounds_set_own(&thread->bounds);
	/* Without it the thread runs as well, and nothing is said when its stack overflows. */
	(void)plat__signal_stack_use(thread->signal_stack, thread->signal_stack_size);
	return thread->run(thread->data);
}

static struct thread *place(const struct plat__known_stack *stack)
{
	size_t page = plat__page_size();
	struct thread *thread = (struct thread *)(stack->mapping_end - THREAD_SIZE);

	thread->shown.stack = (struct plat_stack){
		.base = (void *)stack->base,
		.size = stack->end - stack->base,
		.guard_size = stack->base - stack->start,
	};
	thread->bounds = (struct plat__bounds){stack->start, stack->base, stack->end};
	thread->signal_stack = (void *)(stack->end + page);
	thread->signal_stack_size = (uintptr_t)thread - (stack->end + page);
	return thread;
}

static int start(struct thread *thread)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (r != 0)
		return -r;
	r = pthread_attr_setstack(&attr, thread->shown.stack.base, thread->shown.stack.size);
	if (r == 0)
		r = pthread_create(&thread->shown.id, &attr, begin, thread);
	pthread_attr_destroy(&attr);
	return -r;
}

static void free_stack(uintptr_t base)
{
	struct plat__known_stack stack;
	struct plat__stack_slot *slot = plat__stack_table_claim(base, &stack);

	if (slot)
		plat__stack_unmap(slot, &stack);
}

int plat_thread_new(size_t stack_size, size_t guard_size, void *(*run)(void *data), void *data,
		    struct plat_thread **ret)
{
	struct plat__known_stack stack;
	struct thread *thread;
	int error = errno;
	int r = plat__overflow_handle();

	if (r == 0)
		r = plat__stack_map(stack_size, guard_size, plat__signal_stack_size() + THREAD_SIZE,
				    &stack);
	if (r < 0)
		return r;
	thread = place(&stack);
	thread->run = run;
	thread->data = data;
	r = start(thread);
	if (r == 0)
		*ret = &thread->shown;
	else
		free_stack(stack.base);
	errno = error;
	return r;
}

/* The thread at this address, claimed. What was joined is not read: it may be mapped no more. */
static struct plat__stack_slot *claim(struct plat_thread *thread, struct plat__known_stack *ret)
{
	struct plat__known_stack stack;

	if (!plat__stack_table_find((uintptr_t)thread, &stack) ||
	    (uintptr_t)thread != stack.mapping_end - THREAD_SIZE)
		return NULL;
	return plat__stack_table_claim(stack.base, ret);
}

static void unclaim(void *slot)
{
	plat__stack_table_unclaim(slot);
}

/* Who is cancelled while he waits leaves the thread to be joined by another. */
static int wait_for(pthread_t id, struct plat__stack_slot *slot, void **ret)
{
	int r;

	pthread_cleanup_push(unclaim, slot);
	r = pthread_join(id, ret);
	pthread_cleanup_pop(r != 0);
	return -r;
}

int plat_thread_join(struct plat_thread *thread, void **value)
{
	struct plat__known_stack stack;
	struct plat__stack_slot *slot;
	void *result;
	int r;

	if (!thread)
		return -ESRCH;
	slot = claim(thread, &stack);
	if (!slot)
		return -ESRCH;
	/* musl would wait for ever. */
	if (pthread_equal(thread->id, pthread_self())) {
		plat__stack_table_unclaim(slot);
		return -EDEADLK;
	}
	r = wait_for(thread->id, slot, &result);
	if (r < 0)
		return r;
	plat__stack_unmap(slot, &stack);
	if (value)
		*value = result;
	return 0;
}
