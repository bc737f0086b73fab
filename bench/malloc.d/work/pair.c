/*
 * A pair of malloc and free with everything in cache: 64 bytes at once freed again, while a few
 * more of the size are alive, as they always are in a program; and a random one of a thousand
 * blocks of 16 to 1024 bytes replaced. The same loops serve for time and, under a simulator or a
 * stepper, for instructions.
 */
#include "work.h"

#include <signal.h>
#include <stdlib.h>

enum { SIZE = 64, SLOTS = 1000, CHOICES = 1 << 14, LOW = 16, HIGH = 1024, WARM = 2000, ALIVE = 8 };

/* Where the stepper begins and ends to count. */
static void mark_for_stepper(void)
{
	if (getenv("BENCH_STEP"))
		raise(SIGUSR1);
}

static void pairs(uint64_t n)
{
	volatile char *block;

	while (n--) {
		block = malloc(SIZE);
		*block = 1;
		free((char *)block);
	}
}

uint64_t pair(const struct job *job)
{
	void *alive[ALIVE];
	uint64_t begin;
	size_t i;

	for (i = 0; i < ALIVE; i++)
		alive[i] = need(malloc(SIZE));
	pairs(WARM);
	begin = cpu_ns();
	mark_for_stepper();
	pairs(job->n);
	mark_for_stepper();
	say("ns %.3f\n", (double)(cpu_ns() - begin) / (double)job->n);
	for (i = 0; i < ALIVE; i++)
		free(alive[i]);
	return job->n;
}

struct choice {
	uint16_t slot, size;
};

static void replace(char **slots, const struct choice *choices, uint64_t n)
{
	const struct choice *choice;
	uint64_t i;

	for (i = 0; i < n; i++) {
		choice = &choices[i % CHOICES];
		free(slots[choice->slot]);
		slots[choice->slot] = malloc(choice->size);
		*(volatile char *)slots[choice->slot] = 1;
	}
}

uint64_t pair_random(const struct job *job)
{
	struct choice *choices = reserve(CHOICES * sizeof(*choices));
	char **slots = reserve(SLOTS * sizeof(*slots));
	struct dice dice = dice_new(21);
	uint64_t begin;
	size_t i;

	for (i = 0; i < CHOICES; i++)
		choices[i] = (struct choice){(uint16_t)below(&dice, SLOTS),
					     (uint16_t)between(&dice, LOW, HIGH)};
	replace(slots, choices, CHOICES);
	begin = cpu_ns();
	mark_for_stepper();
	replace(slots, choices, job->n);
	mark_for_stepper();
	say("ns %.3f\n", (double)(cpu_ns() - begin) / (double)job->n);
	for (i = 0; i < SLOTS; i++)
		free(slots[i]);
	return job->n;
}
