/* Files for the tests of maps and shared memory. What cannot be made ends the test. */
#ifndef TESTS_MEM_FILES_H
#define TESTS_MEM_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

size_t page_size(void);

/* A file without a name, of this size, whose byte at n is byte_at(n). */
int file_of(size_t size);
char byte_at(uint64_t offset);
uint64_t length_of(int fd);

/* The lowest descriptor that is not open. */
int next_descriptor(void);

/* /dev/shm, which is an empty tmpfs with room for so many bytes from now on, for this process
 * alone. The test is skipped where that cannot be made. */
const char *small_disk(size_t size);

/* From now on the call ends with this errno, wherever its argument of this number has that value;
 * -1: whatever it has. Skips where nobody can be so forbidden. */
void forbid_call(int number, int argument, unsigned value, int error);

#endif
