/*
 * What a live process has at an address: in large pieces, which are copied in another way than
 * small ones, over pages of all sorts; and of the process that was opened, never of what it became.
 */
#include "source/content.h"

#include "base/assert.h"
#include "child.h"
#include "source/proc.h"
#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>

#define SMALL_PAGE 4096
#define NPAGES 64
#define LAND ((size_t)NPAGES * SMALL_PAGE)

static unsigned char *land; /* at the same place in the child */
static int ready[2], go[2];

static void tell_and_wait(void)
{
	char byte = 0;

	must(write(ready[1], &byte, 1) == 1);
	must(read(go[0], &byte, 1) == 1);
}

static void wait_until_ready(void)
{
	char byte;

	close(ready[1]);
	must(read(ready[0], &byte, 1) == 1);
}

static unsigned char byte_of(size_t page, size_t at)
{
	return (unsigned char)(page * 7 + at % 251 + 1);
}

static bool is_touched(size_t page)
{
	return page < 20 || page >= 30;
}

static void build_land(void)
{
	size_t page, at;

	for (page = 0; page < NPAGES; page++)
		for (at = 0; is_touched(page) && at < SMALL_PAGE; at++)
			land[page * SMALL_PAGE + at] = byte_of(page, at);
	/* Nobody can read these, and they are there. */
	must(mprotect(land + (size_t)40 * SMALL_PAGE, (size_t)10 * SMALL_PAGE, PROT_NONE) == 0);
}

static void be_land(void)
{
	build_land();
	tell_and_wait();
}

/* With 64 KiB of environment, and nothing at random: its stack is the same again after exec. */
static void be_two_programs(void)
{
	static char large[65536];
	char *const environment[] = {large, NULL};

	memset(large, 'x', sizeof(large) - 1);
	memcpy(large, "LARGE=", 6);
	personality(ADDR_NO_RANDOMIZE);
	dup2(ready[1], 8);
	dup2(go[0], 9);
	execle("/bin/sh", "sh", "-c", "echo >&8; read x <&9; exec sleep 1000", NULL, environment);
}

static int start(void (*body)(void), struct procdir *dir, struct space *space,
		 struct content *content)
{
	struct error err;
	int pid;

	must(pipe(ready) == 0 && pipe(go) == 0);
	pid = child_start(body, dir);
	wait_until_ready();
	assert_int_equal(proc_load(dir, 0, space, &err), 0);
	assert_int_equal(content_open(content, dir, space), 0);
	return pid;
}

static void end(int pid, struct procdir *dir, struct space *space, struct content *content)
{
	content_close(content);
	space_fini(space);
	child_end(pid, dir);
	close(ready[0]);
	close(go[0]);
	close(go[1]);
}

static void assert_land(const unsigned char *bytes, size_t from, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		size_t page = (from + i) / SMALL_PAGE, at = (from + i) % SMALL_PAGE;

		assert_int_equal(bytes[i], is_touched(page) ? byte_of(page, at) : 0);
	}
}

static void pages_of_all_sorts(void **state)
{
	static unsigned char bytes[LAND + 1];
	struct procdir dir;
	struct space space;
	struct content content;
	const size_t froms[] = {0, 1, SMALL_PAGE - 1, 17 * SMALL_PAGE + 5, 35 * SMALL_PAGE};
	size_t i;
	int pid;

	(void)state;
	land = mmap(NULL, LAND, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(land != MAP_FAILED);
	madvise(land, LAND, MADV_NOHUGEPAGE);
	pid = start(be_land, &dir, &space, &content);
	for (i = 0; i < sizeof(froms) / sizeof(*froms); i++) {
		size_t size = LAND - froms[i] - i;

		memset(bytes, 0xee, sizeof(bytes));
		assert_int_equal(
			reader_read(&content.reader, (uintptr_t)land + froms[i], bytes, size), 0);
		assert_land(bytes, froms[i], size);
		assert_int_equal(bytes[size], 0xee);
	}
	end(pid, &dir, &space, &content);
	munmap(land, LAND);
}

static void another_program_is_not_shown(void **state)
{
	static unsigned char bytes[32768];
	struct procdir dir;
	struct space space;
	struct content content;
	plat_addr from;
	int pid, i, r = 0;

	(void)state;
	pid = start(be_two_programs, &dir, &space, &content);
	from = space.process.env_start + 1024;
	assert_int_equal(reader_read(&content.reader, from, bytes, sizeof(bytes)), 0);
	assert_int_equal(bytes[100], 'x');
	must(write(go[1], "\n", 1) == 1);
	/* Until it is another; then for ever. */
	for (i = 0; r == 0 && i < 20000; i++) {
		usleep(1000);
		r = reader_read(&content.reader, from, bytes, sizeof(bytes));
	}
	assert_true(r < 0);
	for (i = 0; i < 100; i++)
		assert_true(reader_read(&content.reader, from, bytes, sizeof(bytes)) < 0);
	end(pid, &dir, &space, &content);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_all_sorts),
		cmocka_unit_test(another_program_is_not_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
