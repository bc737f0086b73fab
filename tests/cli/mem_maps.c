/*
 * Has maps and shared memory of every kind that libplat makes, while somebody looks, and says where
 * each lies: "NAME ADDRESS SIZE". Ends when its input does.
 */
#include <plat/mem.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct plat_map maps[16];
static size_t nmaps;

static void say(const char *name, const struct plat_map *map)
{
	printf("%s %p %zu\n", name, map->data, map->size);
}

/* Where the next map goes. */
static struct plat_map *next(void)
{
	return &maps[nmaps++];
}

static void made(const char *name, int r)
{
	if (r < 0)
		errx(1, "%s: %s", name, strerror(-r));
	say(name, &maps[nmaps - 1]);
}

static void make_files(void)
{
	FILE *file = tmpfile();
	char piece[65536] = "what the file begins with";
	int fd = file ? fileno(file) : -1;

	if (write(fd, piece, sizeof(piece)) != sizeof(piece))
		err(1, "a file");
	made("window", plat_map_open(AT_FDCWD, "/bin/sh", PLAT_MAP_READ, 5000, 10000, next()));
	made("private", plat_map_fd(fd, PLAT_MAP_PRIVATE, 0, PLAT_MAP_ALL, next()));
	memset(maps[nmaps - 1].data, 'x', 1);
	made("cut", plat_map_fd(fd, PLAT_MAP_SHARED, 0, PLAT_MAP_ALL, next()));
	if (ftruncate(fd, 16384) < 0)
		err(1, "a file");
}

static void make_memory(void)
{
	made("anonymous", plat_map_memory(50000, PLAT_MAP_PRIVATE, next()));
	made("shared", plat_map_memory(50000, PLAT_MAP_SHARED, next()));
	made("advised", plat_map_memory(50000, PLAT_MAP_PRIVATE, next()));
	plat_map_advise(&maps[nmaps - 1], 0, PLAT_MAP_ALL, PLAT_ADVICE_NO_DUMP);
	made("memfd", plat_shm_memory("letters", 50000, 0, next()));
	made("sealed", plat_shm_memory("prices", 50000, 0, next()));
	plat_shm_seal(&maps[nmaps - 1], PLAT_SEAL_WRITE);
}

int main(void)
{
	struct plat_shm_new how = {50000, 0600, NULL, NULL};
	struct plat_shm shm;
	char name[32];
	int r;

	(void)snprintf(name, sizeof(name), "/plat-maps-%d", (int)getpid());
	r = plat_shm_open(name, PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY, &how, &shm);
	if (r < 0)
		errx(1, "%s: %s", name, strerror(-r));
	say("object", &shm.map);
	make_files();
	make_memory();
	printf("ready %d\n", (int)getpid());
	(void)fflush(stdout);
	while (getchar() != EOF)
		;
	return plat_shm_close(&shm) < 0;
}
