/*
 * A thread has a secret on its stack, and wipes it before it ends; then the stack is looked
 * through. Built with all that the optimizer can do, so that it sees that nobody reads what is
 * wiped: memset
 * (-DWIPE=memset) is left out then. Exits 1 if the secret is still there.
 */
#include <plat/ops.h>

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define STACK (1024 * 1024)
#define SECRET 0xa7

static void wipe_by_memset(void *to, size_t n)
{
	memset(to, 0, n);
}

static volatile uint8_t sum;

static void *keep_secret(void *wipe_it)
{
	uint8_t secret[4096];
	size_t i;

	for (i = 0; i < sizeof(secret); i++)
		secret[i] = SECRET;
	__asm__ volatile("" : : "r"(secret) : "memory");
	sum = secret[sum];
	if (wipe_it)
		plat_memzero_explicit(secret, sizeof(secret));
	else
		wipe_by_memset(secret, sizeof(secret));
	return NULL;
}

int main(int argc, char **argv)
{
	uint8_t *stack =
		mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attr;
	pthread_t thread;
	size_t i, left = 0;

	(void)argv;
	if (stack == MAP_FAILED || pthread_attr_init(&attr) ||
	    pthread_attr_setstack(&attr, stack, STACK) ||
	    pthread_create(&thread, &attr, keep_secret, argc > 1 ? NULL : &sum) ||
	    pthread_join(thread, NULL))
		return 2;
	for (i = 0; i < STACK; i++)
		left += stack[i] == SECRET;
	return left >= 4096 / 2;
}
