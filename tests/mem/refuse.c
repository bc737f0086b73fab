#include "refuse.h"

#include "check.h"

#include <endian.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(field))
#define UNLESS(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, skipped)
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (uint32_t)(what))

void refuse(long call, int argument, uint32_t value, int error)
{
	size_t low = __BYTE_ORDER == __LITTLE_ENDIAN ? 0 : 4;
	size_t at = offsetof(struct seccomp_data, args) +
		    (size_t)(argument < 0 ? 0 : argument) * sizeof(uint64_t) + low;
	struct sock_filter always[] = {
		LOAD(offsetof(struct seccomp_data, nr)),
		UNLESS(call, 1),
		RETURN(SECCOMP_RET_ERRNO | (unsigned)error),
		RETURN(SECCOMP_RET_ALLOW),
	};
	struct sock_filter some[] = {
		LOAD(offsetof(struct seccomp_data, nr)),
		UNLESS(call, 3),
		LOAD(at),
		UNLESS(value, 1),
		RETURN(SECCOMP_RET_ERRNO | (unsigned)error),
		RETURN(SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {ARRAY_SIZE(some), some};

	if (argument < 0)
		program = (struct sock_fprog){ARRAY_SIZE(always), always};
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		skip("there are no seccomp filters here");
}
