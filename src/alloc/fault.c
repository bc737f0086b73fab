#include "alloc/fault.h"

#include "alloc/atomic.h"
#include "alloc/line.h"
#include "alloc/options.h"
#include "alloc/outside.h"
#include "alloc/trap.h"

#include <stdlib.h>

#define STDERR 2

static const char *const fault_words[NFAULTS] = {
	[FAULT_DOUBLE_FREE] = "double free",
	[FAULT_INVALID_FREE] = "invalid free",
	[FAULT_INVALID_POINTER] = "invalid pointer",
	[FAULT_OVERFLOW] = "overflow",
	[FAULT_UNDERFLOW] = "underflow",
	[FAULT_WRITE_AFTER_FREE] = "write after free",
	[FAULT_WRONG_SIZE] = "wrong size",
	[FAULT_WRONG_ALIGNMENT] = "wrong alignment",
	[FAULT_MISMATCHED_FREE] = "mismatched free",
	[FAULT_USE_AFTER_FREE] = "use after free",
	[FAULT_PAST_END] = "access past the end",
	[FAULT_OVERLAP] = "overlap",
};

size_t plat__nfaults;

static void add_block(struct line *line, size_t size)
{
	if (size == SIZE_MAX) {
		plat__line_add(line, "block");
		return;
	}
	plat__line_add(line, "block of ");
	plat__line_number(line, size, 0);
	plat__line_add(line, size == 1 ? " byte" : " bytes");
}

static const char *where(const void *p, size_t size, const void *block)
{
	if ((uintptr_t)p < (uintptr_t)block)
		return "before the ";
	return (uintptr_t)p - (uintptr_t)block < size ? "inside the " : "behind the ";
}

/* ", destination of memcpy: 8 bytes from 0x.. to 0x.." */
static void add_access(struct line *line, const struct access *access)
{
	plat__line_add(line, ", ");
	plat__line_add(line, access->role);
	plat__line_add(line, access->by);
	plat__line_add(line, ": ");
	plat__line_number(line, access->bytes, 0);
	plat__line_add(line, access->bytes == 1 ? " byte" : " bytes");
	if (access->from) {
		plat__line_add(line, access->to ? " from " : " at ");
		plat__line_address(line, access->from);
	}
	if (access->to) {
		plat__line_add(line, access->from ? " to " : " at ");
		plat__line_address(line, access->to);
	}
}

static void report(enum fault fault, const void *p, size_t size, const void *block,
		   const struct access *access)
{
	struct line line = {.length = 0};

	plat__line_add(&line, "plat-malloc: ");
	plat__line_add(&line, fault_words[fault]);
	plat__line_add(&line, ": ");
	plat__line_address(&line, p);
	plat__line_add(&line, ", ");
	if (block && block != p) {
		plat__line_add(&line, where(p, size, block));
		add_block(&line, size);
		plat__line_add(&line, " at ");
		plat__line_address(&line, block);
	} else if (!block) {
		plat__line_add(&line, access ? "in no block" : "not a block");
	} else {
		add_block(&line, size);
	}
	if (access)
		add_access(&line, access);
	plat__line_write(&line, STDERR);
}

static void tell(enum fault fault, const void *p, size_t size, const void *block,
		 const struct access *access)
{
	fetch_add(&plat__nfaults, 1);
	plat__report_fault();
	if (plat__options.on_error == ON_ERROR_IGNORE)
		return;
	report(fault, p, size, block, access);
	plat__trap_explain(p);
}

void plat__fault_tell(enum fault fault, const void *p, size_t size, const void *block)
{
	tell(fault, p, size, block, NULL);
}

void plat__fault_access(enum fault fault, const void *p, size_t size, const void *block,
			const struct access *access)
{
	tell(fault, p, size, block, access);
	if (plat__options.on_error == ON_ERROR_ABORT)
		abort();
}

void plat__fault(enum fault fault, const void *p, size_t size, const void *block)
{
	plat__fault_access(fault, p, size, block, NULL);
}

size_t plat__fault_count(void)
{
	return load_relaxed(&plat__nfaults);
}
