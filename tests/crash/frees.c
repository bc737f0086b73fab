/* What must not be freed: twice, no block, not its start, not with this size, not by this function.
 */
#include "misuse.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SMALL 64
#define MEDIUM 5000
#define LARGE 200000

static const size_t each_kind[] = {SMALL, MEDIUM, LARGE, 0};
static const size_t in_slabs[] = {SMALL, MEDIUM, 0};

static void free_wrongly(const void *p)
{
	expect_address(p, p);
	free(hidden(p));
}

/*
 * Twice.
 */

static void twice(size_t size)
{
	void *p = must_malloc(size);

	free(p);
	free_wrongly(p);
}

static void twice_from_memalign(size_t size)
{
	void *p = hidden(memalign(4096, size));

	free(p);
	free_wrongly(p);
}

static void twice_and_used_in_between(size_t size)
{
	void *p = must_malloc(size);
	unsigned i;

	for (i = 0; i < 20; i++)
		must_malloc(size);
	free(p);
	for (i = 0; i < 1000; i++) {
		void *other = must_malloc(size * 4);

		if (i % 4)
			free(other);
	}
	free_wrongly(p);
}

static void twice_with_another_in_between(size_t size)
{
	void *p = must_malloc(size), *q = must_malloc(size);

	free(p);
	free(q);
	free_wrongly(p);
}

static void twice_after_realloc(size_t size)
{
	void *p = must_malloc(size), *q = hidden(realloc(p, size + (8 << 20)));

	if (q == p)
		_exit(77);
	free_wrongly(p);
}

static void twice_after_realloc_to_zero(size_t size)
{
	void *p = must_malloc(size);

	if (hidden(realloc(p, (size_t)(uintptr_t)hidden(NULL))))
		_exit(99);
	free_wrongly(p);
}

static void first_here_then_in_a_thread(size_t size)
{
	void *p = must_malloc(size);

	free(p);
	expect_address(p, p);
	free_in_a_thread(p);
	allocate_until_reused(p, size, 1);
}

static void first_in_a_thread_then_here(size_t size)
{
	void *p = must_malloc(size);

	free_in_a_thread(p);
	free_wrongly(p);
	allocate_until_reused(p, size, 1);
}

static void in_two_threads(size_t size)
{
	void *p = must_malloc(size);

	free_in_a_thread(p);
	expect_address(p, p);
	free_in_a_thread(p);
	allocate_until_reused(p, size, 1);
}

static void *free_twice(void *p)
{
	free(p);
	free(hidden(p));
	return NULL;
}

static void twice_in_a_thread(size_t size)
{
	void *p = must_malloc(size);
	pthread_t thread;

	expect_address(p, p);
	pthread_create(&thread, NULL, free_twice, p);
	pthread_join(thread, NULL);
	allocate_until_reused(p, size, 1);
}

static void twice_with_its_size(size_t size)
{
	void (*free_sized)(void *, size_t) = function("free_sized");
	void *p = must_malloc(size);

	free_sized(p, size);
	expect_address(p, p);
	free_sized(p, size);
}

static void twice_by_delete(size_t size)
{
	void *(*new)(size_t) = function(sizeof(size_t) == 8 ? "_Znwm" : "_Znwj");
	void (*delete)(void *) = function("_ZdlPv");
	void *p = new (size);

	delete (p);
	expect_address(p, p);
	delete (hidden(p));
}

static void realloc_when_freed(size_t size)
{
	void *p = must_malloc(size);

	free(p);
	expect_address(p, p);
	if (hidden(realloc(hidden(p), size * 2)) == p)
		had_its_effect("a freed block grew");
}

static void usable_size_inside(size_t size)
{
	char *p = must_malloc(size), *inside = p + size / 2 + 1;

	expect_address(inside, inside);
	if (malloc_usable_size(hidden(inside)) > 0)
		had_its_effect("what lies in a block has usable bytes");
}

static void usable_size_when_freed(size_t size)
{
	void *p = must_malloc(size);

	free(p);
	expect_address(p, p);
	if (malloc_usable_size(hidden(p)) >= size)
		had_its_effect("a freed block has usable bytes");
}

/*
 * No block.
 */

static char global[100000] = "global";

static void inside_by_1(size_t size)
{
	free_wrongly((char *)must_malloc(size) + 1);
}

static void inside_by_8(size_t size)
{
	free_wrongly((char *)must_malloc(size) + 8);
}

static void inside_by_16(size_t size)
{
	free_wrongly((char *)must_malloc(size) + 16);
}

static void inside_by_a_page(size_t size)
{
	free_wrongly((char *)must_malloc(size) + 4096);
}

static void before_by_16(size_t size)
{
	free_wrongly((char *)must_malloc(size) - 16);
}

static void inside_when_freed(size_t size)
{
	char *p = must_malloc(size);

	free(p);
	free_wrongly(p + 16);
}

static void realloc_inside(size_t size)
{
	char *p = must_malloc(size);

	expect_address(p + 16, p + 16);
	hidden(realloc(hidden(p + 16), size * 2));
}

/* What would be the slot behind the last of some blocks of one size. */
static void never_allocated(size_t size)
{
	char *blocks[10], *last = NULL;
	size_t distance = SIZE_MAX, i, j;

	for (i = 0; i < 10; i++) {
		blocks[i] = must_malloc(size);
		if (blocks[i] > last)
			last = blocks[i];
		for (j = 0; j < i; j++) {
			size_t apart = (size_t)llabs(blocks[i] - blocks[j]);

			if (apart < distance)
				distance = apart;
		}
	}
	free_wrongly(last + distance);
}

static void on_the_stack(size_t size)
{
	_Alignas(16) char local[100] = "local";

	(void)size;
	free_wrongly(hidden(local));
}

static void *free_local(void *argument)
{
	(void)argument;
	on_the_stack(0);
	return NULL;
}

static void on_the_stack_of_a_thread(size_t size)
{
	pthread_t thread;

	(void)size;
	pthread_create(&thread, NULL, free_local, NULL);
	pthread_join(thread, NULL);
}

static void a_variable(size_t size)
{
	(void)size;
	free_wrongly(hidden(global));
}

static void a_literal(size_t size)
{
	(void)size;
	free_wrongly("a literal");
}

static void a_function(size_t size)
{
	(void)size;
	free_wrongly((void *)(uintptr_t)free_wrongly);
}

static void a_variable_of_libc(size_t size)
{
	(void)size;
	free_wrongly(stdout);
}

static void the_environment(size_t size)
{
	(void)size;
	free_wrongly(environ);
}

static void a_mapping(size_t size)
{
	void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)size;
	must_malloc(100);
	free_wrongly((char *)p + 16);
}

static void memory_of_sbrk(size_t size)
{
	char *p;

	(void)size;
	must_malloc(100);
	p = sbrk(100000);
	if (p == (void *)-1)
		_exit(77);
	free_wrongly((void *)(((uintptr_t)p + 50000) & ~(uintptr_t)15));
}

static void free_address(uintptr_t address)
{
	must_malloc(100);
	free_wrongly((void *)address);
}

static void almost_null_1(size_t size)
{
	(void)size;
	free_address(1);
}

static void almost_null_8(size_t size)
{
	(void)size;
	free_address(8);
}

static void almost_null_16(size_t size)
{
	(void)size;
	free_address(16);
}

static void almost_null_4080(size_t size)
{
	(void)size;
	free_address(4080);
}

#define WILD(name, address)                                                                        \
	static void name(size_t size)                                                              \
	{                                                                                          \
		(void)size;                                                                        \
		if (sizeof(uintptr_t) < 8)                                                         \
			_exit(77);                                                                 \
		free_address((uintptr_t)UINT64_C(address));                                        \
	}

WILD(non_canonical, 0x8000000000001000)
WILD(letters, 0x4141414141414141)
WILD(aligned_letters, 0x4141414141414140)
WILD(of_the_kernel, 0xffff888000000000)
WILD(minus_16, 0xfffffffffffffff0)
WILD(above_47_bits, 0x0000800000000000)
WILD(above_56_bits, 0x0100000000000000)
WILD(an_empty_page, 0x0000100000000000)

static uintptr_t bit(unsigned n)
{
	if (n >= 8 * sizeof(uintptr_t))
		_exit(77);
	return (uintptr_t)((uint64_t)1 << n);
}

/* A block's address with one of the upper bits wrong. */
static void with_a_wrong_bit_47(size_t size)
{
	free_wrongly((void *)((uintptr_t)must_malloc(size) ^ bit(47)));
}

static void with_a_wrong_bit_48(size_t size)
{
	free_wrongly((void *)((uintptr_t)must_malloc(size) ^ bit(48)));
}

static void with_a_wrong_bit_63(size_t size)
{
	free_wrongly((void *)((uintptr_t)must_malloc(size) ^ bit(63)));
}

static void with_a_wrong_bit_40(size_t size)
{
	free_wrongly((void *)((uintptr_t)must_malloc(size) ^ bit(40)));
}

/*
 * Not with this size.
 */

static void with_size(size_t size, size_t wrong)
{
	void (*free_sized)(void *, size_t) = function("free_sized");
	void *p = must_malloc(size);

	expect_address(p, p);
	free_sized(p, wrong);
}

static void with_one_byte_more(size_t size)
{
	with_size(size, size + 1);
}

static void with_one_byte_less(size_t size)
{
	with_size(size, size - 1);
}

static void with_twice_the_size(size_t size)
{
	with_size(size, size * 2);
}

static void with_size_zero(size_t size)
{
	with_size(size, 0);
}

static void with_a_size_that_nothing_has(size_t size)
{
	with_size(size, SIZE_MAX);
}

static void with_the_size_before_realloc(size_t size)
{
	void (*free_sized)(void *, size_t) = function("free_sized");
	void *p = hidden(realloc(must_malloc(size + 1), size));

	expect_address(p, p);
	free_sized(p, size + 1);
}

static void aligned_with_a_wrong_size(size_t size)
{
	void (*free_aligned_sized)(void *, size_t, size_t) = function("free_aligned_sized");
	void *p = hidden(aligned_alloc(64, size));

	expect_address(p, p);
	free_aligned_sized(p, 64, size + 64);
}

/* An alignment that its address does not have. */
static void aligned_with_a_wrong_alignment(size_t size)
{
	void (*free_aligned_sized)(void *, size_t, size_t) = function("free_aligned_sized");
	void *p;

	do
		p = hidden(aligned_alloc(64, size));
	while ((uintptr_t)p % (1 << 20) == 0);
	expect_address(p, p);
	free_aligned_sized(p, 1 << 20, size);
}

static void aligned_with_no_alignment(size_t size)
{
	void (*free_aligned_sized)(void *, size_t, size_t) = function("free_aligned_sized");
	void *p = hidden(aligned_alloc(64, size));

	expect_address(p, p);
	free_aligned_sized(p, 3, size);
}

/* By operators of these names, of which the last one is told the size, too. */
static void delete_aligned_by(size_t size, const char *of_new, const char *of_delete, bool sized)
{
	void *(*new)(size_t, size_t) = function(of_new);
	void (*delete)(void *, size_t, size_t) = function(of_delete);
	void *p;

	do
		p = hidden(new (size, 64));
	while ((uintptr_t)p % (1 << 20) == 0);
	expect_address(p, p);
	delete (p, sized ? size : 1 << 20, 1 << 20);
}

static void delete_with_a_wrong_alignment(size_t size)
{
	bool wide = sizeof(size_t) == 8;

	delete_aligned_by(size, wide ? "_ZnwmSt11align_val_t" : "_ZnwjSt11align_val_t",
			  "_ZdlPvSt11align_val_t", false);
}

static void delete_array_with_a_wrong_alignment(size_t size)
{
	bool wide = sizeof(size_t) == 8;

	delete_aligned_by(size, wide ? "_ZnamSt11align_val_t" : "_ZnajSt11align_val_t",
			  "_ZdaPvSt11align_val_t", false);
}

static void delete_sized_with_a_wrong_alignment(size_t size)
{
	bool wide = sizeof(size_t) == 8;

	delete_aligned_by(size, wide ? "_ZnwmSt11align_val_t" : "_ZnwjSt11align_val_t",
			  wide ? "_ZdlPvmSt11align_val_t" : "_ZdlPvjSt11align_val_t", true);
}

static void delete_with_a_wrong_size(size_t size)
{
	bool wide = sizeof(size_t) == 8;
	void *(*new)(size_t) = function(wide ? "_Znwm" : "_Znwj");
	void (*delete)(void *, size_t) = function(wide ? "_ZdlPvm" : "_ZdlPvj");
	void *p = new (size);

	expect_address(p, p);
	delete (p, size + 8);
}

static void delete_array_with_a_wrong_size(size_t size)
{
	bool wide = sizeof(size_t) == 8;
	void *(*new)(size_t) = function(wide ? "_Znam" : "_Znaj");
	void (*delete)(void *, size_t) = function(wide ? "_ZdaPvm" : "_ZdaPvj");
	void *p = new (size);

	expect_address(p, p);
	delete (p, size / 2);
}

static void delete_aligned_with_a_wrong_size(size_t size)
{
	bool wide = sizeof(size_t) == 8;
	void *(*new)(size_t, size_t) =
		function(wide ? "_ZnwmSt11align_val_t" : "_ZnwjSt11align_val_t");
	void (*delete)(void *, size_t, size_t) =
		function(wide ? "_ZdlPvmSt11align_val_t" : "_ZdlPvjSt11align_val_t");
	void *p = new (size, 64);

	expect_address(p, p);
	delete (p, size + 64, 64);
}

/*
 * Not by this function.
 */

static void mismatch(size_t size, const char *get, const char *give)
{
	void *(*getter)(size_t) = function(get);
	void (*giver)(void *) = function(give);
	void *p = getter(size);

	expect_address(p, p);
	giver(p);
}

#if SIZE_MAX > UINT32_MAX
#define NEW "_Znwm"
#define NEW_ARRAY "_Znam"
#else
#define NEW "_Znwj"
#define NEW_ARRAY "_Znaj"
#endif

static void new_and_free(size_t size)
{
	mismatch(size, NEW, "free");
}

static void new_array_and_free(size_t size)
{
	mismatch(size, NEW_ARRAY, "free");
}

static void malloc_and_delete(size_t size)
{
	mismatch(size, "malloc", "_ZdlPv");
}

static void malloc_and_delete_array(size_t size)
{
	mismatch(size, "malloc", "_ZdaPv");
}

static void new_and_delete_array(size_t size)
{
	mismatch(size, NEW, "_ZdaPv");
}

static void new_array_and_delete(size_t size)
{
	mismatch(size, NEW_ARRAY, "_ZdlPv");
}

static void new_and_realloc(size_t size)
{
	void *(*new)(size_t) = function(NEW);
	void *p = new (size);

	expect_address(p, p);
	free(hidden(realloc(hidden(p), size * 2)));
}

#define NOT_LIVE "double free|invalid free|use after free"
#define IN_ALL(expectation)                                                                        \
	{                                                                                          \
		expectation, expectation, expectation                                              \
	}
#define IN_HARD(expectation)                                                                       \
	{                                                                                          \
		SILENT, expectation, NO_PROMISE                                                    \
	}

const struct misuse frees[] = {
	{"double-free", twice, each_kind, IN_ALL(ABORT("double free"))},
	{"double-free-of-nothing", twice, NULL, IN_ALL(ABORT("double free"))},
	{"double-free-memalign", twice_from_memalign, each_kind, IN_ALL(ABORT("double free"))},
	{"double-free-delayed", twice_and_used_in_between, each_kind, IN_ALL(ABORT("double free"))},
	{"double-free-interleaved", twice_with_another_in_between, each_kind,
	 IN_ALL(ABORT("double free"))},
	{"double-free-after-realloc", twice_after_realloc, each_kind, IN_ALL(ABORT(NOT_LIVE))},
	{"double-free-after-realloc-to-zero", twice_after_realloc_to_zero, each_kind,
	 IN_ALL(ABORT("double free"))},
	{"double-free-here-and-in-a-thread", first_here_then_in_a_thread, each_kind,
	 IN_ALL(ABORT("double free"))},
	{"double-free-in-a-thread-and-here", first_in_a_thread_then_here, each_kind,
	 IN_ALL(ABORT("double free"))},
	{"double-free-in-two-threads", in_two_threads, each_kind, IN_ALL(ABORT("double free"))},
	{"double-free-in-a-thread", twice_in_a_thread, each_kind, IN_ALL(ABORT("double free"))},
	{"double-free-sized", twice_with_its_size, each_kind, IN_ALL(ABORT("double free"))},
	{"double-delete", twice_by_delete, each_kind, IN_ALL(ABORT("double free"))},
	{"realloc-of-freed", realloc_when_freed, each_kind, IN_ALL(ABORT(NOT_LIVE))},
	{"usable-size-of-freed", usable_size_when_freed, each_kind,
	 IN_ALL(ABORT("use after free|invalid pointer"))},
	{"usable-size-inside", usable_size_inside, each_kind, IN_ALL(ABORT("invalid pointer"))},

	{"free-inside-by-1", inside_by_1, each_kind, IN_ALL(ABORT_SIZED("invalid free"))},
	{"free-inside-by-8", inside_by_8, each_kind, IN_ALL(ABORT_SIZED("invalid free"))},
	{"free-inside-by-16", inside_by_16, each_kind, IN_ALL(ABORT_SIZED("invalid free"))},
	{"free-inside-by-a-page", inside_by_a_page, (const size_t[]){MEDIUM, LARGE, 0},
	 IN_ALL(ABORT_SIZED("invalid free"))},
	{"free-before-by-16", before_by_16, each_kind, IN_ALL(ABORT("invalid free"))},
	{"free-inside-freed", inside_when_freed, each_kind,
	 IN_ALL(ABORT("double free|invalid free"))},
	{"realloc-inside", realloc_inside, each_kind, IN_ALL(ABORT("invalid free"))},
	{"free-never-allocated", never_allocated, in_slabs,
	 IN_ALL(ABORT("double free|invalid free"))},
	{"free-stack", on_the_stack, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-stack-of-a-thread", on_the_stack_of_a_thread, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-global", a_variable, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-literal", a_literal, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-function", a_function, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-libc-variable", a_variable_of_libc, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-environment", the_environment, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-mapping", a_mapping, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-sbrk", memory_of_sbrk, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-null-plus-1", almost_null_1, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-null-plus-8", almost_null_8, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-null-plus-16", almost_null_16, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-null-plus-4080", almost_null_4080, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-non-canonical", non_canonical, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-letters", letters, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-aligned-letters", aligned_letters, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-of-the-kernel", of_the_kernel, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-minus-16", minus_16, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-above-47-bits", above_47_bits, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-above-56-bits", above_56_bits, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-unmapped", an_empty_page, NULL, IN_ALL(ABORT("invalid free"))},
	{"free-wrong-bit-40", with_a_wrong_bit_40, each_kind, IN_ALL(ABORT("invalid free"))},
	{"free-wrong-bit-47", with_a_wrong_bit_47, each_kind, IN_ALL(ABORT("invalid free"))},
	{"free-wrong-bit-48", with_a_wrong_bit_48, each_kind, IN_ALL(ABORT("invalid free"))},
	{"free-wrong-bit-63", with_a_wrong_bit_63, each_kind, IN_ALL(ABORT("invalid free"))},

	{"wrong-size-plus-1", with_one_byte_more, each_kind, IN_ALL(ABORT_SIZED("wrong size"))},
	{"wrong-size-minus-1", with_one_byte_less, each_kind, IN_ALL(ABORT_SIZED("wrong size"))},
	{"wrong-size-twice", with_twice_the_size, each_kind, IN_ALL(ABORT_SIZED("wrong size"))},
	{"wrong-size-zero", with_size_zero, each_kind, IN_ALL(ABORT_SIZED("wrong size"))},
	{"wrong-size-of-all-bits", with_a_size_that_nothing_has, each_kind,
	 IN_ALL(ABORT_SIZED("wrong size"))},
	{"wrong-size-before-realloc", with_the_size_before_realloc, each_kind,
	 IN_ALL(ABORT_SIZED("wrong size"))},
	{"wrong-size-aligned", aligned_with_a_wrong_size, each_kind,
	 IN_ALL(ABORT_SIZED("wrong size"))},
	{"wrong-alignment", aligned_with_a_wrong_alignment, each_kind,
	 IN_ALL(ABORT_SIZED("wrong alignment"))},
	{"wrong-alignment-of-3", aligned_with_no_alignment, each_kind,
	 IN_ALL(ABORT_SIZED("wrong alignment"))},
	{"wrong-alignment-delete", delete_with_a_wrong_alignment, each_kind,
	 IN_ALL(ABORT_SIZED("wrong alignment"))},
	{"wrong-alignment-delete-array", delete_array_with_a_wrong_alignment, each_kind,
	 IN_ALL(ABORT_SIZED("wrong alignment"))},
	{"wrong-alignment-delete-sized", delete_sized_with_a_wrong_alignment, each_kind,
	 IN_ALL(ABORT_SIZED("wrong alignment"))},
	{"wrong-size-delete", delete_with_a_wrong_size, each_kind,
	 IN_ALL(ABORT_SIZED("wrong size"))},
	{"wrong-size-delete-array", delete_array_with_a_wrong_size, each_kind,
	 IN_ALL(ABORT_SIZED("wrong size"))},
	{"wrong-size-delete-aligned", delete_aligned_with_a_wrong_size, each_kind,
	 IN_ALL(ABORT_SIZED("wrong size"))},

	{"mismatched-new-free", new_and_free, each_kind, IN_HARD(ABORT("mismatched free"))},
	{"mismatched-new-array-free", new_array_and_free, each_kind,
	 IN_HARD(ABORT("mismatched free"))},
	{"mismatched-malloc-delete", malloc_and_delete, each_kind,
	 IN_HARD(ABORT("mismatched free"))},
	{"mismatched-malloc-delete-array", malloc_and_delete_array, each_kind,
	 IN_HARD(ABORT("mismatched free"))},
	{"mismatched-new-delete-array", new_and_delete_array, each_kind,
	 IN_HARD(ABORT("mismatched free"))},
	{"mismatched-new-array-delete", new_array_and_delete, each_kind,
	 IN_HARD(ABORT("mismatched free"))},
	{"mismatched-new-realloc", new_and_realloc, each_kind, {SILENT, NO_PROMISE, NO_PROMISE}},
	{NULL, NULL, NULL, IN_ALL(SILENT)},
};
