/*
 * A process to be measured: land MAPPINGS RESIDENT-MIB. Makes that many mappings of one page, each
 * touched, with rights that keep neighbours apart; then one of so many MiB, touched too. Prints
 * "ready PID" and waits for the end of its input.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void make_mappings(size_t n, size_t page)
{
	char *start = mmap(NULL, n * page + page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	if (start == MAP_FAILED)
		err(1, "mmap of %zu pages", n);
	for (i = 0; i < n; i++)
		start[i * page] = 1;
	for (i = 0; i < n; i += 2)
		if (mprotect(start + i * page, page, PROT_READ) < 0)
			err(1, "mprotect of page %zu: is vm.max_map_count large enough?", i);
}

int main(int argc, char **argv)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), mappings, resident;
	char *land, c;

	if (argc != 3)
		errx(64, "usage: land MAPPINGS RESIDENT-MIB");
	mappings = strtoul(argv[1], NULL, 10);
	resident = strtoul(argv[2], NULL, 10) << 20;
	if (mappings)
		make_mappings(mappings, page);
	if (resident) {
		land = mmap(NULL, resident, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
		if (land == MAP_FAILED)
			err(1, "mmap of %zu bytes", resident);
		madvise(land, resident, MADV_NOHUGEPAGE);
		memset(land, 1, resident);
	}
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
