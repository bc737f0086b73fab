/* Frames that the kernel has made on this very stack, and others that look like them. */
#include "unit.h"

#include "heap/signal_frame.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

/* Nothing of ours lies on the first page, nor at the top of all addresses. */
static int read_own(struct reader *reader, plat_addr from, void *to, size_t size)
{
	(void)reader;
	if (from < 4096 || from > UINT64_MAX / 2 - size)
		return -EFAULT;
	memcpy(to, (const void *)(uintptr_t)from, size);
	return 0;
}

static struct reader own = {.read = read_own};

#ifdef __x86_64__
static struct interrupted told, found;
static int nfound;

/* Whatever it is built with, its return address is where the kernel's frame begins. */
static __attribute__((noinline, no_sanitize("address"))) void on_signal(int number, siginfo_t *info,
									void *context)
{
	const ucontext_t *was = context;
	plat_addr at = (plat_addr)(uintptr_t)context - 8;

	(void)number;
	(void)info;
	told.sp = (plat_addr)was->uc_mcontext.gregs[REG_RSP];
	told.pc = (plat_addr)was->uc_mcontext.gregs[REG_RIP];
	nfound += signal_frame_at(&own, 8, at, *(const uint64_t *)(uintptr_t)at, &found);
}

static void the_frame_of_a_handler_tells_where_the_thread_was(void **state)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO}, before;

	(void)state;
	nfound = 0;
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
	assert_int_equal(nfound, 1);
	assert_int_equal(found.sp, told.sp);
	assert_int_equal(found.pc, told.pc);
}
#endif

/* What 32-bit programs have, put together by hand. */
static unsigned char memory[512];

static int read_memory(struct reader *reader, plat_addr from, void *to, size_t size)
{
	(void)reader;
	if (from > sizeof(memory) || size > sizeof(memory) - from)
		return -EFAULT;
	memcpy(to, memory + from, size);
	return 0;
}

static struct reader small = {.read = read_memory};

static void put(size_t at, uint32_t value)
{
	memcpy(memory + at, &value, sizeof(value));
}

static void frames_of_32_bits_are_known_by_their_call(void **state)
{
	static const unsigned char with_info[] = {0xb8, 0xad, 0, 0, 0, 0xcd, 0x80};
	static const unsigned char alone[] = {0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80};
	struct interrupted was;

	(void)state;
	memset(memory, 0, sizeof(memory));
	memcpy(memory + 8, with_info, sizeof(with_info));
	put(32 + 192, 0xbffff000);
	put(32 + 220, 0x8048123);
	assert_true(signal_frame_at(&small, 4, 32, 8, &was));
	assert_int_equal(was.sp, 0xbffff000);
	assert_int_equal(was.pc, 0x8048123);

	memcpy(memory + 8, alone, sizeof(alone));
	put(32 + 36, 0xbfffe000);
	put(32 + 64, 0x8048321);
	assert_true(signal_frame_at(&small, 4, 32, 8, &was));
	assert_int_equal(was.sp, 0xbfffe000);
	assert_int_equal(was.pc, 0x8048321);
	assert_false(signal_frame_at(&small, 8, 32, 8, &was));
}

static void what_leads_elsewhere_or_is_cut_off_is_none(void **state)
{
	static const unsigned char with_info[] = {0xb8, 0xad, 0, 0, 0, 0xcd, 0x80};
	struct interrupted was = {1, 2};

	(void)state;
	memset(memory, 0, sizeof(memory));
	memcpy(memory + 8, with_info, sizeof(with_info));
	assert_false(signal_frame_at(&small, 4, 32, 9, &was));
	assert_false(signal_frame_at(&small, 4, 32, sizeof(memory) - 3, &was));
	assert_false(signal_frame_at(&small, 4, sizeof(memory) - 200, 8, &was));
	assert_false(signal_frame_at(&small, 4, UINT64_MAX, 8, &was));
	assert_int_equal(was.pc, 1);
	assert_int_equal(was.sp, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef __x86_64__
		cmocka_unit_test(the_frame_of_a_handler_tells_where_the_thread_was),
#endif
		cmocka_unit_test(frames_of_32_bits_are_known_by_their_call),
		cmocka_unit_test(what_leads_elsewhere_or_is_cut_off_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
