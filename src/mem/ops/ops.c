/*
 * The names of plat/ops.h. On glibc all but plat_memmem are glibc's, which measures the same; a
 * program that includes the header does not even come by here. Elsewhere each is the operation of
 * the variant that serves.
 */
#include "../include/plat/ops.h"
#include "mem/ops/here.h"
#include "mem/ops/part.h"

#ifdef __GLIBC__
#define LIBC_IS_AT_THE_LIMIT 1
#else
#define LIBC_IS_AT_THE_LIMIT 0
#endif

/* The answer is kept: to ask the processor takes microseconds in a virtual machine. */
static const struct plat__ops *kept;

/* A function of its own, so that nobody saves registers who knows the answer. */
static NOINLINE const struct plat__ops *ask(void)
{
	const struct plat__ops *ops = plat__choose_ops();

	__atomic_store_n(&kept, ops, __ATOMIC_RELAXED);
	return ops;
}

static ALWAYS_INLINE const struct plat__ops *here(void)
{
	const struct plat__ops *ops = __atomic_load_n(&kept, __ATOMIC_RELAXED);

	return ops ? ops : ask();
}

const struct plat__ops *plat__ops_here(void)
{
	return here();
}

/* Where it takes longer to ask who serves than to do it. All is read before the first is written.
 */
#define FEW 64

static ALWAYS_INLINE void move_sixteens(uint8_t *to, const uint8_t *from, size_t n)
{
	plat__bytes16 first, second, third, fourth;

	if (n <= 32) {
		PLAT__MOVE_BY(plat__bytes16);
		return;
	}
	memcpy(&first, from, 16);
	memcpy(&second, from + 16, 16);
	memcpy(&third, from + n - 32, 16);
	memcpy(&fourth, from + n - 16, 16);
	memcpy(to, &first, 16);
	memcpy(to + 16, &second, 16);
	memcpy(to + n - 32, &third, 16);
	memcpy(to + n - 16, &fourth, 16);
}

static ALWAYS_INLINE void *move(void *to, const void *from, size_t n)
{
	if (n < 16)
		plat__move_few(to, from, n);
	else if (n <= FEW)
		move_sixteens(to, from, n);
	else
		return here()->move(to, from, n);
	return to;
}

void *plat_memcpy(void *to, const void *from, size_t n)
{
	return LIBC_IS_AT_THE_LIMIT ? memcpy(to, from, n) : move(to, from, n);
}

void *plat_memmove(void *to, const void *from, size_t n)
{
	return LIBC_IS_AT_THE_LIMIT ? memmove(to, from, n) : move(to, from, n);
}

static ALWAYS_INLINE void set_sixteens(uint8_t *to, uint64_t eight, size_t n)
{
	plat__bytes16 bytes = {eight, eight};

	PLAT__SET_BY(plat__bytes16);
	if (n > 32) {
		memcpy(to + 16, &bytes, 16);
		memcpy(to + n - 32, &bytes, 16);
	}
}

static ALWAYS_INLINE void *set(void *to, int byte, size_t n)
{
	uint64_t eight = (uint8_t)byte * (UINT64_MAX / 0xff);

	if (n < 16)
		plat__set_few(to, eight, n);
	else if (n <= FEW)
		set_sixteens(to, eight, n);
	else
		return here()->set(to, byte, n);
	return to;
}

void *plat_memset(void *to, int byte, size_t n)
{
	return LIBC_IS_AT_THE_LIMIT ? memset(to, byte, n) : set(to, byte, n);
}

int plat_memcmp(const void *a, const void *b, size_t n)
{
	return LIBC_IS_AT_THE_LIMIT ? memcmp(a, b, n) : here()->compare(a, b, n);
}

void *plat_memchr(const void *in, int byte, size_t n)
{
	return LIBC_IS_AT_THE_LIMIT ? memchr(in, byte, n) : here()->find_byte(in, byte, n);
}

void *plat_memrchr(const void *in, int byte, size_t n)
{
	return LIBC_IS_AT_THE_LIMIT ? memrchr(in, byte, n) : here()->find_last_byte(in, byte, n);
}

#ifdef __GLIBC__
/* clang does not see that it is used. */
__attribute__((used)) BEFORE_RELOCATION static plat__find_function *choose_find(void)
{
	return plat__choose_find();
}

void *plat_memmem(const void *in, size_t n, const void *needle, size_t m)
	__attribute__((ifunc("choose_find")));
#else
void *plat_memmem(const void *in, size_t n, const void *needle, size_t m)
{
	return here()->find(in, n, needle, m);
}
#endif
