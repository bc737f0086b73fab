/*
 * Which variant serves: cpuid says what the processor has, and xgetbv which registers the system
 * saves for us. As a resolver's part it may ask nobody else: nothing is relocated yet, and there
 * may be no thread-local memory.
 */
#include "mem/ops/here.h"
#include "mem/ops/portable/plain.h"
#include "mem/ops/x86/x86.h"

#include <cpuid.h>
#include <stdint.h>

enum variant { PLAIN, SSE2, AVX2, AVX512 };

struct leaf {
	uint32_t eax, ebx, ecx, edx;
};

#define ALL_OF(value, bits) (((value) & (bits)) == (bits))

/* bit_... are of cpuid.h. */
#define YMM_SAVED 0x06u /* and XMM */
#define ZMM_SAVED 0xe6u
#define EBX7_AVX2 (bit_AVX2 | bit_BMI | bit_BMI2)
#define EBX7_FAST_STRINGS (1u << 9) /* what x86/string.h is for */
#define EBX7_AVX512 (bit_AVX512F | bit_AVX512BW | bit_AVX512VL | EBX7_FAST_STRINGS)
/*
 * Processors that have the first instructions of AVX-512 only slow down for its wide registers:
 * those before Ice Lake.
 */
#define ECX7_AVX512 bit_AVX512VBMI

BEFORE_RELOCATION static uint32_t saved_registers(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

BEFORE_RELOCATION static struct leaf leaf_of(uint32_t number)
{
	struct leaf leaf;

	__cpuid_count(number, 0, leaf.eax, leaf.ebx, leaf.ecx, leaf.edx);
	return leaf;
}

BEFORE_RELOCATION static bool has_lzcnt(void)
{
	return leaf_of(0x80000000).eax >= 0x80000001 && leaf_of(0x80000001).ecx & bit_LZCNT;
}

BEFORE_RELOCATION static enum variant best(void)
{
	uint32_t nleaves = __get_cpuid_max(0, NULL), saved;
	struct leaf first, seventh;

	if (nleaves < 1)
		return PLAIN;
	first = leaf_of(1);
	if (!(first.edx & bit_SSE2))
		return PLAIN;
	if (nleaves < 7 || !ALL_OF(first.ecx, (uint32_t)(bit_OSXSAVE | bit_AVX)))
		return SSE2;
	seventh = leaf_of(7);
	saved = saved_registers();
	if (!ALL_OF(seventh.ebx, (uint32_t)EBX7_AVX2) || !ALL_OF(saved, YMM_SAVED) || !has_lzcnt())
		return SSE2;
	if (!ALL_OF(seventh.ebx, (uint32_t)EBX7_AVX512) || !(seventh.ecx & ECX7_AVX512) ||
	    !ALL_OF(saved, ZMM_SAVED))
		return AVX2;
	return AVX512;
}

/* By ifs: a table would have to be relocated. */
BEFORE_RELOCATION plat__find_function *plat__choose_find(void)
{
	enum variant variant = best();

	if (variant == AVX512)
		return plat__avx512_find;
	if (variant == AVX2)
		return plat__avx2_find;
	if (variant == SSE2)
		return plat__sse2_find;
	return plat__plain_find;
}

static const struct plat__ops *const variants[] = {
	[PLAIN] = &plat__plain_ops,
	[SSE2] = &plat__sse2_ops,
	[AVX2] = &plat__avx2_ops,
	[AVX512] = &plat__avx512_ops,
};

const struct plat__ops *plat__choose_ops(void)
{
	return variants[best()];
}

const struct plat__ops *plat__ops_variant(size_t i)
{
	return i < ARRAY_SIZE(variants) ? variants[i] : NULL;
}

/* They are in the order in which processors came to have them. */
bool plat__ops_can_run(size_t i)
{
	const struct plat__ops *best = plat__ops_here();
	size_t most = 0;

	while (variants[most] != best)
		most++;
	return i <= most;
}
