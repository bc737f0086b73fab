/* The pure parts of plat explain: flags in words, borders between mappings, what an access does. */
#include "view/explain.h"

#include "hand.h"
#include "unit.h"

#include "base/text.h"
#include "space/borders.h"
#include "space/vmflags.h"
#include "view/explain_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOW UINT64_C(0x10000)
#define HIGH UINT64_C(0x20000)

/*
 * Two mappings that touch at HIGH, with equal flags.
 */

struct pair {
	struct space space;
	struct border border;
};

static struct region *add_low(struct pair *pair, enum kind kind, unsigned rights)
{
	return add_region(&pair->space, LOW, HIGH, kind, rights);
}

static struct region *add_high(struct pair *pair, enum kind kind, unsigned rights)
{
	return add_region(&pair->space, HIGH, HIGH + PAGE, kind, rights);
}

static void begin(struct pair *pair)
{
	begin_town(&pair->space);
}

static void set_flags(struct pair *pair, const char *low, const char *high)
{
	struct detail *details = calloc(pair->space.nmappings + 1, sizeof(*details));

	assert_non_null(details);
	free(pair->space.details);
	pair->space.details = details;
	details[0] = (struct detail){.known = true, .protection_key = -1};
	details[1] = (struct detail){.known = true, .protection_key = -1};
	snprintf(details[0].flags, sizeof(details[0].flags), "%s", low);
	snprintf(details[1].flags, sizeof(details[1].flags), "%s", high);
}

/* Two alike mappings of anonymous memory. */
static void begin_alike(struct pair *pair)
{
	begin(pair);
	add_low(pair, KIND_ANON, RW);
	add_high(pair, KIND_ANON, RW);
	set_flags(pair, "rd wr mr mw me ac sd", "rd wr mr mw me ac");
}

static void look(struct pair *pair)
{
	border_explain(&pair->space, HIGH, LOW, &pair->border); /* the order does not matter */
}

static void assert_one_reason(const struct pair *pair, enum border_cause cause, const char *part)
{
	assert_int_equal(pair->border.type, BORDER_TOUCHING);
	assert_int_equal(pair->border.at, HIGH);
	assert_int_equal(pair->border.nreasons, 1);
	assert_int_equal(pair->border.reasons[0].cause, cause);
	assert_non_null(strstr(pair->border.reasons[0].text, part));
}

static void end(struct pair *pair)
{
	space_fini(&pair->space);
}

static void flags_are_read_two_letters_at_a_time(void **state)
{
	const char *flags = "  rd sl ";
	char letters[3];

	(void)state;
	assert_true(vmflags_next(&flags, letters));
	assert_string_equal(letters, "rd");
	assert_true(vmflags_next(&flags, letters));
	assert_string_equal(vmflag_find(letters)->words, "sealed");
	assert_false(vmflags_next(&flags, letters));
	assert_true(vmflags_have("rd wr lo", "lo"));
	assert_false(vmflags_have("rd wr lo", "l"));
	assert_null(vmflag_find("??"));
}

static void soft_dirty_keeps_nothing_apart(void **state)
{
	struct pair pair;

	(void)state;
	begin_alike(&pair);
	look(&pair);
	assert_one_reason(&pair, CAUSE_IDENTITY, "nothing visible differs");
	assert_false(pair.border.reasons[0].certain);
	end(&pair);
}

static void both_written_to_means_different_identities(void **state)
{
	struct pair pair;

	(void)state;
	begin_alike(&pair);
	pair.space.details[0].anonymous = pair.space.details[1].anonymous = PAGE;
	look(&pair);
	assert_one_reason(&pair, CAUSE_IDENTITY, "both were written to");
	end(&pair);
}

static void different_flags_are_named_in_words(void **state)
{
	struct pair pair;

	(void)state;
	begin_alike(&pair);
	set_flags(&pair, "rd wr mr mw me ac sl", "rd wr mr mw me ac dd");
	look(&pair);
	assert_one_reason(&pair, CAUSE_FLAGS, "only the lower one is sealed (sl)");
	assert_non_null(strstr(pair.border.reasons[0].text, "dont-dump"));
	end(&pair);
}

static void different_protection_keys_are_a_reason(void **state)
{
	struct pair pair;

	(void)state;
	begin_alike(&pair);
	pair.space.details[0].protection_key = 0;
	pair.space.details[1].protection_key = 3;
	look(&pair);
	assert_one_reason(&pair, CAUSE_KEY, "0 below, 3 above");
	end(&pair);
}

static void without_smaps_the_conclusion_says_so(void **state)
{
	struct pair pair;

	(void)state;
	begin_alike(&pair);
	free(pair.space.details);
	pair.space.details = NULL;
	look(&pair);
	assert_false(pair.border.flags_known);
	assert_one_reason(&pair, CAUSE_IDENTITY, "smaps could not be read");
	end(&pair);
}

static void different_permissions_are_a_reason(void **state)
{
	struct pair pair;

	(void)state;
	begin(&pair);
	add_low(&pair, KIND_ANON, READ);
	add_high(&pair, KIND_ANON, RW);
	set_flags(&pair, "rd mr mw me", "rd wr mr mw me");
	look(&pair);
	assert_one_reason(&pair, CAUSE_RIGHTS, "r-- below, rw- above");
	end(&pair);
}

static void a_file_mapped_twice_that_goes_on_was_opened_twice(void **state)
{
	struct region *region;
	struct pair pair;
	uint32_t file;

	(void)state;
	begin(&pair);
	file = add_file(&pair.space, "/tmp/a", 7);
	add_low(&pair, KIND_FILE, READ | RIGHT_SHARED)->file = file;
	region = add_high(&pair, KIND_FILE, READ | RIGHT_SHARED);
	region->file = file;
	region->offset = HIGH - LOW;
	set_flags(&pair, "rd sh mr mw me ms", "rd sh mr mw me ms");
	look(&pair);
	assert_one_reason(&pair, CAUSE_DESCRIPTION, "opened twice");
	end(&pair);
}

static void a_file_that_does_not_go_on_has_its_offsets_named(void **state)
{
	struct pair pair;
	uint32_t file;

	(void)state;
	begin(&pair);
	file = add_file(&pair.space, "/tmp/a", 7);
	add_low(&pair, KIND_FILE, READ)->file = file;
	add_high(&pair, KIND_FILE, READ)->file = file;
	set_flags(&pair, "rd", "rd");
	look(&pair);
	assert_one_reason(&pair, CAUSE_OFFSET,
			  "ends at offset 0x10000, the upper one begins at 0x0");
	end(&pair);
}

static void file_and_anonymous_memory_are_never_one(void **state)
{
	struct pair pair;

	(void)state;
	begin(&pair);
	add_low(&pair, KIND_DATA, RW)->file = add_file(&pair.space, "/bin/a", 7);
	add_high(&pair, KIND_BSS, RW);
	set_flags(&pair, "rd wr", "rd wr");
	look(&pair);
	assert_one_reason(&pair, CAUSE_FILE, "the lower one is of a file");
	end(&pair);
}

static void each_shared_anonymous_mapping_is_an_object(void **state)
{
	struct pair pair;

	(void)state;
	begin(&pair);
	add_low(&pair, KIND_SHM, RW | RIGHT_SHARED)->file =
		add_file(&pair.space, "/dev/zero (deleted)", 7);
	add_high(&pair, KIND_SHM, RW | RIGHT_SHARED)->file =
		add_file(&pair.space, "/dev/zero (deleted)", 8);
	set_flags(&pair, "rd wr sh", "rd wr sh");
	look(&pair);
	assert_one_reason(&pair, CAUSE_OBJECT, "each mmap()");
	end(&pair);
}

static void names_of_anonymous_memory_are_compared(void **state)
{
	struct pair pair;

	(void)state;
	begin(&pair);
	add_low(&pair, KIND_ANON, RW)->file = add_file(&pair.space, "[anon:a]", 0);
	add_high(&pair, KIND_ANON, RW);
	set_flags(&pair, "rd wr", "rd wr");
	look(&pair);
	assert_one_reason(&pair, CAUSE_NAME, "prctl");
	end(&pair);
}

static void bss_that_ends_at_start_brk_never_joins_the_heap(void **state)
{
	struct pair pair;

	(void)state;
	begin(&pair);
	add_low(&pair, KIND_BSS, RW);
	add_high(&pair, KIND_HEAP, RW)->file = add_file(&pair.space, "[heap]", 0);
	set_flags(&pair, "rd wr", "rd wr");
	pair.space.start_brk = HIGH;
	pair.space.brk = HIGH + PAGE;
	look(&pair);
	assert_one_reason(&pair, CAUSE_BREAK, "start_brk");
	end(&pair);
}

static void special_mappings_never_merge(void **state)
{
	struct pair pair;

	(void)state;
	begin_alike(&pair);
	set_flags(&pair, "rd wr io pf", "rd wr io pf");
	look(&pair);
	assert_one_reason(&pair, CAUSE_SPECIAL, "I/O memory");
	end(&pair);
}

static void addresses_of_one_mapping_are_not_two(void **state)
{
	struct pair pair;

	(void)state;
	begin_alike(&pair);
	assert_int_equal(space_split(&pair.space, 0, LOW + PAGE), 0);
	border_explain(&pair.space, LOW, LOW + PAGE, &pair.border);
	assert_int_equal(pair.border.type, BORDER_SAME_MAPPING);
	border_explain(&pair.space, LOW, LOW + 1, &pair.border);
	assert_int_equal(pair.border.type, BORDER_SAME_REGION);
	border_explain(&pair.space, LOW, 0, &pair.border);
	assert_int_equal(pair.border.type, BORDER_UNMAPPED);
	end(&pair);
}

static void what_lies_between_is_counted(void **state)
{
	struct pair pair;

	(void)state;
	begin_alike(&pair);
	add_region(&pair.space, HIGH + 3 * PAGE, HIGH + 4 * PAGE, KIND_ANON, RW);
	border_explain(&pair.space, HIGH, HIGH + 3 * PAGE, &pair.border);
	assert_int_equal(pair.border.type, BORDER_GAP);
	assert_int_equal(pair.border.gap, 2 * PAGE);
	border_explain(&pair.space, LOW, HIGH + 3 * PAGE, &pair.border);
	assert_int_equal(pair.border.type, BORDER_OTHERS);
	assert_int_equal(pair.border.nbetween, 1);
	assert_int_equal(pair.border.gap, 2 * PAGE);
	end(&pair);
}

/*
 * What an access does, and the text as a whole.
 */

static enum access access_at(struct pair *pair, plat_addr addr, char *why)
{
	struct finding finding = {.addr = addr, .file_size = UNKNOWN};

	assert_int_equal(space_find_gaps(&pair->space), 0);
	return explain_access(&pair->space, &finding, why, 320);
}

static void a_stack_grows_as_far_as_its_limit(void **state)
{
	plat_addr stack = UINT64_C(0x7ffff0000000);
	struct pair pair;
	char why[320];

	(void)state;
	begin(&pair);
	add_region(&pair.space, stack, stack + 2 * PAGE, KIND_STACK, RW);
	pair.space.limits[LIMIT_STACK] = (struct limit){16 * PAGE, 16 * PAGE, true};
	assert_int_equal(access_at(&pair, stack - 1, why), ACCESS_GROWS);
	assert_int_equal(access_at(&pair, stack - 14 * PAGE, why), ACCESS_GROWS);
	assert_int_equal(access_at(&pair, stack - 14 * PAGE - 1, why), ACCESS_SEGV);
	assert_non_null(strstr(why, "RLIMIT_STACK"));
	end(&pair);
}

static void a_mapping_that_grows_down_grows_too(void **state)
{
	plat_addr start = UINT64_C(0x7ffff0000000);
	struct pair pair;
	char why[320];

	(void)state;
	begin(&pair);
	add_region(&pair.space, start, start + PAGE, KIND_ANON, RW);
	assert_int_equal(access_at(&pair, start - 1, why), ACCESS_SEGV);
	set_flags(&pair, "rd wr gd", "");
	assert_int_equal(access_at(&pair, start - 1, why), ACCESS_GROWS);
	end(&pair);
}

static void every_gap_faults_for_its_own_reason(void **state)
{
	struct pair pair;
	char why[320];

	(void)state;
	begin_alike(&pair);
	assert_int_equal(access_at(&pair, 8, why), ACCESS_SEGV);
	assert_non_null(strstr(why, "a null pointer plus an offset of 8"));
	assert_int_equal(access_at(&pair, 0, why), ACCESS_SEGV);
	assert_null(strstr(why, "offset"));
	assert_int_equal(access_at(&pair, HIGH + 2 * PAGE, why), ACCESS_SEGV);
	assert_non_null(strstr(why, "SEGV_MAPERR"));
	assert_int_equal(access_at(&pair, UINT64_C(0x800000000000), why), ACCESS_SEGV);
	assert_non_null(strstr(why, "general protection"));
	assert_int_equal(access_at(&pair, UINT64_MAX, why), ACCESS_SEGV);
	assert_non_null(strstr(why, "kernel"));
	end(&pair);
}

/* Measured: a 32-bit program that reads its last two pages gets SEGV_MAPERR, as of any other. */
static void above_a_32_bit_program_there_is_no_half(void **state)
{
	struct pair pair;
	char words[320];

	(void)state;
	begin_alike(&pair);
	pair.space.process.bits = 32;
	pair.space.user_end = 0xffffe000;
	assert_int_equal(access_at(&pair, 0xffffe000, words), ACCESS_SEGV);
	assert_non_null(strstr(words, "SEGV_MAPERR"));
	explain_gap(&pair.space, explain_gap_at(&pair.space, 0xffffe000), words, sizeof(words));
	assert_null(strstr(words, "half"));
	assert_int_equal(access_at(&pair, UINT64_C(1) << 32, words), ACCESS_SEGV);
	assert_null(strstr(words, "general protection"));
	explain_gap(&pair.space, explain_gap_at(&pair.space, UINT64_C(1) << 32), words,
		    sizeof(words));
	assert_non_null(strstr(words, "32-bit"));
	end(&pair);
}

static void a_page_behind_the_end_of_its_file_is_a_bus_error(void **state)
{
	struct finding finding = {.addr = LOW + 2 * PAGE, .file_size = PAGE + 1};
	struct pair pair;
	char why[320];

	(void)state;
	begin(&pair);
	add_low(&pair, KIND_FILE, READ)->file = add_file(&pair.space, "/tmp/a", 7);
	assert_int_equal(explain_access(&pair.space, &finding, why, sizeof(why)), ACCESS_BUS);
	finding.addr = LOW + PAGE + 0xfff;
	assert_int_equal(explain_access(&pair.space, &finding, why, sizeof(why)), ACCESS_ALLOWED);
	end(&pair);
}

static void names_of_strangers_come_out_escaped_and_cut(void **state)
{
	struct explanation *all = calloc(1, sizeof(*all));
	struct paint paint = {.columns = 80, .unicode = false};
	struct text text = TEXT_EMPTY;
	struct symbol *symbol;
	struct pair pair;

	(void)state;
	assert_non_null(all);
	begin(&pair);
	snprintf(pair.space.process.command, sizeof(pair.space.process.command), "\033[2Jx\ny");
	add_low(&pair, KIND_FILE, READ)->file = add_file(&pair.space, "/tmp/\033]0;x\a", 7);
	assert_int_equal(space_find_gaps(&pair.space), 0);
	all->space = &pair.space;
	all->n = 1;
	all->findings[0] =
		(struct finding){.addr = LOW, .file_size = UNKNOWN, .with_symbols = true};
	symbol = &all->findings[0].symbol;
	symbol->known = true;
	memset(symbol->name, 'n', sizeof(symbol->name) - 1);
	memcpy(symbol->name, "\033[31m", 5);
	explain_write(all, &paint, &text);
	assert_ascii(text_string(&text));
	assert_non_null(strstr(text_string(&text), "\\x1b[2Jx\\x0ay"));
	assert_int_equal(explain_json(all, &text), 0);
	text_fini(&text);
	free(all);
	end(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_are_read_two_letters_at_a_time),
		cmocka_unit_test(soft_dirty_keeps_nothing_apart),
		cmocka_unit_test(both_written_to_means_different_identities),
		cmocka_unit_test(different_flags_are_named_in_words),
		cmocka_unit_test(different_protection_keys_are_a_reason),
		cmocka_unit_test(without_smaps_the_conclusion_says_so),
		cmocka_unit_test(different_permissions_are_a_reason),
		cmocka_unit_test(a_file_mapped_twice_that_goes_on_was_opened_twice),
		cmocka_unit_test(a_file_that_does_not_go_on_has_its_offsets_named),
		cmocka_unit_test(file_and_anonymous_memory_are_never_one),
		cmocka_unit_test(each_shared_anonymous_mapping_is_an_object),
		cmocka_unit_test(names_of_anonymous_memory_are_compared),
		cmocka_unit_test(bss_that_ends_at_start_brk_never_joins_the_heap),
		cmocka_unit_test(special_mappings_never_merge),
		cmocka_unit_test(addresses_of_one_mapping_are_not_two),
		cmocka_unit_test(what_lies_between_is_counted),
		cmocka_unit_test(a_stack_grows_as_far_as_its_limit),
		cmocka_unit_test(a_mapping_that_grows_down_grows_too),
		cmocka_unit_test(every_gap_faults_for_its_own_reason),
		cmocka_unit_test(above_a_32_bit_program_there_is_no_half),
		cmocka_unit_test(a_page_behind_the_end_of_its_file_is_a_bus_error),
		cmocka_unit_test(names_of_strangers_come_out_escaped_and_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
