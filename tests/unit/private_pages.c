/* Pages of private mappings: both ways to list them find the same. */
#include "source/private_pages.h"

#include "base/assert.h"
#include "child.h"
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NPAGES 512
#define RUNS_MOST 4096
#define SMALL_PAGE ((size_t)4096)

static unsigned char *land, *file, *shared;
static int ready[2];

struct list {
	struct private_run runs[RUNS_MOST];
	size_t n;
};

/* One page in three of the first, which is anonymous; what was read only is the page of zeros. */
static void be_land(void)
{
	volatile unsigned char sum = 0;
	size_t i;

	for (i = 0; i < NPAGES; i++) {
		if (i % 3 == 0)
			land[i * SMALL_PAGE] = 1;
		if (i % 5 == 0)
			file[i * SMALL_PAGE] = 1;
		else
			sum += file[i * SMALL_PAGE];
		shared[i * SMALL_PAGE] = 1;
	}
	must(write(ready[1], "", 1) == 1);
	pause();
}

/* Pages one by one: where runs are cut does not matter. */
static int take(void *context, const struct private_run *run)
{
	struct list *list = context;
	plat_addr at;

	for (at = run->start; at < run->end; at += SMALL_PAGE) {
		assert_true(list->n < RUNS_MOST);
		assert_true(run->is_written);
		list->runs[list->n++].start = at;
	}
	return 0;
}

static bool has(const struct list *list, const unsigned char *base, size_t page)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (list->runs[i].start == (uintptr_t)base + page * SMALL_PAGE)
			return true;
	return false;
}

static void check(struct private_pages *pages)
{
	static struct list list;
	size_t i;

	list.n = 0;
	assert_int_equal(private_pages_each(pages, TRACK_NOT, take, &list), 0);
	for (i = 0; i < NPAGES; i++) {
		assert_int_equal(has(&list, land, i), i % 3 == 0);
		assert_int_equal(has(&list, file, i), i % 5 == 0);
		assert_false(has(&list, shared, i));
	}
}

static void *map(int flags, int fd)
{
	void *p = mmap(NULL, NPAGES * SMALL_PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	must(p != MAP_FAILED);
	madvise(p, NPAGES * SMALL_PAGE, MADV_NOHUGEPAGE);
	return p;
}

static void both_ways_find_the_same(void **state)
{
	int fd = memfd_create("land", MFD_CLOEXEC), pid;
	struct private_pages pages;
	struct procdir dir;
	char byte;

	(void)state;
	must(pipe(ready) == 0 && ftruncate(fd, NPAGES * SMALL_PAGE) == 0);
	land = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	shared = map(MAP_SHARED | MAP_ANONYMOUS, -1);
	file = map(MAP_PRIVATE, fd);
	pid = child_start(be_land, &dir);
	must(read(ready[0], &byte, 1) == 1);
	assert_int_equal(private_pages_open(&dir, &pages), 0);
	assert_int_equal(private_pages_load(&pages), 0);
	assert_non_null(private_pages_area(&pages, (uintptr_t)file + 17));
	assert_true(private_pages_area(&pages, (uintptr_t)file + 17)->is_file);
	assert_null(private_pages_area(&pages, (uintptr_t)shared));
	check(&pages);
	pages.no_scan = true;
	check(&pages);
	private_pages_close(&pages);
	child_end(pid, &dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_find_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
