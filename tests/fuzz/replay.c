/* Runs the files of a corpus through a fuzz target: replay FILE-OR-FOLDER... */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static unsigned nfiles;

static void replay_file(const char *path)
{
	FILE *file = fopen(path, "re");
	struct stat st;
	uint8_t *data;
	size_t size;

	if (!file || fstat(fileno(file), &st) < 0) {
		perror(path);
		exit(1);
	}
	size = (size_t)st.st_size;
	data = malloc(size ? size : 1); /* of just this size, so that ASan sees what reads beyond */
	if (!data || fread(data, 1, size, file) != size) {
		perror(path);
		exit(1);
	}
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	fclose(file);
	nfiles++;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void replay(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_visible, alphasort), i;

	if (n < 0) {
		replay_file(path);
		return;
	}
	for (i = 0; i < n; i++) {
		char inner[4096];

		snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
		replay_file(inner);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		replay(argv[i]);
	printf("%u inputs\n", nfiles);
	return nfiles ? 0 : 1;
}
