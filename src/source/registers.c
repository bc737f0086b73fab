#include "source/registers_parts.h"

#include "space/space.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

/* Of both together: x86-64 with AMX has some 11 KiB, aarch64 with all of SVE 17 KiB. */
#define BYTES_MOST 32768

/* How many bytes there are of a set; or -errno. */
static int take_set(int tid, int set, unsigned char *to, size_t room)
{
	struct iovec all = {to, align_down(room, sizeof(uint64_t))}; /* whole words only */

	if (ptrace(PTRACE_GETREGSET, tid, (void *)(intptr_t)set, &all) < 0)
		return -errno;
	return (int)all.iov_len;
}

int registers_take(int tid, struct registers *ret)
{
	struct registers registers = REGISTERS_NONE;
	unsigned char bytes[BYTES_MOST];
	int general = take_set(tid, NT_PRSTATUS, bytes, sizeof(bytes)), vector;

	if (general < 0)
		return general;
	vector = take_set(tid, registers_vector_set, bytes + general,
			  sizeof(bytes) - (size_t)general);
	if (vector < 0)
		vector =
			take_set(tid, NT_PRFPREG, bytes + general, sizeof(bytes) - (size_t)general);
	registers.general = (size_t)general;
	registers.size = (size_t)general + (vector > 0 ? (size_t)vector : 0);
	registers.bytes = malloc(registers.size + 1);
	if (!registers.bytes)
		return -ENOMEM;
	memcpy(registers.bytes, bytes, registers.size);
	registers_find(&registers);
	*ret = registers;
	return 0;
}

void registers_fini(struct registers *registers)
{
	free(registers->bytes);
	*registers = REGISTERS_NONE;
}
