/* Maps: what is seen through them, what follows the file, and what is refused. */
#include "check.h"
#include "files.h"

#include <plat/map.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct plat_map map_of(int fd, int flags, uint64_t offset, size_t size)
{
	struct plat_map map;
	int r = plat_map_fd(fd, flags, offset, size, &map);

	check_with(r == 0, "plat_map_fd: %s", strerror(-r));
	return map;
}

static struct plat_map memory_of(size_t size, int flags)
{
	struct plat_map map;

	check(plat_map_memory(size, flags, &map) == 0);
	return map;
}

static char *bytes(const struct plat_map *map)
{
	return map->data;
}

/* The map shows what the file was made of. */
static bool shows_file(const struct plat_map *map)
{
	size_t i;

	for (i = 0; i < map->size; i++) {
		if (bytes(map)[i] != byte_at(map->offset + i))
			return false;
	}
	return true;
}

/* --- windows --- */

static void a_window_begins_and_ends_anywhere(void)
{
	size_t length = 3 * page_size() + 100, offset, size;
	int fd = file_of(length);
	struct plat_map map;

	for (offset = 0; offset < length; offset += 509) {
		for (size = 1; size <= length - offset; size += 997) {
			map = map_of(fd, PLAT_MAP_READ, offset, size);
			check(map.size == size && map.offset == offset && shows_file(&map));
			check(plat_map_close(&map) == 0);
		}
		map = map_of(fd, PLAT_MAP_READ, offset, PLAT_MAP_ALL);
		check(map.size == length - offset && shows_file(&map));
		check(plat_map_close(&map) == 0);
	}
}

static void an_empty_file_is_an_empty_map(void)
{
	int fd = file_of(0);
	struct plat_map map = map_of(fd, PLAT_MAP_READ, 0, PLAT_MAP_ALL);

	check(map.data == NULL && map.size == 0);
	check(plat_map_advise(&map, 0, PLAT_MAP_ALL, PLAT_ADVICE_RANDOM) == 0);
	check(plat_map_sync(&map, 0, 0, PLAT_SYNC_DATA) == 0);
	check(plat_map_read(&map, 0, NULL, 0) == 0);
	check(plat_map_populate(&map, 0, PLAT_MAP_ALL, PLAT_POPULATE_READ) == 0);
	check(plat_map_close(&map) == 0);
	fd = file_of(100);
	map = map_of(fd, PLAT_MAP_SHARED, 100, PLAT_MAP_ALL);
	check(map.data == NULL && map.size == 0 && map.offset == 100);
	check(plat_map_close(&map) == 0);
}

static void a_window_lies_in_the_file(void)
{
	int fd = file_of(1000);
	struct plat_map map = {NULL, 1, 2, 3};

	errno = 99;
	check(plat_map_fd(fd, PLAT_MAP_READ, 0, 1001, &map) == -ERANGE);
	check(plat_map_fd(fd, PLAT_MAP_READ, 1001, PLAT_MAP_ALL, &map) == -ERANGE);
	check(plat_map_fd(fd, PLAT_MAP_READ, UINT64_MAX, PLAT_MAP_ALL, &map) == -EOVERFLOW);
	check(plat_map_fd(fd, PLAT_MAP_READ, UINT64_MAX, 2, &map) == -EOVERFLOW);
	check(plat_map_fd(fd, PLAT_MAP_READ, INT64_MAX, 1, &map) == -EOVERFLOW);
	check(plat_map_fd(fd, PLAT_MAP_SHARED | PLAT_MAP_EXTEND, INT64_MAX, 1, &map) == -EOVERFLOW);
	check(plat_map_fd(fd, PLAT_MAP_READ, 0, SIZE_MAX - 1, &map) < 0);
	check(map.data == NULL && map.size == 1 && map.offset == 2 && map.token == 3);
	check(errno == 99);
	check(length_of(fd) == 1000);
}

static void a_file_too_large_for_the_address_space_is_refused(void)
{
	int fd = file_of(0);
	struct plat_map map;

	if (ftruncate(fd, (off_t)1 << 43) < 0)
		skip("the file system has no such files");
	if (sizeof(size_t) == 4)
		check(plat_map_fd(fd, PLAT_MAP_READ, 0, PLAT_MAP_ALL, &map) == -EOVERFLOW);
	map = map_of(fd, PLAT_MAP_SHARED, ((uint64_t)1 << 43) - 5, PLAT_MAP_ALL);
	check(map.size == 5);
	memcpy(map.data, "hello", 5);
	check(plat_map_close(&map) == 0);
}

static void extending_makes_the_file_as_long_as_the_window(void)
{
	size_t page = page_size();
	int fd = file_of(10);
	struct plat_map map = map_of(fd, PLAT_MAP_SHARED | PLAT_MAP_EXTEND, 5, 2 * page);
	struct stat file;

	check(length_of(fd) == 5 + 2 * page);
	check(bytes(&map)[4] == byte_at(9) &&
	      first_set(bytes(&map) + 5, 2 * page - 5) == 2 * page - 5);
	check(fstat(fd, &file) == 0 && (size_t)file.st_blocks * 512 >= 2 * page);
	check(plat_map_close(&map) == 0);
	map = map_of(fd, PLAT_MAP_SHARED | PLAT_MAP_EXTEND, 0, 5);
	check(length_of(fd) == 5 + 2 * page);
	check(plat_map_close(&map) == 0);
}

static void a_file_is_not_extended_by_a_descriptor_that_cannot_be_mapped(void)
{
	char path[32];
	int fd = file_of(10), flags = PLAT_MAP_SHARED | PLAT_MAP_EXTEND, others[2];
	struct plat_map map;
	size_t i;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	others[0] = open(path, O_RDONLY);
	others[1] = open(path, O_WRONLY);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		check(others[i] >= 0);
		check(plat_map_fd(others[i], flags, 0, 100, &map) == -EACCES);
		check(plat_map_fd(others[i], flags | PLAT_MAP_SPARSE, 0, 100, &map) == -EACCES);
	}
	check(length_of(fd) == 10);
}

/* --- who sees what is written --- */

static void what_is_written_to_a_shared_map_is_in_the_file(void)
{
	int fd = file_of(100);
	struct plat_map map = map_of(fd, PLAT_MAP_SHARED, 50, 10);
	char c;

	bytes(&map)[3] = 'x';
	check(pread(fd, &c, 1, 53) == 1 && c == 'x');
	check(pwrite(fd, "y", 1, 54) == 1 && bytes(&map)[4] == 'y');
	check(plat_map_close(&map) == 0);
}

static void what_is_written_to_a_private_map_stays_there(void)
{
	int fd = file_of(100), reads = open("/proc/self/exe", O_RDONLY);
	struct plat_map map = map_of(fd, PLAT_MAP_PRIVATE, 50, 10);
	char c;

	bytes(&map)[3] = 'x';
	check(pread(fd, &c, 1, 53) == 1 && c == byte_at(53));
	check(plat_map_close(&map) == 0);
	map = map_of(reads, PLAT_MAP_PRIVATE, 0, PLAT_MAP_ALL);
	bytes(&map)[0] = 'x'; /* the descriptor need not be for writing */
	check(plat_map_close(&map) == 0);
}

/* --- what cannot be mapped --- */

static int open_error(const char *path, int flags)
{
	struct plat_map map;
	int r = plat_map_open(AT_FDCWD, path, flags, 0, PLAT_MAP_ALL, &map);

	check(r < 0);
	return r;
}

static int window_error(const char *path, int flags, size_t size)
{
	struct plat_map map;
	int r = plat_map_open(AT_FDCWD, path, flags, 0, size, &map);

	check(r < 0);
	return r;
}

static void what_cannot_be_mapped_is_told_by_its_kind(void)
{
	char folder[] = "/tmp/plat-map-XXXXXX", path[64];
	int before = next_descriptor();

	check(mkdtemp(folder) != NULL);
	(void)snprintf(path, sizeof(path), "%s/fifo", folder);
	check(mkfifo(path, 0600) == 0);
	check(open_error(path, PLAT_MAP_READ) == -ENODEV); /* and does not wait for a writer */
	check(open_error(path, PLAT_MAP_SHARED) == -ENODEV);
	unlink(path);
	check(open_error(path, PLAT_MAP_READ) == -ENOENT);
	rmdir(folder);
	check(open_error("/tmp", PLAT_MAP_READ) == -EISDIR);
	check(open_error("/tmp", PLAT_MAP_SHARED) == -EISDIR);
	check(open_error("/proc/self/status", PLAT_MAP_READ) == -ENODEV);
	check(open_error("/proc/self/maps", PLAT_MAP_PRIVATE) == -ENODEV);
	check(open_error("/dev/zero", PLAT_MAP_READ) == -EINVAL);
	check(next_descriptor() == before);
}

/* /proc says of its files that they are empty, and /sys that they have a page. */
static void a_window_of_what_cannot_be_mapped_is_told_by_its_kind(void)
{
	static const size_t sizes[] = {1, 100, 4096, 10000};
	int before = next_descriptor();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		check(window_error("/proc/self/status", PLAT_MAP_READ, sizes[i]) == -ENODEV);
		check(window_error("/proc/self/comm", PLAT_MAP_SHARED, sizes[i]) == -ENODEV);
		check(window_error("/proc/self/comm", PLAT_MAP_SHARED | PLAT_MAP_EXTEND,
				   sizes[i]) == -ENODEV);
		check(window_error("/proc/self/comm",
				   PLAT_MAP_SHARED | PLAT_MAP_EXTEND | PLAT_MAP_SPARSE,
				   sizes[i]) == -ENODEV);
		if (access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) == 0)
			check(window_error("/sys/kernel/mm/transparent_hugepage/enabled",
					   PLAT_MAP_READ, sizes[i]) == -ENODEV);
	}
	check(next_descriptor() == before);
}

static void descriptors_that_cannot_be_mapped_are_told_by_their_kind(void)
{
	struct plat_map map;
	int ends[2], fd;

	check(pipe(ends) == 0);
	check(plat_map_fd(ends[0], PLAT_MAP_READ, 0, 1, &map) == -ENODEV);
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	check(plat_map_fd(ends[0], PLAT_MAP_READ, 0, 1, &map) == -ENODEV);
	check(plat_map_fd(-1, PLAT_MAP_READ, 0, 1, &map) == -EBADF);
	check(plat_map_fd(1000, PLAT_MAP_READ | PLAT_MAP_KEEP, 0, 1, &map) == -EBADF);
	fd = open("/tmp", O_TMPFILE | O_WRONLY, 0600);
	check(fd >= 0);
	/* The same, whether the file is empty or not. */
	check(plat_map_fd(fd, PLAT_MAP_READ, 0, PLAT_MAP_ALL, &map) == -EACCES);
	check(write(fd, "x", 1) == 1);
	check(plat_map_fd(fd, PLAT_MAP_READ, 0, PLAT_MAP_ALL, &map) == -EACCES);
	fd = open("/proc/self/exe", O_RDONLY);
	check(plat_map_fd(fd, PLAT_MAP_SHARED, 0, PLAT_MAP_ALL, &map) == -EACCES);
}

static void flags_that_do_not_go_together_are_refused(void)
{
	int fd = file_of(10);
	struct plat_map map;

	check(plat_map_fd(fd, PLAT_MAP_SHARED | PLAT_MAP_PRIVATE, 0, 1, &map) == -EINVAL);
	check(plat_map_fd(fd, PLAT_MAP_EXTEND, 0, 100, &map) == -EINVAL);
	check(plat_map_fd(fd, PLAT_MAP_PRIVATE | PLAT_MAP_EXTEND, 0, 100, &map) == -EINVAL);
	check(plat_map_fd(fd, 1 << 20, 0, 1, &map) == -EINVAL);
	check(plat_map_memory(1, PLAT_MAP_READ, &map) == -EINVAL);
	check(plat_map_memory(1, PLAT_MAP_PRIVATE | PLAT_MAP_KEEP, &map) == -EINVAL);
	check(plat_map_memory(SIZE_MAX - 1, PLAT_MAP_PRIVATE, &map) == -EOVERFLOW);
}

static void a_device_is_mapped_by_a_window(void)
{
	struct plat_map map;

	check(plat_map_open(AT_FDCWD, "/dev/zero", PLAT_MAP_PRIVATE, 0, 5000, &map) == 0);
	check(map.size == 5000 && first_set(map.data, 5000) == 5000);
	memset(map.data, 1, 5000);
	check(plat_map_close(&map) == 0);
	check(plat_map_open(AT_FDCWD, "/dev/zero", PLAT_MAP_SHARED | PLAT_MAP_KEEP, 0,
			    3 * page_size(), &map) == 0);
	check(plat_map_resize(&map, 10, 0) == 0 && map.size == 10);
	check(plat_map_resize(&map, 2 * page_size(), 0) == -ERANGE && map.size == 10);
	check(plat_map_close(&map) == 0);
}

static void a_block_device_has_a_length(void)
{
	static const char *const devices[] = {"/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/loop0"};
	struct plat_map map;
	uint64_t half;
	size_t i;
	int fd = -1;

	for (i = 0; fd < 0 && i < ARRAY_SIZE(devices); i++)
		fd = open(devices[i], O_RDONLY);
	half = fd < 0 ? 0 : (uint64_t)lseek(fd, 0, SEEK_END) / 2;
	if (!half)
		skip("no disk can be read");
	check(plat_map_fd(fd, PLAT_MAP_READ, 2 * half, PLAT_MAP_ALL, &map) == 0);
	check(map.size == 0 && plat_map_close(&map) == 0);
	check(plat_map_fd(fd, PLAT_MAP_READ, 2 * half, 1, &map) == -ERANGE);
	check(plat_map_fd(fd, PLAT_MAP_READ, half + 1, 100, &map) == 0);
	check(map.size == 100 && plat_map_close(&map) == 0);
}

static void a_path_is_looked_up_from_its_folder(void)
{
	int folder = open("/bin", O_RDONLY | O_DIRECTORY);
	struct plat_map map;

	check(plat_map_open(folder, "sh", PLAT_MAP_READ, 1, 3, &map) == 0);
	check(memcmp(map.data, "ELF", 3) == 0);
	check(plat_map_descriptor(&map) == -EBADF);
	check(plat_map_close(&map) == 0);
}

/* --- closing --- */

static void a_map_is_closed_once(void)
{
	int fd = file_of(5000);
	struct plat_map map = map_of(fd, PLAT_MAP_READ, 0, PLAT_MAP_ALL), copy = map;
	struct plat_map none = PLAT_MAP_NONE;
	void *place = map.data;
	char *foreign;

	check(plat_map_close(&none) == 0 && plat_map_close(&none) == 0);
	check(plat_map_close(&map) == 0);
	check(map.data == NULL && map.size == 0);
	/* What lies there now is somebody else's. */
	foreign = mmap(place, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		       -1, 0);
	check(foreign == place);
	foreign[0] = 'f';
	errno = 99;
	check(plat_map_close(&map) == -EINVAL);
	check(plat_map_close(&copy) == -EINVAL);
	check(plat_map_discard(&copy, 0, PLAT_MAP_ALL) == -EINVAL);
	check(plat_map_resize(&copy, 1, 0) == -EINVAL);
	check(plat_map_advise(&copy, 0, 1, PLAT_ADVICE_NORMAL) == -EINVAL);
	check(errno == 99 && foreign[0] == 'f');
	/* Nor is the map that has its entry now. */
	map = map_of(fd, PLAT_MAP_READ, 0, PLAT_MAP_ALL);
	check(plat_map_close(&copy) == -EINVAL);
	check(shows_file(&map));
	check(plat_map_close(&map) == 0);
}

static void a_map_is_closed_as_a_whole(void)
{
	int fd = file_of(20000);
	struct plat_map map = map_of(fd, PLAT_MAP_READ, 100, 15000), wrong;

	wrong = map, wrong.data = bytes(&map) + 4096;
	check(plat_map_close(&wrong) == -EINVAL);
	wrong = map, wrong.size = 4096;
	check(plat_map_close(&wrong) == -EINVAL);
	wrong = map, wrong.offset = 0;
	check(plat_map_close(&wrong) == -EINVAL);
	wrong = map, wrong.token++;
	check(plat_map_close(&wrong) == -EINVAL);
	wrong = map, wrong.token = UINT64_MAX;
	check(plat_map_close(&wrong) == -EINVAL);
	memset(&wrong, 0x5a, sizeof(wrong));
	check(plat_map_close(&wrong) == -EINVAL);
	check(shows_file(&map));
	check(plat_map_close(&map) == 0);
}

#define MANY 3000

static void many_maps_are_made_and_unmade(void)
{
	static struct plat_map maps[MANY];
	size_t i, round, before = 0;
	int fd = file_of(8192), next = next_descriptor();

	for (round = 0; round < 3; round++) {
		for (i = 0; i < MANY; i++)
			maps[i] = map_of(fd, PLAT_MAP_READ, i, 10);
		for (i = 0; i < MANY; i++)
			check(shows_file(&maps[i]));
		for (i = 0; i < MANY; i++)
			check(plat_map_close(&maps[i * 7 % MANY]) == 0);
		if (round == 0)
			before = address_space();
	}
	check(address_space() == before);
	check(next_descriptor() == next);
}

static struct plat_map contested;
static unsigned nclosed;
static pthread_barrier_t gate;

static void *close_contested(void *unused)
{
	struct plat_map copy;
	int i;

	(void)unused;
	for (i = 0; i < 500; i++) {
		pthread_barrier_wait(&gate);
		copy = contested;
		pthread_barrier_wait(&gate);
		if (plat_map_close(&copy) == 0)
			__atomic_fetch_add(&nclosed, 1, __ATOMIC_RELAXED);
		pthread_barrier_wait(&gate);
	}
	return NULL;
}

static void of_two_threads_that_close_a_map_one_does(void)
{
	pthread_t one, other;
	int i;

	pthread_barrier_init(&gate, NULL, 3);
	check(pthread_create(&one, NULL, close_contested, NULL) == 0);
	check(pthread_create(&other, NULL, close_contested, NULL) == 0);
	for (i = 0; i < 500; i++) {
		contested = memory_of(1, PLAT_MAP_PRIVATE);
		pthread_barrier_wait(&gate);
		pthread_barrier_wait(&gate);
		pthread_barrier_wait(&gate);
	}
	pthread_join(one, NULL);
	pthread_join(other, NULL);
	check(nclosed == 500);
}

static void *make_and_close(void *number)
{
	struct plat_map maps[40];
	size_t i, round;

	for (round = 0; round < 50; round++) {
		for (i = 0; i < ARRAY_SIZE(maps); i++) {
			maps[i] = memory_of(100, PLAT_MAP_PRIVATE);
			memset(maps[i].data, (int)(uintptr_t)number, 100);
		}
		for (i = 0; i < ARRAY_SIZE(maps); i++) {
			check(bytes(&maps[i])[99] == (char)(uintptr_t)number);
			check(plat_map_close(&maps[i]) == 0);
		}
	}
	return NULL;
}

static void threads_do_not_get_each_others_maps(void)
{
	pthread_t threads[4];
	size_t i;

	for (i = 0; i < 4; i++)
		check(pthread_create(&threads[i], NULL, make_and_close, (void *)(i + 1)) == 0);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

/* --- following the file --- */

static void a_map_follows_its_file(void)
{
	size_t page = page_size();
	int fd = file_of(3 * page);
	struct plat_map map = map_of(fd, PLAT_MAP_READ | PLAT_MAP_KEEP, 10, PLAT_MAP_ALL);
	struct plat_map window = map_of(fd, PLAT_MAP_READ | PLAT_MAP_KEEP, page, 100);

	check(plat_map_refresh(&map) == 0 && map.size == 3 * page - 10);
	check(ftruncate(fd, (off_t)page + 5) == 0);
	check(plat_map_refresh(&map) == 0 && map.size == page - 5 && shows_file(&map));
	check(plat_map_refresh(&window) == 0 && window.size == 5 && shows_file(&window));
	check(ftruncate(fd, 0) == 0);
	check(plat_map_refresh(&map) == 1 && map.size == 0 && map.data == NULL);
	check(plat_map_refresh(&window) == 1 && window.size == 0);
	check(ftruncate(fd, (off_t)(500 * page)) == 0);
	check(plat_map_refresh(&map) == 1 && map.size == 500 * page - 10);
	check(first_set(map.data, map.size) == map.size);
	check(plat_map_refresh(&window) == 1 && window.size == 100);
	check(plat_map_close(&map) == 0 && plat_map_close(&window) == 0);
	map = map_of(fd, PLAT_MAP_READ, 0, 10);
	check(plat_map_refresh(&map) == -EBADF);
	check(plat_map_resize(&map, 5, 0) == -EBADF);
}

static void a_shared_map_makes_its_file_longer(void)
{
	size_t page = page_size();
	int fd = file_of(100);
	struct plat_map map = map_of(fd, PLAT_MAP_SHARED | PLAT_MAP_KEEP, 10, PLAT_MAP_ALL),
			old = map;

	check(plat_map_resize(&map, 100 * page, 0) >= 0);
	check(map.size == 100 * page && length_of(fd) == 10 + 100 * page);
	check(bytes(&map)[89] == byte_at(99));
	check(first_set(bytes(&map) + 90, map.size - 90) == map.size - 90);
	memset(map.data, 'x', map.size);
	check(plat_map_close(&old) == -EINVAL); /* it has changed since */
	/* Smaller, and the file stays; then the file is cut. */
	check(plat_map_resize(&map, page, 0) == 0);
	check(map.size == page && length_of(fd) == 10 + 100 * page);
	check(plat_map_resize(&map, 50, PLAT_RESIZE_CUT) == 0);
	check(map.size == 50 && length_of(fd) == 60);
	check(plat_map_resize(&map, 0, PLAT_RESIZE_CUT) == 1);
	check(map.data == NULL && length_of(fd) == 10);
	check(plat_map_resize(&map, 7, 0) == 1 && length_of(fd) == 17);
	check(first_set(map.data, 7) == 7);
	check(ftruncate(fd, (off_t)(9 * page)) == 0);
	check(plat_map_resize(&map, 2 * page, PLAT_RESIZE_CUT) >= 0);
	check(map.size == 2 * page && length_of(fd) == 10 + 2 * page);
	check(plat_map_close(&map) == 0);
}

static void maps_that_may_not_write_do_not_change_the_file(void)
{
	int fd = file_of(100);
	struct plat_map map = map_of(fd, PLAT_MAP_READ | PLAT_MAP_KEEP, 0, 50);

	check(plat_map_resize(&map, 101, 0) == -ERANGE && map.size == 50);
	check(plat_map_resize(&map, 100, 0) == 0 && shows_file(&map));
	check(plat_map_resize(&map, 10, PLAT_RESIZE_CUT) == -EINVAL && map.size == 100);
	check(plat_map_resize(&map, 10, 1 << 10) == -EINVAL);
	check(plat_map_close(&map) == 0);
	map = map_of(fd, PLAT_MAP_PRIVATE | PLAT_MAP_KEEP, 0, 50);
	bytes(&map)[0] = 'x';
	check(plat_map_resize(&map, 101, 0) == -ERANGE && bytes(&map)[0] == 'x');
	check(plat_map_resize(&map, 10, PLAT_RESIZE_CUT) == -EINVAL);
	check(plat_map_close(&map) == 0);
	check(length_of(fd) == 100);
}

static void a_map_that_must_stay_does_or_fails(void)
{
	size_t page = page_size();
	int fd = file_of(page);
	struct plat_map map = map_of(fd, PLAT_MAP_SHARED | PLAT_MAP_KEEP, 0, PLAT_MAP_ALL), was;
	void *behind = mmap(bytes(&map) + page, page, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	check(behind == bytes(&map) + page || errno == EEXIST);
	was = map;
	check(plat_map_resize(&map, 2 * page, PLAT_RESIZE_STAY) == -ENOMEM);
	check(memcmp(&map, &was, sizeof(map)) == 0 && length_of(fd) == page);
	/* What has to grow for it is not cut before it has grown. */
	check(ftruncate(fd, (off_t)(4 * page)) == 0);
	check(plat_map_resize(&map, 2 * page, PLAT_RESIZE_STAY | PLAT_RESIZE_CUT) == -ENOMEM);
	check(memcmp(&map, &was, sizeof(map)) == 0 && length_of(fd) == 4 * page);
	check(plat_map_resize(&map, page, PLAT_RESIZE_CUT) == 0 && length_of(fd) == page);
	check(plat_map_resize(&map, 2 * page, 0) == 1);
	check(map.data != was.data && bytes(&map)[page - 1] == byte_at(page - 1));
	check(plat_map_close(&map) == 0);
}

static void memory_that_becomes_larger_is_zeros(void)
{
	size_t page = page_size();
	struct plat_map map = memory_of(0, PLAT_MAP_PRIVATE);

	check(map.data == NULL);
	check(plat_map_resize(&map, 100, 0) == 1);
	memset(map.data, 'x', 100);
	check(plat_map_resize(&map, 50 * page + 1, 0) >= 0);
	check(bytes(&map)[99] == 'x' && bytes(&map)[100] == 0);
	memset(map.data, 'y', map.size);
	check(plat_map_resize(&map, page / 2, 0) == 0);
	check(plat_map_resize(&map, 3 * page, 0) >= 0);
	check(bytes(&map)[page / 2 - 1] == 'y');
	check(first_set(bytes(&map) + page / 2, 5 * page / 2) == 5 * page / 2);
	check(plat_map_resize(&map, 0, 0) == 1 && map.data == NULL);
	check(plat_map_close(&map) == 0);
	map = memory_of(page, PLAT_MAP_PRIVATE);
	check(mprotect(map.data, page, PROT_READ) == 0);
	check(plat_map_resize(&map, 10, 0) == 0); /* and nobody is killed */
	check(plat_map_close(&map) == 0);
	map = memory_of(2 * page, PLAT_MAP_SHARED);
	check(plat_map_resize(&map, 2 * page + 1, 0) == -EOPNOTSUPP && map.size == 2 * page);
	check(plat_map_resize(&map, 1, 0) == 0 && plat_map_resize(&map, page, 0) == 0);
	check(plat_map_close(&map) == 0);
}

static void a_map_with_parts_of_other_rights_grows_if_it_is_shared(void)
{
	size_t page = page_size();
	int fd = file_of(4 * page);
	struct plat_map map = map_of(fd, PLAT_MAP_SHARED | PLAT_MAP_KEEP, 0, PLAT_MAP_ALL);

	check(mprotect(bytes(&map) + page, page, PROT_READ) == 0);
	check(plat_map_resize(&map, 100 * page, 0) == 1);
	check(bytes(&map)[page] == byte_at(page) && bytes(&map)[99 * page] == 0);
	check(plat_map_close(&map) == 0);
	map = memory_of(4 * page, PLAT_MAP_PRIVATE);
	check(plat_map_advise(&map, page, page, PLAT_ADVICE_NO_DUMP) == 0);
	check(plat_map_resize(&map, 100 * page, 0) == -EFAULT && map.size == 4 * page);
	check(plat_map_close(&map) == 0);
}

static void what_is_kept_is_closed_with_the_map_and_at_exec(void)
{
	int fd = file_of(10), before = next_descriptor(), kept;
	struct plat_map map = map_of(fd, PLAT_MAP_SHARED | PLAT_MAP_KEEP, 0, PLAT_MAP_ALL);

	kept = plat_map_descriptor(&map);
	check(kept == before && (fcntl(kept, F_GETFD) & FD_CLOEXEC));
	check(!(fcntl(kept, F_GETFL) & O_NONBLOCK));
	check(plat_map_close(&map) == 0);
	check(plat_map_descriptor(&map) == -EINVAL && next_descriptor() == before);
}

/* --- limits --- */

static void a_full_disk_is_told_before_anything_is_written(void)
{
	int folder = open(small_disk(MIB), O_RDONLY | O_DIRECTORY);
	int fd = openat(folder, ".", O_TMPFILE | O_RDWR, 0600);
	struct plat_map map;

	check(fd >= 0);
	check(plat_map_fd(fd, PLAT_MAP_SHARED | PLAT_MAP_EXTEND, 0, 2 * MIB, &map) == -ENOSPC);
	check(length_of(fd) == 0);
	map = map_of(fd, PLAT_MAP_SHARED | PLAT_MAP_EXTEND | PLAT_MAP_KEEP, 0, MIB / 2);
	memset(map.data, 'x', map.size);
	check(plat_map_resize(&map, 2 * MIB, 0) == -ENOSPC);
	check(map.size == MIB / 2 && length_of(fd) == MIB / 2 && bytes(&map)[MIB / 2 - 1] == 'x');
	check(plat_map_close(&map) == 0);
	/* Where nothing is set aside, it comes out when there is none. */
	map = map_of(fd, PLAT_MAP_SHARED | PLAT_MAP_EXTEND | PLAT_MAP_SPARSE, 0, 2 * MIB);
	check(plat_map_populate(&map, 0, PLAT_MAP_ALL, PLAT_POPULATE_WRITE) == -EFAULT);
	check(plat_map_write(&map, 2 * MIB - 1, "x", 1) == -EFAULT);
	check(plat_map_close(&map) == 0);
}

static void a_file_that_may_not_become_so_long_stays(void)
{
	struct rlimit limit = {MIB, MIB};
	int fd = file_of(100);
	struct plat_map map;

	check(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	check(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	check(plat_map_fd(fd, PLAT_MAP_SHARED | PLAT_MAP_EXTEND, 0, 2 * MIB, &map) == -EFBIG);
	check(plat_map_fd(fd, PLAT_MAP_SHARED | PLAT_MAP_EXTEND | PLAT_MAP_SPARSE, 0, 2 * MIB,
			  &map) == -EFBIG);
	check(length_of(fd) == 100);
}

static void no_address_space_is_no_memory(void)
{
	int fd = file_of(10);
	struct plat_map map, grows = memory_of(MIB, PLAT_MAP_PRIVATE);
	struct rlimit limit;

	check(ftruncate(fd, 64 * MIB) == 0);
	check(getrlimit(RLIMIT_AS, &limit) == 0);
	limit.rlim_cur = address_space() + 16 * MIB;
	check(setrlimit(RLIMIT_AS, &limit) == 0);
	check(plat_map_fd(fd, PLAT_MAP_READ, 0, PLAT_MAP_ALL, &map) == -ENOMEM);
	check(plat_map_memory(64 * MIB, PLAT_MAP_PRIVATE, &map) == -ENOMEM);
	check(plat_map_memory(64 * MIB, PLAT_MAP_PRIVATE | PLAT_MAP_HUGE, &map) == -ENOMEM);
	check(ftruncate(fd, 10) == 0);
	check(plat_map_fd(fd, PLAT_MAP_SHARED | PLAT_MAP_EXTEND, 0, 64 * MIB, &map) == -ENOMEM);
	check(length_of(fd) == 10);
	check(plat_map_resize(&grows, 64 * MIB, 0) == -ENOMEM && grows.size == MIB);
	check(plat_map_resize(&grows, PTRDIFF_MAX, 0) == -ENOMEM && grows.size == MIB);
	check(plat_map_memory(8 * MIB, PLAT_MAP_PRIVATE, &map) == 0);
}

static void no_descriptor_is_left_to_keep(void)
{
	int fd = file_of(10), next = next_descriptor();
	struct rlimit no_more = {(rlim_t)next, (rlim_t)next};
	struct plat_map map;

	check(setrlimit(RLIMIT_NOFILE, &no_more) == 0);
	check(plat_map_fd(fd, PLAT_MAP_READ | PLAT_MAP_KEEP, 0, 10, &map) == -EMFILE);
	check(plat_map_fd(fd, PLAT_MAP_READ, 0, 10, &map) == 0 && shows_file(&map));
}

/* --- what is no longer there --- */

static void on_bus_error(int number)
{
	(void)number;
}

/* A map of four pages, of a file that has one and a half. */
static struct plat_map truncated_map(int flags)
{
	int fd = file_of(4 * page_size());
	struct plat_map map = map_of(fd, flags, 0, PLAT_MAP_ALL);

	check(ftruncate(fd, (off_t)(3 * page_size() / 2)) == 0);
	return map;
}

static void check_guarded(void)
{
	static char copy[4 * 65536];
	struct plat_map map = truncated_map(PLAT_MAP_SHARED);
	size_t page = page_size();

	check(plat_map_read(&map, 0, copy, 3 * page / 2) == 0);
	check(memcmp(copy, map.data, 3 * page / 2) == 0 && copy[page] == byte_at(page));
	check(plat_map_read(&map, 3 * page / 2, copy, page / 2) == 0);
	check(first_set(copy, page / 2) == page / 2);
	check(plat_map_read(&map, 2 * page, copy, 1) == -EFAULT);
	check(plat_map_read(&map, 0, copy, map.size) == -EFAULT);
	check(plat_map_write(&map, 5, "hello", 5) == 0 && memcmp(bytes(&map) + 5, "hello", 5) == 0);
	check(plat_map_write(&map, 2 * page - 1, "hello", 5) == -EFAULT);
	check(plat_map_populate(&map, 0, 2 * page, PLAT_POPULATE_READ) == 0);
	check(plat_map_populate(&map, 0, PLAT_MAP_ALL, PLAT_POPULATE_READ) == -EFAULT);
	check(plat_map_close(&map) == 0);
}

static void a_truncated_file_is_an_error_and_no_signal(void)
{
	struct plat_map map = truncated_map(PLAT_MAP_SHARED);
	struct sigaction mine = {.sa_handler = on_bus_error}, now;

	check(sigaction(SIGBUS, &mine, NULL) == 0);
	check_guarded();
	check(plat_map_populate(&map, 0, PLAT_MAP_ALL, PLAT_POPULATE_WRITE) == -EFAULT);
	check(sigaction(SIGBUS, NULL, &now) == 0 && now.sa_handler == on_bus_error);
	check(plat_map_close(&map) == 0);
}

static void a_sandbox_does_not_make_it_one(void)
{
	forbid_call(SYS_process_vm_readv, -1, 0, EPERM);
	check_guarded();
}

static void an_older_kernel_populates_too(void)
{
	struct plat_map map, memory = memory_of(10 * page_size(), PLAT_MAP_PRIVATE);
	unsigned char there[10];
	size_t i;

	forbid_call(SYS_madvise, 2, 22, EINVAL);
	forbid_call(SYS_madvise, 2, 23, EINVAL);
	check_guarded();
	check(plat_map_populate(&memory, 0, PLAT_MAP_ALL, PLAT_POPULATE_WRITE) == 0);
	check(mincore(memory.data, memory.size, there) == 0);
	for (i = 0; i < 10; i++)
		check(there[i] & 1);
	map = truncated_map(PLAT_MAP_PRIVATE);
	check(plat_map_populate(&map, 0, PLAT_MAP_ALL, PLAT_POPULATE_WRITE) == -EFAULT);
	check(plat_map_populate(&map, 0, page_size(), PLAT_POPULATE_WRITE) == 0);
	check(bytes(&map)[0] == byte_at(0));
}

static void copies_stay_in_the_map(void)
{
	int fd = file_of(100);
	struct plat_map map = map_of(fd, PLAT_MAP_READ, 10, 50);
	char copy[64];

	check(plat_map_read(&map, 40, copy, 10) == 0 && copy[9] == byte_at(59));
	check(plat_map_read(&map, 41, copy, 10) == -EINVAL);
	check(plat_map_read(&map, 51, copy, 0) == -EINVAL);
	check(plat_map_read(&map, 0, copy, PLAT_MAP_ALL) == -EINVAL);
	check(plat_map_write(&map, 0, copy, 1) == -EINVAL);
	check(plat_map_read(&map, 0, NULL, 10) == -EFAULT);
	check(plat_map_populate(&map, 0, 51, PLAT_POPULATE_READ) == -EINVAL);
	check(plat_map_populate(&map, 0, 50, PLAT_POPULATE_WRITE) == -EINVAL);
	check(plat_map_advise(&map, 50, 1, PLAT_ADVICE_NORMAL) == -EINVAL);
	check(plat_map_sync(&map, SIZE_MAX, 2, PLAT_SYNC_DATA) == -EINVAL);
	check(plat_map_close(&map) == 0);
}

/* --- advice --- */

static void advice_is_given_for_any_range(void)
{
	static const enum plat_advice advices[] = {
		PLAT_ADVICE_NORMAL, PLAT_ADVICE_SEQUENTIAL, PLAT_ADVICE_RANDOM,
		PLAT_ADVICE_SOON,   PLAT_ADVICE_COLD,	    PLAT_ADVICE_OUT,
		PLAT_ADVICE_UNMAP,  PLAT_ADVICE_NO_DUMP,    PLAT_ADVICE_DUMP,
	};
	size_t page = page_size(), i;
	int fd = file_of(10 * page);
	struct plat_map map = map_of(fd, PLAT_MAP_SHARED, 100, 5 * page);

	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		int r = plat_map_advise(&map, 5, 2 * page, advices[i]);

		check_with(r == 0 || r == -EOPNOTSUPP, "advice %zu: %s", i, strerror(-r));
		check(plat_map_advise(&map, page, PLAT_MAP_ALL, advices[i]) == r);
		check(shows_file(&map));
	}
	check(plat_map_advise(&map, 0, 1, (enum plat_advice)99) == -EINVAL);
	check(plat_map_close(&map) == 0);
	map = map_of(fd, PLAT_MAP_PRIVATE, 0, 5 * page);
	bytes(&map)[0] = 'x';
	check(plat_map_advise(&map, 0, PLAT_MAP_ALL, PLAT_ADVICE_UNMAP) == -EINVAL);
	check(bytes(&map)[0] == 'x');
	check(plat_map_close(&map) == 0);
}

static void advice_that_the_kernel_has_not_is_told(void)
{
	struct plat_map map = memory_of(10, PLAT_MAP_PRIVATE);

	forbid_call(SYS_madvise, 2, 20, EINVAL);
	check(plat_map_advise(&map, 0, 10, PLAT_ADVICE_COLD) == -EOPNOTSUPP);
}

static void discarding_destroys_whole_pages_only(void)
{
	size_t page = page_size();
	struct plat_map map = memory_of(4 * page, PLAT_MAP_PRIVATE);

	memset(map.data, 'x', map.size);
	check(plat_map_discard(&map, 1, page - 1) == 0 && bytes(&map)[1] == 'x');
	check(plat_map_discard(&map, page - 1, 2 * page) == 0);
	check(bytes(&map)[page - 1] == 'x' && bytes(&map)[2 * page] == 'x');
	check(first_set(bytes(&map) + page, page) == page);
	check(plat_map_discard(&map, 0, PLAT_MAP_ALL) == 0);
	check(first_set(map.data, map.size) == map.size);
	check(plat_map_close(&map) == 0);
}

static void discarding_goes_back_to_the_file_or_makes_a_hole(void)
{
	size_t page = page_size();
	int fd = file_of(4 * page);
	struct plat_map map = map_of(fd, PLAT_MAP_PRIVATE, 0, PLAT_MAP_ALL);
	int r;

	memset(map.data, 'x', map.size);
	check(plat_map_discard(&map, 0, PLAT_MAP_ALL) == 0 && shows_file(&map));
	check(plat_map_close(&map) == 0);
	map = map_of(fd, PLAT_MAP_READ, 0, PLAT_MAP_ALL);
	check(plat_map_discard(&map, 0, PLAT_MAP_ALL) == -EINVAL);
	check(plat_map_close(&map) == 0);
	map = map_of(fd, PLAT_MAP_SHARED, 0, PLAT_MAP_ALL);
	r = plat_map_discard(&map, page, 2 * page);
	if (r == -EOPNOTSUPP)
		skip("the file system of /tmp has no holes");
	check(r == 0 && length_of(fd) == 4 * page);
	check(first_set(bytes(&map) + page, 2 * page) == 2 * page);
	check(bytes(&map)[page - 1] == byte_at(page - 1));
	check(bytes(&map)[3 * page] == byte_at(3 * page));
	check(plat_map_close(&map) == 0);
}

static void what_is_synced_is_of_the_file(void)
{
	int fd = file_of(10000);
	struct plat_map map = map_of(fd, PLAT_MAP_SHARED | PLAT_MAP_KEEP, 1, 9000);

	memset(map.data, 'x', map.size);
	check(plat_map_sync(&map, 5000, 100, PLAT_SYNC_DATA) == 0);
	check(plat_map_sync(&map, 0, PLAT_MAP_ALL, PLAT_SYNC_FILE) == 0);
	check(plat_map_sync(&map, 0, PLAT_MAP_ALL, (enum plat_sync)7) == -EINVAL);
	check(plat_map_close(&map) == 0);
	map = map_of(fd, PLAT_MAP_SHARED, 1, 9000);
	check(plat_map_sync(&map, 0, PLAT_MAP_ALL, PLAT_SYNC_FILE) == -EBADF);
	check(plat_map_close(&map) == 0);
	map = map_of(fd, PLAT_MAP_PRIVATE, 1, 9000);
	check(plat_map_sync(&map, 0, PLAT_MAP_ALL, PLAT_SYNC_DATA) == -EINVAL);
	check(plat_map_close(&map) == 0);
	map = memory_of(100, PLAT_MAP_SHARED);
	check(plat_map_sync(&map, 0, PLAT_MAP_ALL, PLAT_SYNC_DATA) == -EINVAL);
	check(plat_map_close(&map) == 0);
}

/* --- huge pages, and forks --- */

static void huge_pages_fall_back(void)
{
	struct plat_map map = memory_of(5 * MIB + 1, PLAT_MAP_PRIVATE | PLAT_MAP_HUGE);
	size_t before = address_space();
	int huge = plat_map_huge(&map);

	note("huge pages: %s", huge == PLAT_HUGE_POOL	   ? "of the pool"
			       : huge == PLAT_HUGE_ADVISED ? "transparent"
							   : "none");
	check(huge >= 0 && map.size == 5 * MIB + 1);
	check(huge == PLAT_HUGE_NONE || is_aligned(map.data, MIB));
	memset(map.data, 'x', map.size);
	if (huge != PLAT_HUGE_POOL)
		check(plat_map_resize(&map, 12 * MIB, 0) >= 0 && bytes(&map)[5 * MIB] == 'x');
	check(plat_map_close(&map) == 0);
	check(address_space() < before);
	map = memory_of(5 * MIB, PLAT_MAP_PRIVATE | PLAT_MAP_HUGE);
	check(plat_map_resize(&map, 0, 0) == 1 && plat_map_resize(&map, 5 * MIB, 0) == 1);
	check(plat_map_huge(&map) == huge && plat_map_close(&map) == 0);
	map = memory_of(100, PLAT_MAP_PRIVATE | PLAT_MAP_HUGE);
	check(plat_map_huge(&map) != PLAT_HUGE_ADVISED); /* none would fit */
	check(plat_map_close(&map) == 0);
	check(plat_map_huge(&map) == -EINVAL);
}

static void the_child_of_a_fork_has_maps_of_its_own(void)
{
	int fd = file_of(100);
	struct plat_map shared = memory_of(100, PLAT_MAP_SHARED);
	struct plat_map own = memory_of(100, PLAT_MAP_PRIVATE);
	struct plat_map file = map_of(fd, PLAT_MAP_SHARED | PLAT_MAP_KEEP, 0, PLAT_MAP_ALL);
	struct plat_map more;
	pid_t child = fork();

	if (child == 0) {
		memcpy(shared.data, "child", 5);
		memcpy(own.data, "child", 5);
		check(plat_map_memory(10, PLAT_MAP_PRIVATE, &more) == 0);
		check(plat_map_resize(&file, 5000, 0) >= 0);
		bytes(&file)[4999] = 'c';
		check(plat_map_close(&shared) == 0 && plat_map_close(&own) == 0);
		check(plat_map_close(&file) == 0 && plat_map_close(&file) == -EINVAL);
		_exit(0);
	}
	check(child_failed(child) == NULL);
	check(memcmp(shared.data, "child", 5) == 0 && bytes(&own)[0] == 0);
	check(file.size == 100 && plat_map_refresh(&file) >= 0 && bytes(&file)[4999] == 'c');
	check(plat_map_close(&shared) == 0 && plat_map_close(&own) == 0);
	check(plat_map_close(&file) == 0);
}

static void a_child_that_needs_less_takes_nothing_from_its_parent(void)
{
	struct plat_map shared = memory_of(100, PLAT_MAP_SHARED);
	pid_t child;

	memset(shared.data, 'x', 100);
	child = fork();
	if (child == 0) {
		check(plat_map_resize(&shared, 50, 0) == 0);
		check(plat_map_close(&shared) == 0);
		_exit(0);
	}
	check(child_failed(child) == NULL);
	check(bytes(&shared)[50] == 'x' && bytes(&shared)[99] == 'x');
	check(plat_map_close(&shared) == 0);
}

static const struct test tests[] = {
	{TEST(a_window_begins_and_ends_anywhere)},
	{TEST(an_empty_file_is_an_empty_map)},
	{TEST(a_window_lies_in_the_file)},
	{TEST(a_file_too_large_for_the_address_space_is_refused)},
	{TEST(extending_makes_the_file_as_long_as_the_window)},
	{TEST(a_file_is_not_extended_by_a_descriptor_that_cannot_be_mapped)},
	{TEST(what_is_written_to_a_shared_map_is_in_the_file)},
	{TEST(what_is_written_to_a_private_map_stays_there)},
	{TEST(what_cannot_be_mapped_is_told_by_its_kind)},
	{TEST(a_window_of_what_cannot_be_mapped_is_told_by_its_kind)},
	{TEST(descriptors_that_cannot_be_mapped_are_told_by_their_kind)},
	{TEST(flags_that_do_not_go_together_are_refused)},
	{TEST(a_device_is_mapped_by_a_window)},
	{TEST(a_block_device_has_a_length)},
	{TEST(a_path_is_looked_up_from_its_folder)},
	{TEST(a_map_is_closed_once)},
	{TEST(a_map_is_closed_as_a_whole)},
	{TEST(many_maps_are_made_and_unmade)},
	{TEST(of_two_threads_that_close_a_map_one_does)},
	{TEST(threads_do_not_get_each_others_maps)},
	{TEST(a_map_follows_its_file)},
	{TEST(a_shared_map_makes_its_file_longer)},
	{TEST(maps_that_may_not_write_do_not_change_the_file)},
	{TEST(a_map_that_must_stay_does_or_fails)},
	{TEST(memory_that_becomes_larger_is_zeros)},
	{TEST(a_map_with_parts_of_other_rights_grows_if_it_is_shared)},
	{TEST(what_is_kept_is_closed_with_the_map_and_at_exec)},
	{TEST(a_full_disk_is_told_before_anything_is_written)},
	{TEST(a_file_that_may_not_become_so_long_stays)},
	{TEST(no_address_space_is_no_memory)},
	{TEST(no_descriptor_is_left_to_keep)},
	{TEST(a_truncated_file_is_an_error_and_no_signal)},
	{TEST(a_sandbox_does_not_make_it_one)},
	{TEST(an_older_kernel_populates_too)},
	{TEST(copies_stay_in_the_map)},
	{TEST(advice_is_given_for_any_range)},
	{TEST(advice_that_the_kernel_has_not_is_told)},
	{TEST(discarding_destroys_whole_pages_only)},
	{TEST(discarding_goes_back_to_the_file_or_makes_a_hole)},
	{TEST(what_is_synced_is_of_the_file)},
	{TEST(huge_pages_fall_back)},
	{TEST(the_child_of_a_fork_has_maps_of_its_own)},
	{TEST(a_child_that_needs_less_takes_nothing_from_its_parent)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
