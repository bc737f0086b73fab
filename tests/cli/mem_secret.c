/*
 * A program with secrets and their like, by libplat. It says where each is, as "WORD ADDRESS", then
 * "ready", and lives until its standard input ends; or, told to "crash", aborts.
 *
 *	hidden, anonymous	secrets of 32 bytes, closed
 *	open			a hidden one of 32 bytes, open for writing
 *	locked			a page that is locked
 *	guard			a page that is a guard, between two that are none
 *	control			32 bytes on the heap
 *
 * Each secret is a text that the program's file does not hold, and so is the control; see word().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <plat/lock.h>
#include <plat/protect.h>
#include <plat/secret.h>

#define BYTES 32

/* "KEEP-KEEP-..." with the letter of its own in the place of the dashes, and byte by byte, so that
 * no register holds more than one. */
static void word(volatile char *to, char letter)
{
	static const char hidden[] = "LBBW";
	size_t i;

	for (i = 0; i < BYTES; i++)
		to[i] = i % 5 == 4 ? letter : (char)(hidden[i % 5] ^ 7);
}

static void *secret(const char *name, int flags, char letter)
{
	void *p;

	if (plat_secret_new(BYTES, 0, flags, &p) < 0) {
		printf("%s none\n", name);
		return NULL;
	}
	if (plat_secret_open(p, PLAT_SECRET_WRITE) < 0)
		exit(1);
	word(p, letter);
	printf("%s %p\n", name, p);
	return p;
}

static void close_secret(void *p)
{
	if (p && plat_secret_close(p, PLAT_SECRET_WRITE) < 0)
		exit(1);
}

static void other_memory(size_t page)
{
	char *p = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *control = malloc(BYTES);

	if (p == MAP_FAILED || !control || plat_guard_add(p + page, page) < 0)
		exit(1);
	p[0] = p[2 * page] = 1;
	word(control, '=');
	printf("guard %p\n", (void *)(p + page));
	printf("locked %s%p\n", plat_lock(p + 5 * page, page) < 0 ? "none " : "",
	       (void *)(p + 5 * page));
	printf("control %p\n", (void *)control);
}

int main(int argc, char **argv)
{
	void *hidden = secret("hidden", PLAT_SECRET_HIDDEN, 'h');
	void *anonymous = secret("anonymous", PLAT_SECRET_ANONYMOUS, 'a');

	close_secret(hidden);
	close_secret(anonymous);
	(void)secret("open", PLAT_SECRET_HIDDEN, 'o');
	(void)secret("open-anonymous", PLAT_SECRET_ANONYMOUS, 'n');
	other_memory((size_t)sysconf(_SC_PAGESIZE));
	printf("ready\n");
	fflush(stdout);
	if (argc > 1 && strcmp(argv[1], "crash") == 0)
		abort();
	while (getchar() != EOF)
		;
	return 0;
}
