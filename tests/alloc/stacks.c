/*
 * The stacks of samples beside those that the unwinder finds from within the program: each call is
 * made from frames of all kinds, known and unknown, in random order, so that whoever remembers of
 * one what is not true of the next is found.
 */
#include "check.h"

#include "../../include/plat/alloc.h"

#include <alloca.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

extern __typeof__(plat_malloc_set) plat_malloc_set __attribute__((weak));
extern __typeof__(plat_visit_sites) plat_visit_sites __attribute__((weak));

/* What lies in a function is known by its address. */
#define FUNCTION_BYTES 1024
#define NOT_INLINED __attribute__((noinline, noclone, aligned(FUNCTION_BYTES)))
/* Frames of a site that are compared, without the innermost one. */
#define FRAMES 15
#define DEPTH 3
#define KINDS 6
#define NSTACKS 4096

struct stack {
	size_t n;
	uintptr_t frames[FRAMES + 2];
};

/* What the unwinder found, each once: in the place of its hash, or one behind. */
static struct stack stacks[NSTACKS];

static size_t hash_of(const struct stack *stack)
{
	size_t hash = 0, i;

	for (i = 0; i < stack->n; i++)
		hash = (hash ^ stack->frames[i]) * (size_t)UINT64_C(0x9e3779b97f4a7c15);
	return hash >> 20;
}

/* Where it is, or where it would be. */
static struct stack *place_of(const struct stack *stack)
{
	size_t i = hash_of(stack) % NSTACKS;

	while (stacks[i].n > 0 && memcmp(&stacks[i], stack, sizeof(*stack)) != 0)
		i = (i + 1) % NSTACKS;
	return &stacks[i];
}

static _Unwind_Reason_Code take(struct _Unwind_Context *context, void *data)
{
	struct stack *stack = data;
	uintptr_t ip = _Unwind_GetIP(context);

	if (ip != 0)
		stack->frames[stack->n++] = ip;
	return ip != 0 && stack->n < ARRAY_SIZE(stack->frames) ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

/* A stack begins behind its caller. */
static NOT_INLINED void remember_stack(void)
{
	struct stack stack = {.n = 0};

	_Unwind_Backtrace(take, &stack);
	stack.n -= 2;
	memmove(stack.frames, stack.frames + 2, stack.n * sizeof(stack.frames[0]));
	memset(stack.frames + stack.n, 0, 2 * sizeof(stack.frames[0]));
	*place_of(&stack) = stack;
}

static NOT_INLINED void make_block(void)
{
	remember_stack();
	free(opaque(malloc(100)));
}

/* As a thread's first frame, so that no other one is found by the frame pointer. */
static NOT_INLINED void *make_blocks_beside(void *data)
{
	unsigned i;

	for (i = 1; i <= 2000; i++) {
		char *bytes = alloca(opaque_size(16 * (i % 4 + 1)));

		opaque(bytes);
		remember_stack();
		free(opaque(malloc(100)));
	}
	return data;
}

/* --- frames --- */

static void go_on(unsigned path, unsigned depth);

static NOT_INLINED void in_a_small_frame(unsigned path, unsigned depth)
{
	go_on(path, depth);
	__asm__ volatile("" : : : "memory");
}

static NOT_INLINED void in_a_large_frame(unsigned path, unsigned depth)
{
	char bytes[5000];

	opaque(bytes);
	go_on(path, depth);
	opaque(bytes);
}

/* Stale addresses of other stacks lie around where it ends. */
static NOT_INLINED void in_a_frame_of_any_size(unsigned path, unsigned depth)
{
	char *bytes = alloca(opaque_size(16 * (path % 50 + 1)));

	opaque(bytes);
	go_on(path, depth);
	opaque(bytes);
}

static NOT_INLINED void in_an_aligned_frame(unsigned path, unsigned depth)
{
	_Alignas(256) char bytes[256];

	opaque(bytes);
	go_on(path, depth);
	opaque(bytes);
}

/* With arguments on the stack: where it ends stands beside what it has to save. */
static NOT_INLINED void align_anew(unsigned path, unsigned depth, size_t a, size_t b, size_t c,
				   size_t d, size_t e, size_t f)
{
	_Alignas(256) char bytes[256];
	char *more = alloca(opaque_size(16 * (path % 50 + 1)));

	opaque(bytes);
	go_on(path, depth);
	opaque(bytes);
	opaque(more);
	opaque_size(a + b * c + d * e * f);
}

static NOT_INLINED void in_an_aligned_frame_with_arguments(unsigned path, unsigned depth)
{
	align_anew(path, depth, 1, 2, 3, 4, 5, 6);
	__asm__ volatile("" : : : "memory");
}

/* Two calls from one frame. */
static NOT_INLINED void in_a_frame_that_calls_twice(unsigned path, unsigned depth)
{
	if (path % 2)
		go_on(path, depth);
	else
		go_on(path + 1, depth);
	__asm__ volatile("" : : : "memory");
}

static void (*const frames[KINDS])(unsigned path, unsigned depth) = {
	in_a_small_frame,
	in_a_large_frame,
	in_a_frame_of_any_size,
	in_an_aligned_frame,
	in_an_aligned_frame_with_arguments,
	in_a_frame_that_calls_twice,
};

static void go_on(unsigned path, unsigned depth)
{
	if (depth == 0)
		make_block();
	else
		frames[path % KINDS](path / KINDS, depth - 1);
}

/* --- sites --- */

struct count {
	uintptr_t function; /* that the block was made in */
	size_t least;	    /* frames; of fewer nothing is known */
	size_t right, wrong;
};

static int count_site(const struct plat_site *site, void *data)
{
	struct count *count = data;
	struct stack stack = {.n = 0};
	size_t i;

	if (site->nframes < count->least ||
	    (uintptr_t)site->frames[0] - count->function >= FUNCTION_BYTES)
		return 0;
	for (i = 1; i < site->nframes; i++)
		stack.frames[stack.n++] = (uintptr_t)site->frames[i];
	*(place_of(&stack)->n > 0 ? &count->right : &count->wrong) += site->nsamples;
	return 0;
}

static void check_stacks(void *function, size_t least)
{
	struct count count = {(uintptr_t)function, least, 0, 0};

	check(plat_malloc_set("PLAT_SAMPLE", "0") == 0);
	check(plat_visit_sites(count_site, &count) == 0);
	if (count.right + count.wrong < 1000)
		skip("there is no unwinder that takes no lock");
	check_with(count.wrong == 0, "%zu are right, %zu are not", count.right, count.wrong);
}

/* Where the unwinder is not asked, there are only short ones. */
static void stacks_are_the_unwinder_s(void)
{
	unsigned i, path = 1;

	needs_ours("it has no profile");
	check(plat_malloc_set("PLAT_SAMPLE", "1") == 0);
	for (i = 0; i < 20000; i++) {
		path = path * 1664525u + 1013904223u;
		go_on(path >> 8, DEPTH);
	}
	check_stacks((void *)make_block, DEPTH + 2);
}

static void stacks_begin_in_a_frame_of_any_size(void)
{
	pthread_t thread;

	needs_ours("it has no profile");
	check(plat_malloc_set("PLAT_SAMPLE", "1") == 0);
	check(pthread_create(&thread, NULL, make_blocks_beside, NULL) == 0);
	check(pthread_join(thread, NULL) == 0);
	check_stacks((void *)make_blocks_beside, 3);
}

static const struct test tests[] = {
	{TEST(stacks_are_the_unwinder_s)},
	{TEST(stacks_begin_in_a_frame_of_any_size)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
