/*
 * The empty program: does nothing and ends; with an argument it waits to be looked at and killed.
 */
#include <unistd.h>

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		pause();
	return 0;
}
