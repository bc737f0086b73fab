/* A library with nothing in it: what loading any library costs. */
int bench_empty_library(void);

int bench_empty_library(void)
{
	return 0;
}
