/*
 * All forms of operator new and delete: plain, sized, aligned, those that do not throw; what they
 * throw, and how often they ask the new-handler. libstdc++ is this program's; the operators are
 * whose malloc is.
 */
#include "check.h"

#include <cstdint>
#include <cstring>
#include <dlfcn.h>
#include <malloc.h>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

namespace
{

using std::align_val_t;
using std::nothrow;

constexpr size_t TOO_MUCH = PTRDIFF_MAX - 4096;
constexpr align_val_t A64{64};

/* A form of new and a form of delete that may take its block back. */
struct pair {
	const char *name;
	void *(*get)(size_t size);
	void (*give)(void *p, size_t size);
	size_t alignment;
	bool throws;
};

const pair pairs[] = {
	{"new, delete", [](size_t n) { return ::operator new(n); },
	 [](void *p, size_t) { ::operator delete(p); }, 16, true},
	{"new, sized delete", [](size_t n) { return ::operator new(n); },
	 [](void *p, size_t n) { ::operator delete(p, n); }, 16, true},
	{"new, nothrow delete", [](size_t n) { return ::operator new(n); },
	 [](void *p, size_t) { ::operator delete(p, nothrow); }, 16, true},
	{"nothrow new, delete", [](size_t n) { return ::operator new(n, nothrow); },
	 [](void *p, size_t) { ::operator delete(p); }, 16, false},
	{"nothrow new, sized delete", [](size_t n) { return ::operator new(n, nothrow); },
	 [](void *p, size_t n) { ::operator delete(p, n); }, 16, false},
	{"new[], delete[]", [](size_t n) { return ::operator new[](n); },
	 [](void *p, size_t) { ::operator delete[](p); }, 16, true},
	{"new[], sized delete[]", [](size_t n) { return ::operator new[](n); },
	 [](void *p, size_t n) { ::operator delete[](p, n); }, 16, true},
	{"new[], nothrow delete[]", [](size_t n) { return ::operator new[](n); },
	 [](void *p, size_t) { ::operator delete[](p, nothrow); }, 16, true},
	{"nothrow new[], delete[]", [](size_t n) { return ::operator new[](n, nothrow); },
	 [](void *p, size_t) { ::operator delete[](p); }, 16, false},
	{"aligned new, delete", [](size_t n) { return ::operator new(n, A64); },
	 [](void *p, size_t) { ::operator delete(p, A64); }, 64, true},
	{"aligned new, sized delete", [](size_t n) { return ::operator new(n, A64); },
	 [](void *p, size_t n) { ::operator delete(p, n, A64); }, 64, true},
	{"aligned new, nothrow delete", [](size_t n) { return ::operator new(n, A64); },
	 [](void *p, size_t) { ::operator delete(p, A64, nothrow); }, 64, true},
	{"aligned nothrow new, delete", [](size_t n) { return ::operator new(n, A64, nothrow); },
	 [](void *p, size_t) { ::operator delete(p, A64); }, 64, false},
	{"aligned new[], delete[]", [](size_t n) { return ::operator new[](n, A64); },
	 [](void *p, size_t) { ::operator delete[](p, A64); }, 64, true},
	{"aligned new[], sized delete[]", [](size_t n) { return ::operator new[](n, A64); },
	 [](void *p, size_t n) { ::operator delete[](p, n, A64); }, 64, true},
	{"aligned new[], nothrow delete[]", [](size_t n) { return ::operator new[](n, A64); },
	 [](void *p, size_t) { ::operator delete[](p, A64, nothrow); }, 64, true},
	{"aligned nothrow new[], delete[]",
	 [](size_t n) { return ::operator new[](n, A64, nothrow); },
	 [](void *p, size_t) { ::operator delete[](p, A64); }, 64, false},
};

void every_form_of_new_goes_with_every_form_of_delete()
{
	for (const pair &pair : pairs) {
		for (const size_t *size = edges; *size; size++) {
			void *blocks[8];

			for (size_t i = 0; i < 8; i++) {
				blocks[i] = pair.get(*size);
				check_with(blocks[i], "%s, size %zu", pair.name, *size);
				check_with(is_aligned(blocks[i], pair.alignment), "%s, size %zu",
					   pair.name, *size);
				check(malloc_usable_size(blocks[i]) >= *size);
				fill(blocks[i], *size, i);
			}
			for (size_t i = 0; i < 8; i++) {
				check_with(filled(blocks[i], *size, i), "%s, size %zu", pair.name,
					   *size);
				pair.give(blocks[i], *size);
			}
		}
	}
}

void zero_bytes_are_a_block_of_their_own()
{
	for (const pair &pair : pairs) {
		void *blocks[50];

		for (size_t i = 0; i < 50; i++) {
			blocks[i] = pair.get(0);
			check_with(blocks[i], "%s", pair.name);
			for (size_t j = 0; j < i; j++)
				check_with(blocks[i] != blocks[j], "%s", pair.name);
		}
		for (void *block : blocks)
			pair.give(block, 0);
	}
}

void delete_takes_null()
{
	for (const pair &pair : pairs)
		pair.give(nullptr, 100);
}

void every_alignment()
{
	for (size_t alignment = 1; alignment <= 4 * MIB; alignment *= 2) {
		const auto wanted = align_val_t(alignment);

		for (size_t size : {0, 1, 24, 64, 100, 1000, 4096, 5000, 70000, 300000}) {
			void *p = ::operator new(size, wanted);
			void *q = ::operator new[](size, wanted, nothrow);

			check_with(p && is_aligned(p, alignment), "%zu of %zu", size, alignment);
			check_with(q && is_aligned(q, alignment), "%zu of %zu", size, alignment);
			fill(p, size, 1);
			fill(q, size, 2);
			check(filled(p, size, 1));
			::operator delete(p, size, wanted);
			::operator delete[](q, wanted, nothrow);
		}
	}
}

/* Whether it throws exactly that. */
template <typename Exception, typename Body> bool throws(Body body)
{
	try {
		body();
	} catch (const Exception &) {
		return true;
	}
	return false;
}

void too_much_is_a_bad_alloc_or_null()
{
	for (const pair &pair : pairs) {
		for (size_t size : {TOO_MUCH, (size_t)PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1,
				    SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 63, SIZE_MAX - 4096}) {
			if (pair.alignment > 16 && size > SIZE_MAX - 64 && !is_ours())
				continue; /* libstdc++'s sum overflows */
			size = opaque_size(size);
			if (pair.throws)
				check_with(throws<std::bad_alloc>([&] { pair.get(size); }),
					   "%s, size %#zx", pair.name, size);
			else
				check_with(!pair.get(size), "%s, size %#zx", pair.name, size);
		}
	}
}

void a_negative_count_is_a_bad_array_new_length()
{
	volatile long n = -1;

	check(throws<std::bad_array_new_length>([&] { opaque(new int[n]); }));
}

/*
 * The new-handler.
 */

unsigned ncalls;

void give_up_at_the_third_call()
{
	if (++ncalls == 3)
		std::set_new_handler(nullptr);
}

void the_handler_is_asked_until_there_is_none()
{
	for (const pair &pair : pairs) {
		ncalls = 0;
		std::set_new_handler(give_up_at_the_third_call);
		if (pair.throws)
			check_with(throws<std::bad_alloc>([&] { pair.get(TOO_MUCH); }), "%s",
				   pair.name);
		else
			check_with(!pair.get(TOO_MUCH), "%s", pair.name);
		check_with(ncalls == 3, "%s: %u calls", pair.name, ncalls);
	}
	check(!std::get_new_handler());
}

struct mine {
};

void throw_mine()
{
	ncalls++;
	throw mine();
}

void throw_bad_alloc()
{
	ncalls++;
	throw std::bad_alloc();
}

void what_the_handler_throws_comes_through()
{
	ncalls = 0;
	for (const pair &pair : pairs) {
		if (!pair.throws)
			continue;
		std::set_new_handler(throw_mine);
		check_with(throws<mine>([&] { pair.get(TOO_MUCH); }), "%s", pair.name);
		std::set_new_handler(throw_bad_alloc);
		check_with(throws<std::bad_alloc>([&] { pair.get(TOO_MUCH); }), "%s", pair.name);
	}
	check(ncalls == 2 * 12);
}

/* The standard: as new does, and null if that ends by an exception. */
void nothrow_forms_return_null_when_the_handler_throws()
{
	ncalls = 0;
	for (const pair &pair : pairs) {
		if (pair.throws)
			continue;
		std::set_new_handler(throw_bad_alloc);
		check_with(!pair.get(TOO_MUCH), "%s", pair.name);
		std::set_new_handler(throw_mine);
		check_with(!pair.get(TOO_MUCH), "%s", pair.name);
	}
	check(ncalls == 2 * 5);
}

void *reserve;

void give_the_reserve()
{
	ncalls++;
	if (!reserve)
		throw std::bad_alloc();
	::operator delete(reserve);
	reserve = nullptr;
}

void limit_address_space(size_t more)
{
	struct rlimit limit = {address_space() + more, RLIM_INFINITY};

	check(setrlimit(RLIMIT_AS, &limit) == 0);
}

void a_handler_that_frees_makes_room()
{
	limit_address_space(300 * MIB);
	for (const pair &pair : pairs) {
		ncalls = 0;
		reserve = ::operator new(200 * MIB);
		std::set_new_handler(give_the_reserve);

		void *p = pair.get(200 * MIB);

		check_with(p && ncalls == 1, "%s: %u calls", pair.name, ncalls);
		pair.give(p, 200 * MIB);
		std::set_new_handler(nullptr);
	}
}

void exhaustion_throws_and_is_survived()
{
	struct node {
		node *next;
		char bytes[1000];
	} *list = nullptr;
	size_t n = 0;

	limit_address_space(100 * MIB);
	try {
		for (;;) {
			list = new node{list, {}};
			n++;
		}
	} catch (const std::bad_alloc &) {
	}
	check_with(n > 50000, "%zu", n);
	while (list) {
		node *next = list->next;

		delete list;
		list = next;
	}
	for (n = 0; n < 50000; n++)
		list = new node{list, {}};
}

/*
 * What programs do.
 */

struct alignas(64) line {
	char bytes[64];
};

struct alignas(4096) wide {
	char bytes[3 * 4096];
};

struct counted {
	static int alive;
	std::string name = "a string that does not fit into itself";

	counted()
	{
		alive++;
	}
	~counted()
	{
		alive--;
	}
};

int counted::alive;

void objects_and_arrays_with_cookies()
{
	for (size_t n = 1; n < 300; n += 7) {
		auto *array = new counted[n];

		check(counted::alive == (int)n && array[n - 1].name.size() == 38);
		delete[](counted *) opaque(array);
		check(counted::alive == 0);

		auto *lines = new line[n];

		check(is_aligned(lines, 64));
		delete[](line *) opaque(lines);
		auto *one = new wide;

		check(is_aligned(one, 4096));
		delete (wide *)opaque(one);
	}
}

void containers_and_threads()
{
	std::vector<std::thread> threads;
	std::vector<std::shared_ptr<std::map<int, std::string>>> maps(4);

	for (size_t t = 0; t < maps.size(); t++) {
		threads.emplace_back([&maps, t] {
			auto map = std::make_shared<std::map<int, std::string>>();

			for (int i = 0; i < 20000; i++)
				(*map)[i * 7919 % 20011] =
					std::to_string(i) + std::string(i % 90, 'x');
			for (int i = 0; i < 20000; i += 3)
				map->erase(i * 7919 % 20011);
			maps[t] = map;
		});
	}
	for (std::thread &thread : threads)
		thread.join();
	for (const auto &map : maps) {
		check(map->size() == 20000 - 6667);
		for (const auto &[key, value] : *map)
			check(value.size() >= 1 && map->find(key)->second == value);
	}
}

void exceptions_in_many_threads()
{
	std::vector<std::thread> threads;

	for (int t = 0; t < 8; t++) {
		threads.emplace_back([] {
			for (int i = 0; i < 5000; i++) {
				try {
					throw std::string(i % 200, 'y');
				} catch (const std::string &text) {
					check(text.size() == (size_t)i % 200);
				}
			}
		});
	}
	for (std::thread &thread : threads)
		thread.join();
}

#if SIZE_MAX > UINT32_MAX
#define SIZE_LETTER "m"
#else
#define SIZE_LETTER "j"
#endif

void all_operators_are_of_the_library_of_malloc()
{
	static const char *const names[] = {
		"_Znw" SIZE_LETTER,
		"_Zna" SIZE_LETTER,
		"_Znw" SIZE_LETTER "RKSt9nothrow_t",
		"_Zna" SIZE_LETTER "RKSt9nothrow_t",
		"_Znw" SIZE_LETTER "St11align_val_t",
		"_Zna" SIZE_LETTER "St11align_val_t",
		"_Znw" SIZE_LETTER "St11align_val_tRKSt9nothrow_t",
		"_Zna" SIZE_LETTER "St11align_val_tRKSt9nothrow_t",
		"_ZdlPv",
		"_ZdaPv",
		"_ZdlPv" SIZE_LETTER,
		"_ZdaPv" SIZE_LETTER,
		"_ZdlPvRKSt9nothrow_t",
		"_ZdaPvRKSt9nothrow_t",
		"_ZdlPvSt11align_val_t",
		"_ZdaPvSt11align_val_t",
		"_ZdlPv" SIZE_LETTER "St11align_val_t",
		"_ZdaPv" SIZE_LETTER "St11align_val_t",
		"_ZdlPvSt11align_val_tRKSt9nothrow_t",
		"_ZdaPvSt11align_val_tRKSt9nothrow_t",
	};
	Dl_info malloc_info, info;

	needs_ours("it leaves them to libstdc++");
	check(dladdr(entry_point("malloc"), &malloc_info));
	for (const char *name : names) {
		check_with(dladdr(entry_point(name), &info), "%s", name);
		check_with(info.dli_fbase == malloc_info.dli_fbase, "%s is of %s", name,
			   info.dli_fname);
	}
}

const test tests[] = {
	{TEST(every_form_of_new_goes_with_every_form_of_delete)},
	{TEST(zero_bytes_are_a_block_of_their_own)},
	{TEST(delete_takes_null)},
	{TEST(every_alignment)},
	{TEST(too_much_is_a_bad_alloc_or_null)},
	{TEST(a_negative_count_is_a_bad_array_new_length)},
	{TEST(the_handler_is_asked_until_there_is_none)},
	{TEST(what_the_handler_throws_comes_through)},
	{TEST(nothrow_forms_return_null_when_the_handler_throws)},
	{TEST(a_handler_that_frees_makes_room)},
	{TEST(exhaustion_throws_and_is_survived)},
	{TEST(objects_and_arrays_with_cookies)},
	{TEST(containers_and_threads)},
	{TEST(exceptions_in_many_threads)},
	{TEST(all_operators_are_of_the_library_of_malloc)},
};

} // namespace

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), nullptr, 0);
}
