/*
 * Words of registers that code before has left there would be taken for pointers. So all vector
 * registers are emptied, those that there are, and general ones get a word or zero.
 */
#include "stand.h"

#include <string.h>

static bool has_avx512(void)
{
	return __builtin_cpu_supports("avx512f");
}

static bool has_avx(void)
{
	return __builtin_cpu_supports("avx");
}

void registers_init(struct registers *registers)
{
	__builtin_cpu_init();
	memset(registers, 0xff, sizeof(*registers));
}

static bool put(uintptr_t *words, size_t nwords, unsigned n, const volatile void *p)
{
	uintptr_t *word = &words[n % nwords];

	if (*word != UINTPTR_MAX)
		return false;
	*word = ~(uintptr_t)p;
	return true;
}

bool registers_put_general(struct registers *registers, unsigned n, const volatile void *p)
{
	return put(registers->general, 4, n, p);
}

bool registers_put_vector(struct registers *registers, unsigned n, const volatile void *p)
{
	return put(registers->vector, sizeof(registers->vector) / sizeof(uintptr_t), n, p);
}

bool registers_put_upper(struct registers *registers, unsigned n, const volatile void *p)
{
	size_t half = sizeof(registers->upper) / sizeof(uintptr_t) / 2;

	return has_avx() && put(registers->upper + half, half, n, p);
}

bool registers_put_further(struct registers *registers, unsigned n, const volatile void *p)
{
	return sizeof(void *) == 8 && has_avx512() &&
	       put(registers->further, sizeof(registers->further) / sizeof(uintptr_t), n, p);
}

#ifdef __x86_64__
__attribute__((target("avx512f"))) static void empty_further(void)
{
	__asm__ volatile("vpxorq %%zmm16, %%zmm16, %%zmm16\n\tvmovdqa64 %%zmm16, %%zmm17\n\t"
			 "vmovdqa64 %%zmm16, %%zmm18\n\tvmovdqa64 %%zmm16, %%zmm19\n\t"
			 "vmovdqa64 %%zmm16, %%zmm20\n\tvmovdqa64 %%zmm16, %%zmm21\n\t"
			 "vmovdqa64 %%zmm16, %%zmm22\n\tvmovdqa64 %%zmm16, %%zmm23\n\t"
			 "vmovdqa64 %%zmm16, %%zmm24\n\tvmovdqa64 %%zmm16, %%zmm25\n\t"
			 "vmovdqa64 %%zmm16, %%zmm26\n\tvmovdqa64 %%zmm16, %%zmm27\n\t"
			 "vmovdqa64 %%zmm16, %%zmm28\n\tvmovdqa64 %%zmm16, %%zmm29\n\t"
			 "vmovdqa64 %%zmm16, %%zmm30\n\tvmovdqa64 %%zmm16, %%zmm31\n\t"
			 "kxorw %%k0, %%k0, %%k0\n\tkmovw %%k0, %%k1\n\tkmovw %%k0, %%k2\n\t"
			 "kmovw %%k0, %%k3\n\tkmovw %%k0, %%k4\n\tkmovw %%k0, %%k5\n\t"
			 "kmovw %%k0, %%k6\n\tkmovw %%k0, %%k7"
			 :
			 :
			 : "memory");
}
#else
static void empty_further(void)
{
}
#endif

static void empty_vectors(void)
{
	if (has_avx512())
		empty_further();
	if (has_avx()) {
		__asm__ volatile("vzeroall" : : : "memory");
		return;
	}
	__asm__ volatile(
		"pxor %%xmm0, %%xmm0\n\tmovdqa %%xmm0, %%xmm1\n\tmovdqa %%xmm0, %%xmm2\n\t"
		"movdqa %%xmm0, %%xmm3\n\tmovdqa %%xmm0, %%xmm4\n\tmovdqa %%xmm0, %%xmm5\n\t"
		"movdqa %%xmm0, %%xmm6\n\tmovdqa %%xmm0, %%xmm7"
		:
		:
		: "memory");
#ifdef __x86_64__
	__asm__ volatile("movdqa %%xmm0, %%xmm8\n\tmovdqa %%xmm0, %%xmm9\n\t"
			 "movdqa %%xmm0, %%xmm10\n\tmovdqa %%xmm0, %%xmm11\n\t"
			 "movdqa %%xmm0, %%xmm12\n\tmovdqa %%xmm0, %%xmm13\n\t"
			 "movdqa %%xmm0, %%xmm14\n\tmovdqa %%xmm0, %%xmm15"
			 :
			 :
			 : "memory");
#endif
}

__attribute__((noinline)) void scrub(size_t size)
{
	volatile char *below = __builtin_alloca(size);
	size_t i;

	for (i = 0; i < size; i++)
		below[i] = 0;
}

/*
 * Loads vectors from what %[words] points to, turns them over, and leaves nothing there. Each uses
 * the register below it, which is then emptied. The order is by what there has to be.
 */
static void load_vectors(struct registers *registers)
{
	__asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n\t"
			 "movdqu (%[words]), %%xmm5\n\tmovdqu 16(%[words]), %%xmm6\n\t"
			 "pxor %%xmm0, %%xmm5\n\tpxor %%xmm0, %%xmm6\n\t"
			 "movdqu %%xmm0, (%[words])\n\tmovdqu %%xmm0, 16(%[words])\n\t"
			 "pxor %%xmm0, %%xmm0"
			 :
			 : [words] "r"(registers->vector)
			 : "memory");
}

static void load_upper(struct registers *registers)
{
	__asm__ volatile(
		"vpcmpeqd %%xmm0, %%xmm0, %%xmm0\n\tvinsertf128 $1, %%xmm0, %%ymm0, %%ymm0\n\t"
		"vmovups (%[words]), %%ymm7\n\tvxorps %%ymm0, %%ymm7, %%ymm7\n\t"
		"vmovups %%ymm0, (%[words])\n\tvxorps %%ymm0, %%ymm0, %%ymm0"
		:
		: [words] "r"(registers->upper)
		: "memory");
}

#ifdef __x86_64__
static void load_further(struct registers *registers)
{
	__asm__ volatile("vpternlogd $0xff, %%zmm16, %%zmm16, %%zmm16\n\t"
			 "vmovdqu64 (%[words]), %%zmm17\n\tvpxorq %%zmm16, %%zmm17, %%zmm17\n\t"
			 "vmovdqu64 %%zmm16, (%[words])\n\tvpxorq %%zmm16, %%zmm16, %%zmm16"
			 :
			 : [words] "r"(registers->further)
			 : "memory");
}

/*
 * pause() for ever, with nothing left of this stack below `end`, nor in its red zone. The kernel
 * leaves all registers as they are, but rax, rcx and r11.
 */
_Noreturn static void load_and_pause(uintptr_t *general, void *end)
{
	__asm__ volatile("movq %%rsi, %%rsp\n\tmovq %%rdi, %%rdx\n\tleaq -128(%%rsi), %%rdi\n\t"
			 "xorl %%eax, %%eax\n\tmovl $16, %%ecx\n\trep stosq\n\t"
			 "movq (%%rdx), %%rbx\n\tmovq 8(%%rdx), %%r12\n\t"
			 "movq 16(%%rdx), %%r13\n\tmovq 24(%%rdx), %%r15\n\t"
			 "notq %%rbx\n\tnotq %%r12\n\tnotq %%r13\n\tnotq %%r15\n\t"
			 "movq %%rax, (%%rdx)\n\tmovq %%rax, 8(%%rdx)\n\t"
			 "movq %%rax, 16(%%rdx)\n\tmovq %%rax, 24(%%rdx)\n\t"
			 "xorl %%ebp, %%ebp\n\txorl %%r14d, %%r14d\n\txorl %%edx, %%edx\n\t"
			 "xorl %%esi, %%esi\n\txorl %%edi, %%edi\n\txorl %%r8d, %%r8d\n\t"
			 "xorl %%r9d, %%r9d\n\txorl %%r10d, %%r10d\n"
			 "1:\tmovl $34, %%eax\n\tsyscall\n\tjmp 1b"
			 :
			 : "D"(general), "S"(end)
			 : "memory");
	__builtin_unreachable();
}
#else
static void load_further(struct registers *registers)
{
	(void)registers;
}

_Noreturn static void load_and_pause(uintptr_t *general, void *end)
{
	__asm__ volatile("movl %%edx, %%esp\n\tmovl (%%eax), %%ebx\n\tmovl 4(%%eax), %%esi\n\t"
			 "movl 8(%%eax), %%edi\n\tmovl 12(%%eax), %%edx\n\t"
			 "notl %%ebx\n\tnotl %%esi\n\tnotl %%edi\n\tnotl %%edx\n\t"
			 "xorl %%ecx, %%ecx\n\tmovl %%ecx, (%%eax)\n\tmovl %%ecx, 4(%%eax)\n\t"
			 "movl %%ecx, 8(%%eax)\n\tmovl %%ecx, 12(%%eax)\n\t"
			 "xorl %%ebp, %%ebp\n"
			 "1:\tmovl $29, %%eax\n\tint $0x80\n\tjmp 1b"
			 :
			 : "a"(general), "d"(end)
			 : "memory");
	__builtin_unreachable();
}
#endif

_Noreturn __attribute__((noinline)) void stand(struct registers *registers, void *end)
{
	empty_vectors();
	load_vectors(registers);
	if (has_avx())
		load_upper(registers);
	if (has_avx512())
		load_further(registers);
	load_and_pause(registers->general, end);
}
