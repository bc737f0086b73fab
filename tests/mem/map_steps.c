/*
 * Maps of one file, by steps drawn at random, beside a plain array that does the same. A failure
 * says its seed:
 *
 *	mem-map_steps --seed N --steps N
 */
#include "check.h"
#include "files.h"

#include <plat/map.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NMAPS 6
#define LENGTH ((size_t)20 * 4096)

static unsigned long seed = 1, nsteps = 1500;
static uint64_t state;

/* --- what should be --- */

static unsigned char file[LENGTH];
static size_t file_length;
static int fd;

static struct expected {
	bool is_open;
	int flags;
	size_t offset, size, asked;
	struct plat_map map;
} maps[NMAPS];

static size_t drawn(size_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(state >> 33) % below;
}

static void expect(bool holds, const char *what)
{
	check_with(holds, "%s: seed %lu", what, seed);
}

static void file_is(size_t length)
{
	if (length < file_length)
		memset(file + length, 0, file_length - length);
	file_length = length;
}

/* --- steps --- */

static void open_one(struct expected *one)
{
	static const int kinds[] = {PLAT_MAP_READ, PLAT_MAP_SHARED, PLAT_MAP_PRIVATE,
				    PLAT_MAP_SHARED | PLAT_MAP_EXTEND,
				    PLAT_MAP_SHARED | PLAT_MAP_SPARSE};
	bool extends;
	size_t end;
	int r;

	one->flags = kinds[drawn(ARRAY_SIZE(kinds))] | PLAT_MAP_KEEP;
	one->offset = drawn(LENGTH / 2);
	one->asked = drawn(3) ? PLAT_MAP_ALL : drawn(LENGTH / 2);
	extends = one->flags & PLAT_MAP_EXTEND;
	end = one->asked == PLAT_MAP_ALL ? one->offset : one->offset + one->asked;
	r = plat_map_fd(fd, one->flags, one->offset, one->asked, &one->map);
	if (end > file_length && !extends) {
		expect(r == -ERANGE, "a window behind the end");
		return;
	}
	expect(r == 0, "opening");
	if (end > file_length)
		file_is(end);
	one->size = one->asked == PLAT_MAP_ALL ? file_length - one->offset : one->asked;
	one->is_open = true;
}

static void close_one(struct expected *one)
{
	struct plat_map copy = one->map;

	expect(plat_map_close(&one->map) == 0, "closing");
	expect(plat_map_close(&copy) == -EINVAL, "closing again");
	one->is_open = false;
}

static void refresh(struct expected *one)
{
	void *before = one->map.data;
	size_t rest = file_length > one->offset ? file_length - one->offset : 0;
	int r = plat_map_refresh(&one->map);

	one->size = rest < one->asked ? rest : one->asked;
	expect(r == (one->map.data != before), "whether it has moved");
}

static void resize(struct expected *one)
{
	size_t size = drawn(LENGTH / 2), end = one->offset + size;
	bool writes = one->flags & PLAT_MAP_SHARED, cuts = drawn(4) == 0;
	void *before = one->map.data;
	int r = plat_map_resize(&one->map, size, cuts ? PLAT_RESIZE_CUT : 0);

	if (cuts && !writes) {
		expect(r == -EINVAL, "cutting what is not to be written");
		return;
	}
	if (end > file_length && !writes) {
		expect(r == -ERANGE, "becoming longer than the file");
		return;
	}
	expect(r == (one->map.data != before), "whether it has moved");
	if (end > file_length || cuts)
		file_is(end);
	one->size = size;
	if (one->asked != PLAT_MAP_ALL)
		one->asked = size;
}

/* Whether the kernel has a page of the file for every byte. */
static bool is_there(size_t offset, size_t size)
{
	size_t page = page_size();

	return size == 0 || (offset + size - 1) / page < (file_length + page - 1) / page;
}

static void read_some(struct expected *one)
{
	static unsigned char copy[LENGTH];
	size_t at = drawn(one->size + 1), size = drawn(one->size - at + 1);
	int r = plat_map_read(&one->map, at, copy, size);

	if (!is_there(one->offset + at, size)) {
		expect(r == -EFAULT, "reading what is not there");
		return;
	}
	expect(r == 0 && memcmp(copy, file + one->offset + at, size) == 0, "reading");
	expect(size == 0 || memcmp((char *)one->map.data + at, copy, size) == 0, "looking");
}

/* Only into the file: what is written behind its end, in its last page, is nobody's. */
static void write_some(struct expected *one)
{
	unsigned char bytes[300];
	size_t at = drawn(one->size + 1), size = drawn(one->size - at + 1);

	if (size > sizeof(bytes))
		size = sizeof(bytes);
	if (!(one->flags & PLAT_MAP_SHARED) || one->offset + at + size > file_length)
		return;
	memset(bytes, (int)drawn(256), sizeof(bytes));
	expect(plat_map_write(&one->map, at, bytes, size) == 0, "writing");
	memcpy(file + one->offset + at, bytes, size);
}

static void discard_some(struct expected *one)
{
	size_t page = page_size(), at = drawn(one->size + 1), size = drawn(one->size - at + 1);
	size_t start = (one->offset + at + page - 1) / page * page;
	size_t end = (one->offset + at + size) / page * page;
	int r = plat_map_discard(&one->map, at, size);

	if (!(one->flags & (PLAT_MAP_SHARED | PLAT_MAP_PRIVATE)))
		expect(r == -EINVAL, "discarding what is to be read");
	else
		expect(r == 0 || r == -EOPNOTSUPP, "discarding");
	if (r == 0 && one->flags & PLAT_MAP_SHARED && start < end)
		memset(file + start, 0, end - start);
}

static void change_file(void)
{
	size_t length = drawn(LENGTH);

	expect(ftruncate(fd, (off_t)length) == 0, "ftruncate");
	file_is(length);
}

/* --- all of it --- */

static void step_with(struct expected *one)
{
	switch (drawn(8)) {
	case 0:
		close_one(one);
		break;
	case 1:
		refresh(one);
		break;
	case 2:
		resize(one);
		break;
	case 3:
		discard_some(one);
		break;
	case 4:
	case 5:
		write_some(one);
		break;
	default:
		read_some(one);
	}
}

static void expect_all_as_they_should_be(void)
{
	size_t i;

	expect(length_of(fd) == file_length, "the length of the file");
	for (i = 0; i < NMAPS; i++) {
		const struct expected *one = &maps[i];

		if (one->is_open)
			expect(one->map.size == one->size && one->map.offset == one->offset &&
				       !one->map.data == !one->size,
			       "what a map is told to be");
	}
}

static void maps_do_what_an_array_does(void)
{
	struct expected *one;
	unsigned long i;
	int before = next_descriptor();

	state = seed;
	fd = file_of(0);
	for (i = 0; i < nsteps; i++) {
		one = &maps[drawn(NMAPS)];
		if (drawn(12) == 0)
			change_file();
		else if (!one->is_open)
			open_one(one);
		else
			step_with(one);
		expect_all_as_they_should_be();
	}
	for (one = maps; one < maps + NMAPS; one++) {
		if (one->is_open)
			close_one(one);
	}
	close(fd);
	expect(next_descriptor() == before, "descriptors");
}

static const struct test tests[] = {
	{TEST(maps_do_what_an_array_does)},
};

static const struct number numbers[] = {{"seed", &seed}, {"steps", &nsteps}};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), numbers, ARRAY_SIZE(numbers));
}
