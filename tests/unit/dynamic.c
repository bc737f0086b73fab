/*
 * How modules are linked, asked of this process: what the dynamic linker itself answers is the
 * truth.
 */
#include "space/dynamic.h"

#include "space/modules.h"
#include "unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULES_MOST 64

static struct module modules[MODULES_MOST];
static struct space space = {.modules = modules};

/* Our own memory, as far as modules reach. */
static int read_own(struct reader *reader, plat_addr from, void *to, size_t size)
{
	size_t i, k;

	(void)reader;
	for (i = 0; i < space.nmodules; i++)
		for (k = 0; k < modules[i].nsegments; k++)
			if (from >= modules[i].segments[k].start &&
			    from + size <= align_up(modules[i].segments[k].end, PAGE)) {
				memcpy(to, (const void *)(uintptr_t)from, size);
				return 0;
			}
	return -EFAULT;
}

static int read_any(struct reader *reader, plat_addr from, void *to, size_t size)
{
	(void)reader;
	if (from < PAGE)
		return -EFAULT;
	memcpy(to, (const void *)(uintptr_t)from, size);
	return 0;
}

static struct reader own = {.read = read_own};
static struct reader any = {.read = read_any};

static int take_module(struct dl_phdr_info *info, size_t size, void *data)
{
	const ElfW(Phdr) *phdr = info->dlpi_phdr;
	plat_addr header = 0;
	int i;

	(void)size;
	(void)data;
	for (i = 0; i < info->dlpi_phnum; i++)
		if (phdr[i].p_type == PT_LOAD && phdr[i].p_offset == 0)
			header = info->dlpi_addr + phdr[i].p_vaddr;
	if (header && space.nmodules < MODULES_MOST &&
	    modules_read(&any, header, (uint64_t)sysconf(_SC_PAGESIZE), &modules[space.nmodules]) ==
		    0)
		space.nmodules++;
	return 0;
}

static int load(void **state)
{
	(void)state;
	space.nmodules = 0;
	dl_iterate_phdr(take_module, NULL);
	return space.nmodules >= 2 ? 0 : -1;
}

static struct dynamic dynamic_of(uint32_t module)
{
	struct dynamic dynamic;

	assert_true(module < space.nmodules);
	assert_int_equal(dynamic_read(&own, &modules[module], &dynamic), 0);
	return dynamic;
}

static void a_symbol_is_where_the_linker_says(void **state)
{
	static const char *const names[] = {"malloc", "free", "fnmatch", "environ", "stdout"};
	/* Sanitizers leave this one alone. */
	uint32_t libc = dynamic_module_at(&space, (uintptr_t)dlsym(RTLD_DEFAULT, "fnmatch"));
	struct dynamic dynamic = dynamic_of(libc);
	plat_addr at;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(dynamic_find(&own, &dynamic, names[i], &at), 0);
		assert_int_equal(dynamic_module_at(&space, at), libc);
	}
	assert_int_equal(dynamic_find(&own, &dynamic, "fnmatch", &at), 0);
	assert_int_equal(at, (uintptr_t)dlsym(RTLD_DEFAULT, "fnmatch"));
	assert_int_equal(dynamic_find(&own, &dynamic, "no_such_function", &at), -ENOENT);
	assert_int_equal(dynamic_find(&own, &dynamic, "", &at), -ENOENT);
}

static void a_function_ends_where_its_symbol_says(void **state)
{
	uint32_t libc = dynamic_module_at(&space, (uintptr_t)dlsym(RTLD_DEFAULT, "fnmatch"));
	struct dynamic dynamic = dynamic_of(libc);
	plat_addr at, start, end, before, before_end;

	(void)state;
	assert_int_equal(dynamic_find(&own, &dynamic, "fnmatch", &at), 0);
	assert_int_equal(dynamic_below(&own, &dynamic, at + 1, &start, &end), 0);
	assert_int_equal(start, at);
	assert_true(end > start);
	assert_int_equal(dynamic_below(&own, &dynamic, end, &start, &end), 0);
	assert_int_equal(start, at);
	assert_int_equal(dynamic_below(&own, &dynamic, at, &before, &before_end), 0);
	assert_true(before < at);
	assert_int_equal(dynamic_below(&own, &dynamic, 0, &before, &before_end), -ENOENT);
}

static void the_order_begins_with_the_program(void **state)
{
	uint32_t order[MODULES_MOST], program;
	struct dynamic dynamic;
	int n;

	(void)state;
	program = dynamic_module_at(&space, (uintptr_t)&load);
	dynamic = dynamic_of(program);
	n = dynamic_order(&any, &space, &dynamic, order, MODULES_MOST);
	assert_true(n >= 2);
	assert_int_equal(order[0], program);
	assert_int_equal(dynamic_order(&any, &space, &dynamic, order, 1), 1);
}

/* It must not be one that gcc knows: that would be called another way. */
static void a_call_leads_where_the_linker_bound_it(void **state)
{
	struct binding bindings[4];
	struct dynamic dynamic = dynamic_of(dynamic_module_at(&space, (uintptr_t)&load));
	plat_addr there = (uintptr_t)dlsym(RTLD_DEFAULT, "dlsym");
	bool found = false;
	int i, n;

	(void)state;
	n = dynamic_bindings(&own, &dynamic, "dlsym", bindings, 4);
	assert_true(n > 0);
	for (i = 0; i < n; i++)
		found |= bindings[i].target == there;
	assert_true(found);
	assert_int_equal(dynamic_bindings(&own, &dynamic, "no_such_function", bindings, 4), 0);
}

static void the_build_id_is_a_note(void **state)
{
	unsigned char bytes[4];
	plat_addr at;
	size_t i, n = 0;

	(void)state;
	for (i = 0; i < space.nmodules; i++)
		n += dynamic_note(&own, &modules[i], "GNU", 3, bytes, sizeof(bytes), &at) == 0;
	assert_true(n > 0);
	assert_int_equal(dynamic_note(&own, &modules[0], "none", 3, bytes, sizeof(bytes), &at),
			 -ENOENT);
}

/* All that dynamic_read() finds is changed: nothing is read outside, and all ends. */
static void a_hostile_section_is_survived(void **state)
{
	struct binding bindings[4];
	struct module module;
	struct dynamic dynamic = {.module = &module};
	uint32_t order[8];
	plat_addr at;
	unsigned n, k;

	(void)state;
	srand(1);
	module = modules[space.nmodules - 1];
	for (n = 0; n < 20000; n++) {
		uint64_t *words = (uint64_t *)&dynamic;

		dynamic = dynamic_of((uint32_t)(space.nmodules - 1));
		for (k = 0; k < 3; k++)
			words[1 + (size_t)rand() % (sizeof(dynamic) / 8 - 1)] +=
				(uint64_t)rand() % 4096 * (n % 2 ? 1 : 64);
		dynamic.module = &module;
		for (k = 0; k < 3; k++)
			dynamic.relocations[k].has_addend = n % 2;
		if (dynamic_find(&own, &dynamic, "malloc", &at) < 0)
			n++;
		if (dynamic_bindings(&own, &dynamic, "malloc", bindings, 4) < 0)
			n++;
		if (n % 16 == 0 && dynamic_order(&own, &space, &dynamic, order, 8) < 0)
			n++;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_symbol_is_where_the_linker_says),
		cmocka_unit_test(a_function_ends_where_its_symbol_says),
		cmocka_unit_test(the_order_begins_with_the_program),
		cmocka_unit_test(a_call_leads_where_the_linker_bound_it),
		cmocka_unit_test(the_build_id_is_a_note),
		cmocka_unit_test(a_hostile_section_is_survived),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
