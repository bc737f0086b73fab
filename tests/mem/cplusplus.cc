/* The headers in C++, and scopes that an exception leaves. */
#include "check.h"

#include <plat/mem.h>

#include <cstring>
#include <stdexcept>

static void take_and_throw(struct plat_scratch *scratch, int depth)
{
	PLAT_SCRATCH_SCOPE(scratch);
	void *p = plat_scratch_take(scratch, 50000);

	check(p != nullptr);
	std::memset(p, depth, 50000);
	if (depth == 0)
		throw std::runtime_error("enough");
	take_and_throw(scratch, depth - 1);
}

static void an_exception_ends_scopes()
{
	struct plat_scratch *scratch = plat_scratch_mine();
	struct plat_scratch_mark before = plat_scratch_mark(scratch);
	bool caught = false;

	try {
		take_and_throw(scratch, 10);
	} catch (const std::runtime_error &) {
		caught = true;
	}
	check(caught);
	check(plat_scratch_mark(scratch).at == before.at);
}

static const struct test tests[] = {
	{TEST(an_exception_ends_scopes)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), nullptr, 0);
}
