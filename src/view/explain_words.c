#include "view/explain_words.h"

#include "model/headroom.h"
#include "space/kinds.h"
#include "space/vmflags.h"
#include "view/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_SIZE 960
#define MIN_ADDR_USUAL 65536 /* Linux 6.12 security/Kconfig LSM_MMAP_MIN_ADDR, where it is most */

const char *explain_last_part(const char *name)
{
	const char *slash;

	for (slash = name; *slash; slash++)
		if (*slash == '/' && slash[1])
			name = slash + 1;
	return name;
}

char *explain_permissions(unsigned rights, char *to)
{
	to[0] = rights & RIGHT_READ ? 'r' : '-';
	to[1] = rights & RIGHT_WRITE ? 'w' : '-';
	to[2] = rights & RIGHT_EXEC ? 'x' : '-';
	to[3] = rights & RIGHT_SHARED ? 's' : 'p';
	to[4] = '\0';
	return to;
}

void explain_thread(const struct thread *thread, char *to, size_t size)
{
	char name[THREAD_NAME_SIZE * 4];

	if (thread->tid == 0)
		snprintf(to, size, "no thread: the C library keeps it for a new one");
	else
		snprintf(to, size, "%sthread %s (TID %d)", thread->is_main ? "main " : "",
			 text_escape(thread->name, name, sizeof(name), 0), thread->tid);
}

/* "bss of town", "thread-stack of thread smith (TID 4712)", "shm POSIX /town". */
void explain_region(const struct space *space, const struct region *region, bool paths, char *to,
		    size_t size)
{
	const struct thread *thread = region_thread(space, region);
	const char *kind = kind_name(region->kind), *of = " ";
	char name[NAME_SIZE];

	if (thread && thread->tid == 0) {
		snprintf(to, size, "%s kept for a new thread", kind);
		return;
	}
	if (thread && (region->kind == KIND_THREAD_STACK || region->kind == KIND_GUARD ||
		       region->kind == KIND_TLS || region->kind == KIND_STACK)) {
		explain_thread(thread, name, sizeof(name));
		snprintf(to, size, "%s of %s", kind, name);
		return;
	}
	region_name(space, region, name, sizeof(name));
	if (region->kind == KIND_HEAP || region->kind == KIND_STACK || region->kind == KIND_VDSO ||
	    region->kind == KIND_VVAR || region->kind == KIND_VSYSCALL ||
	    strcmp(name, "[anon]") == 0) {
		snprintf(to, size, "%s", kind);
		return;
	}
	if (region->module != NO_MODULE)
		of = " of ";
	else if (region->kind == KIND_ARGS || region->kind == KIND_ENV || region->kind == KIND_AUXV)
		of = " in ";
	snprintf(to, size, "%s%s%s", kind, of, paths ? name : explain_last_part(name));
}

/* What is above a 32-bit program's addresses is neither a half nor behind a hole. */
static bool is_beyond_32_bits(const struct space *space, enum gap_kind kind)
{
	return space->process.bits == 32 && (kind == GAP_KERNEL || kind == GAP_NONCANONICAL);
}

/* A core does not hold vm.mmap_min_addr: how much of the lowest gap is free cannot be told. */
static bool is_lowest_unknown(const struct space *space, const struct gap *gap)
{
	return gap->start == 0 && gap->kind == GAP_FREE && space->machine.mmap_min_addr == UNKNOWN;
}

const char *explain_gap_name(const struct space *space, const struct gap *gap, plat_addr addr)
{
	if (!gap)
		return gap_kind_name(GAP_FREE);
	return is_lowest_unknown(space, gap) && addr < MIN_ADDR_USUAL ? NULL
								      : gap_kind_name(gap->kind);
}

void explain_gap(const struct space *space, const struct gap *gap, char *to, size_t size)
{
	static const char *const words[NGAP_KINDS] = {
		[GAP_FREE] = "free: a new mapping may be placed here",
		[GAP_STACK_GUARD] = "stack guard gap: the kernel maps nothing here, so that the "
				    "stack above can grow and cannot run into its neighbour",
		[GAP_LOW] = "low: below vm.mmap_min_addr nothing can be mapped without privilege, "
			    "so that null pointers fault",
		[GAP_NONCANONICAL] = "non-canonical: not an address on this processor",
		[GAP_KERNEL] = "kernel: the half of the address space that is the kernel's",
	};

	if (is_beyond_32_bits(space, gap->kind))
		snprintf(to, size, "%s",
			 gap->kind == GAP_KERNEL
				 ? "kernel: above the last address that a 32-bit program can map"
				 : "non-canonical: beyond 4 GiB, no address of a 32-bit program");
	else if (is_lowest_unknown(space, gap))
		snprintf(to, size,
			 "free from vm.mmap_min_addr on, which is not known here; below it nothing "
			 "can be mapped without privilege");
	else
		snprintf(to, size, "%s", words[gap->kind]);
}

/* "free", "stack-guard-gap, free": the sorts of gaps in [start, end), from below. */
void explain_gaps(const struct space *space, plat_addr start, plat_addr end, char *to, size_t size)
{
	size_t used = 0, i;
	unsigned seen = 0;

	to[0] = '\0';
	for (i = 0; i < space->ngaps && used < size; i++) {
		const struct gap *gap = &space->gaps[i];

		if ((gap->end != TOP_OF_MEMORY && gap->end <= start) || gap->start >= end ||
		    (seen & 1u << gap->kind))
			continue;
		seen |= 1u << gap->kind;
		used += (size_t)snprintf(to + used, size - used, "%s%s", used ? ", " : "",
					 gap_kind_name(gap->kind));
	}
}

const struct gap *explain_gap_at(const struct space *space, plat_addr addr)
{
	size_t i;

	for (i = 0; i < space->ngaps; i++)
		if (space->gaps[i].start <= addr &&
		    (space->gaps[i].end == TOP_OF_MEMORY || addr < space->gaps[i].end))
			return &space->gaps[i];
	return NULL;
}

const struct detail *explain_detail(const struct space *space, const struct region *region)
{
	const struct detail *detail =
		region && space->details ? &space->details[region->mapping] : NULL;

	return detail && detail->known ? detail : NULL;
}

const char *explain_details_why(const struct space *space, const struct region *region)
{
	if (space->why.details)
		return space->why.details;
	if (region->kind == KIND_VSYSCALL)
		return "smaps was not read for it";
	return space->details ? "the mapping changed before smaps was read" : "smaps was not read";
}

static bool is_guard_at(const struct space *space, plat_addr addr)
{
	const struct region *region = space_find(space, addr);

	return region && region->kind == KIND_GUARD;
}

bool explain_is_like_secret(const struct space *space, const struct region *region)
{
	const struct detail *detail = explain_detail(space, region);

	return detail && region->kind == KIND_RESERVED && vmflags_have(detail->flags, "lo") &&
	       vmflags_have(detail->flags, "dd") &&
	       (vmflags_have(detail->flags, "wf") || vmflags_have(detail->flags, "dc")) &&
	       is_guard_at(space, region->start - 1) && is_guard_at(space, region->end);
}

const char *explain_role(const struct module *module)
{
	static const char *const names[] = {
		[MODULE_PROGRAM] = "program",
		[MODULE_INTERPRETER] = "dynamic linker",
		[MODULE_LIBRARY] = "library",
		[MODULE_VDSO] = "vdso",
	};

	return names[module->role];
}

/*
 * What an access does.
 */

/* Of the mapping that begins at `start`. */
static struct headroom headroom_of_growing(const struct space *space, plat_addr start)
{
	struct headrooms headrooms;
	struct headroom room;

	if (headrooms_of_space(space, &headrooms) < 0) /* no memory: as if nothing grew */
		headrooms = HEADROOMS_EMPTY;
	room = headroom_of_stack_at(&headrooms, start);
	headrooms_fini(&headrooms);
	return room;
}

/* Not "0 bytes behind a null pointer". */
static void put_null_pointer(plat_addr addr, char *why, size_t size)
{
	char offset[40] = "";

	if (addr)
		snprintf(offset, sizeof(offset), " plus an offset of %" PRIu64, addr);
	snprintf(why, size, "a null pointer%s: SIGSEGV (SEGV_MAPERR)", offset);
}

static enum access access_in_gap(const struct space *space, plat_addr addr, char *why, size_t size)
{
	const struct gap *gap = explain_gap_at(space, addr);
	size_t above = space_at_or_above(space, addr);
	const struct region *next = above < space->nregions ? &space->regions[above] : NULL;
	const struct detail *detail = explain_detail(space, next);
	enum gap_kind kind = gap ? gap->kind : GAP_FREE;
	struct headroom room;
	char need[UNITS_SIZE], can[UNITS_SIZE], because[HEADROOM_WORDS];
	const char *what;

	if (kind == GAP_NONCANONICAL && addr - space->user_end < space->machine.page_size) {
		snprintf(why, size,
			 "the last page of the lower half, which the kernel never maps: "
			 "SIGSEGV (SEGV_MAPERR)");
		return ACCESS_SEGV;
	}
	if (is_beyond_32_bits(space, kind)) {
		snprintf(why, size, "%s",
			 kind == GAP_KERNEL ? "nothing can be mapped here: SIGSEGV (SEGV_MAPERR)"
					    : "beyond 4 GiB: 32-bit code cannot form it, and for "
					      "64-bit code nothing is mapped here: SIGSEGV");
		return ACCESS_SEGV;
	}
	if (kind == GAP_NONCANONICAL) {
		snprintf(why, size, "general protection: SIGSEGV, and si_addr does not tell where");
		return ACCESS_SEGV;
	}
	if (kind == GAP_KERNEL) {
		snprintf(why, size, "programs have no rights to the kernel's half: SIGSEGV");
		return ACCESS_SEGV;
	}
	if (kind == GAP_LOW ||
	    (gap && is_lowest_unknown(space, gap) && addr < space->machine.page_size)) {
		put_null_pointer(addr, why, size);
		return ACCESS_SEGV;
	}
	if (!next || !(next->kind == KIND_STACK || (detail && vmflags_have(detail->flags, "gd")))) {
		snprintf(why, size, "nothing is mapped here: SIGSEGV (SEGV_MAPERR)");
		return ACCESS_SEGV;
	}
	what = next->kind == KIND_STACK ? "the stack above"
					: "the mapping above, which grows down,";
	room = headroom_of_growing(space, next->start);
	headroom_because(space, &room, because);
	units_words(next->start - page_of(space, addr), need);
	units_words(room.bytes, can);
	if (room.bytes != UNKNOWN && next->start - page_of(space, addr) > room.bytes) {
		snprintf(why, size,
			 "%s would have to grow by %s, but can only by %s, stopped by %s: SIGSEGV "
			 "(SEGV_MAPERR)",
			 what, need, can, because);
		return ACCESS_SEGV;
	}
	snprintf(why, size, "%s grows by %s; it may by %s, then it is stopped by %s", what, need,
		 can, because);
	return ACCESS_GROWS;
}

bool explain_is_behind_file(const struct space *space, const struct finding *finding)
{
	const struct region *region = space_find(space, finding->addr);

	return region && finding->file_size != UNKNOWN && has_inode(region_file(space, region)) &&
	       page_of(space, file_offset(region, finding->addr)) >= finding->file_size;
}

enum access explain_access(const struct space *space, const struct finding *finding, char *why,
			   size_t size)
{
	const struct region *region = space_find(space, finding->addr);

	why[0] = '\0';
	if (!region)
		return access_in_gap(space, finding->addr, why, size);
	if (finding->page_known && (finding->page_state & PAGE_GUARD)) {
		snprintf(why, size, "a guard marker in the page table: SIGSEGV");
		return ACCESS_SEGV;
	}
	if (!(region->rights & (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC))) {
		snprintf(why, size, "mapped without any permission: SIGSEGV (SEGV_ACCERR)");
		return ACCESS_SEGV;
	}
	if (explain_is_behind_file(space, finding)) {
		snprintf(why, size, "beyond the last page of the file (%" PRIu64 " bytes): SIGBUS",
			 finding->file_size);
		return ACCESS_BUS;
	}
	return ACCESS_ALLOWED;
}
