#include "view/explain_parts.h"

#include "space/kinds.h"
#include "space/stacks.h"
#include "space/vmflags.h"
#include "view/json.h"
#include "view/units.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RED_ZONE 128 /* x86-64 ABI: below the stack pointer, and still in use */

void explain_put(const struct show *show, const char *label, const char *format, ...)
{
	struct line line = line_begin(show->text, show->paint);
	char sentence[SENTENCE];
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	line_to(&line, 2);
	line_put(&line, STYLE_FAINT, label);
	line_to(&line, INDENT);
	line_wrap(&line, STYLE_PLAIN, sentence, INDENT);
}

void explain_put_point(const struct show *show, const char *sentence)
{
	struct line line = line_begin(show->text, show->paint);

	line_to(&line, INDENT);
	line_put(&line, STYLE_PLAIN, show->paint->unicode ? "•" : "-");
	line_to(&line, INDENT + 2);
	line_wrap(&line, STYLE_PLAIN, sentence, INDENT + 2);
}

const char *explain_size(const struct show *show, uint64_t size, char *to)
{
	units_size(size, show->paint->bytes, to);
	if (show->paint->bytes && size != UNKNOWN)
		strcat(to, "B");
	return to;
}

static void put_heading(const struct show *show)
{
	struct line line = line_begin(show->text, show->paint);
	const struct space *space = show->space;
	char command[THREAD_NAME_SIZE * 4], title[SENTENCE];
	const char *gap;

	line_format(&line, STYLE_BOLD, "0x%" PRIx64, show->finding->addr);
	line_format(&line, STYLE_PLAIN, " in %s (%d): ",
		    text_escape(space->process.command, command, sizeof(command),
				!show->paint->unicode),
		    space->process.pid);
	if (show->region) {
		explain_region(space, show->region, false, title, sizeof(title));
		line_wrap(&line, STYLE_KIND + show->region->kind, title, 2);
		return;
	}
	gap = explain_gap_name(space, explain_gap_at(space, show->finding->addr),
			       show->finding->addr);
	line_format(&line, STYLE_PLAIN, "not mapped%s%s", gap ? ", " : "", gap ? gap : "");
	line_end(&line);
}

static void put_symbol(const struct show *show)
{
	static const char *const words[] = {
		[SYMBOL_OTHER] = "symbol",
		[SYMBOL_FUNCTION] = "function",
		[SYMBOL_OBJECT] = "variable",
		[SYMBOL_TLS] = "thread-local variable",
	};
	const struct symbol *symbol = &show->finding->symbol;
	uint64_t offset = show->finding->addr - symbol->start;
	char name[SENTENCE / 2], size[64] = "", where[32] = "";

	if (!show->finding->with_symbols)
		return;
	if (!symbol->known) {
		if (show->region->module != NO_MODULE)
			explain_put(show, "symbol", "none: %s", symbol->why);
		return;
	}
	text_escape(symbol->name, name, sizeof(name), !show->paint->unicode);
	if (symbol->size)
		snprintf(size, sizeof(size), ", %" PRIu64 " bytes", symbol->size);
	if (offset)
		snprintf(where, sizeof(where), "+0x%" PRIx64, offset);
	explain_put(show, "symbol", "%s%s%s (%s%s%s)", name,
		    strlen(name) < strlen(symbol->name) ? "..." : "", where, words[symbol->type],
		    size, symbol->from_memory ? ", as read from memory" : "");
	if (symbol->line)
		explain_put(show, "source", "%s:%u", symbol->source, symbol->line);
	if (symbol->line_why[0])
		explain_put(show, "source", "not known: %s", symbol->line_why);
}

static void put_region(const struct show *show)
{
	char size[UNITS_SIZE], rights[5];

	explain_put(show, "region", "0x%" PRIx64 "-0x%" PRIx64 "  %s  %s  %s", show->region->start,
		    show->region->end, explain_size(show, region_size(show->region), size),
		    explain_permissions(show->region->rights, rights),
		    kind_name(show->region->kind));
}

/* The kinds of a mapping's regions, from below. */
static void list_kinds(const struct space *space, const struct region *region, char *to,
		       size_t size)
{
	size_t i = (size_t)(region - space->regions), used = 0;

	while (i > 0 && space->regions[i - 1].mapping == region->mapping)
		i--;
	to[0] = '\0';
	for (; i < space->nregions && space->regions[i].mapping == region->mapping; i++) {
		int n = snprintf(to + used, size - used, "%s%s", used ? ", " : "",
				 kind_name(space->regions[i].kind));

		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}

static void put_mapping(const struct show *show)
{
	char size[UNITS_SIZE], kinds[120];
	plat_addr start, end;

	space_mapping_range(show->space, (size_t)(show->region - show->space->regions), &start,
			    &end);
	if (start == show->region->start && end == show->region->end) {
		explain_put(show, "mapping", "the same: all of it is of this kind");
		return;
	}
	list_kinds(show->space, show->region, kinds, sizeof(kinds));
	explain_put(show, "mapping", "0x%" PRIx64 "-0x%" PRIx64 "  %s: %s", start, end,
		    explain_size(show, end - start, size), kinds);
}

static void put_owner(const struct show *show)
{
	const struct thread *thread = region_thread(show->space, show->region);
	char title[THREAD_NAME_SIZE * 5];

	switch (region_sharing(show->space, show->region)) {
	case SHARED_BY_THREAD:
		if (!thread)
			break;
		explain_thread(thread, title, sizeof(title));
		explain_put(show, "owner", "%s", title);
		return;
	case SHARED_BY_PROCESSES:
		explain_put(show, "owner",
			    "all threads, and other processes that map the same object");
		return;
	case SHARED_BY_THREADS:
		break;
	}
	explain_put(show, "owner", "all threads of the process");
}

/* Where in a stack, and how far the stack was used. */
static void put_stack(const struct show *show)
{
	const struct thread *thread = region_thread(show->space, show->region);
	plat_addr addr = show->finding->addr;
	char distance[UNITS_SIZE], used[UNITS_SIZE], deepest[UNITS_SIZE];
	const char *state;
	uint64_t high;

	if (!thread ||
	    (show->region->kind != KIND_STACK && show->region->kind != KIND_THREAD_STACK))
		return;
	high = stack_high_water(show->space, thread);
	explain_size(show, high, deepest);
	if (thread->sp < thread->stack_start || thread->sp >= thread->stack_end) {
		explain_put(show, "stack", "the stack pointer is not known: %s%s%s",
			    thread->sp == UNKNOWN && thread->sp_why ? thread->sp_why
								    : "on another stack",
			    high == UNKNOWN ? "" : "; deepest use so far ",
			    high == UNKNOWN ? "" : deepest);
		return;
	}
	if (addr >= thread->sp)
		state = "in use";
	else if (show->space->process.bits == 64 && thread->sp - addr <= RED_ZONE)
		state = "may be in use (the red zone)";
	else if (thread->deepest != UNKNOWN && addr >= thread->deepest)
		state = "free now, used before";
	else
		state = "never touched";
	explain_size(show, addr >= thread->sp ? addr - thread->sp : thread->sp - addr, distance);
	explain_size(show, stack_used(show->space, thread), used);
	explain_put(show, "stack",
		    "%s %s the stack pointer 0x%" PRIx64 ": %s; used now %s, deepest %s", distance,
		    addr >= thread->sp ? "above" : "below", thread->sp, state, used, deepest);
}

static void put_heap(const struct show *show)
{
	const struct space *space = show->space;
	plat_addr addr = show->finding->addr;
	char above[UNITS_SIZE], below[UNITS_SIZE];

	if (show->region->kind != KIND_HEAP || space->brk == UNKNOWN || addr < space->start_brk ||
	    addr > space->brk)
		return;
	explain_put(show, "heap", "%s above start_brk 0x%" PRIx64 ", %s below the break 0x%" PRIx64,
		    explain_size(show, addr - space->start_brk, above), space->start_brk,
		    explain_size(show, space->brk - addr, below), space->brk);
}

/* "byte 16 of 48", or how far it is outside of the block's own bytes. */
static void offset_words(const struct show *show, char *to, size_t size)
{
	const struct block *block = &show->finding->heap.block;
	plat_addr addr = show->finding->addr;

	if (addr < block->address)
		snprintf(to, size, "%" PRIu64 " before it, in its header", block->address - addr);
	else if (addr - block->address < block->size)
		snprintf(to, size, "this is byte %" PRIu64, addr - block->address);
	else if (addr == block->address)
		snprintf(to, size, "this is it");
	else
		snprintf(to, size,
			 "this is %" PRIu64 " behind its end, in what it keeps from others",
			 addr - block->address - block->size);
}

/* "small bin 4", "tcache 2 of thread 4711". */
static void put_shelf(const struct show *show)
{
	const struct shelf *shelf = &show->finding->heap.shelf;
	char number[16] = "", thread[32] = "";

	if (!shelf->name)
		return;
	if (shelf->number != NO_NUMBER)
		snprintf(number, sizeof(number), " %" PRIu32, shelf->number);
	if (shelf->tid)
		snprintf(thread, sizeof(thread), " of thread %d", shelf->tid);
	explain_put(show, "kept in", "%s%s%s", shelf->name, number, thread);
}

static void put_block(const struct show *show)
{
	const struct heap_location *heap = &show->finding->heap;
	char offset[120], tid[40] = "";

	if (show->finding->heap_why[0]) {
		explain_put(show, "block", "not known: %s", show->finding->heap_why);
		return;
	}
	if (!heap->allocator)
		return;
	if (!heap->has_block) {
		explain_put(show, "block", "none: %s holds this memory, and it is in no block",
			    heap->allocator);
		return;
	}
	offset_words(show, offset, sizeof(offset));
	explain_put(show, "block", "%s, %" PRIu64 " bytes %s, from 0x%" PRIx64 " on; %s",
		    block_state_name(heap->block.state), heap->block.size,
		    heap->block.is_requested ? "as asked for" : "that can be used",
		    heap->block.address, offset);
	if (heap->tid)
		snprintf(tid, sizeof(tid), ", of thread %d", heap->tid);
	explain_put(show, "arena", "%s of %s's malloc%s", heap->arena[0] ? heap->arena : "none",
		    heap->allocator, tid);
	put_shelf(show);
}

static void put_file(const struct show *show)
{
	const struct file *file = region_file(show->space, show->region);
	uint64_t offset = file_offset(show->region, show->finding->addr);
	char name[SENTENCE];

	if (!has_inode(file))
		return;
	text_escape(file->name, name, sizeof(name) - 256, 0);
	explain_put(show, "file", "%s%s, offset 0x%" PRIx64 "%s", name,
		    file->deleted ? " (deleted)" : "", offset,
		    show->region->kind == KIND_BSS ? ", but cleared: not the file's bytes any more"
						   : "");
	if (show->region->module == NO_MODULE)
		explain_put(show, "", "device %u:%u, inode %" PRIu64, file->major, file->minor,
			    file->inode);
}

static void put_module(const struct show *show)
{
	const struct module *module;
	char name[SENTENCE] = "[vdso]";

	if (show->region->module == NO_MODULE)
		return;
	module = &show->space->modules[show->region->module];
	if (module->file != NO_FILE)
		text_escape(explain_last_part(show->space->files[module->file].name), name,
			    sizeof(name) - 256, 0);
	explain_put(show, "module", "%s (%s), here 0x%" PRIx64 " + bias 0x%" PRIx64, name,
		    explain_role(module), show->finding->addr - module->bias, module->bias);
	if (show->finding->build_id[0])
		explain_put(show, "build-id", "%s", show->finding->build_id);
}

/* A page that is there, in words. */
static void present_words(const struct show *show, char *to, size_t size)
{
	const struct file *file = region_file(show->space, show->region);
	unsigned state = show->finding->page_state;
	const char *what = "anonymous";

	if (state & PAGE_ZERO)
		what = "the shared page of zeros: only read so far";
	else if (show->region->kind == KIND_VVAR || show->region->kind == KIND_VSYSCALL ||
		 show->region->kind == KIND_VDSO)
		what = "the kernel's";
	else if ((state & PAGE_FILE) && (!has_inode(file) || file->type != FILE_ORDINARY))
		what = "a page of the shared object";
	else if (state & PAGE_FILE)
		what = "a page of the file";
	else if (has_inode(file) && !(show->region->rights & RIGHT_SHARED))
		what = "a private copy of the file's page: it was written to";
	snprintf(to, size, "resident, %s%s%s", what, state & PAGE_HUGE ? ", in a huge page" : "",
		 (state & PAGE_ZERO) || show->region->kind == KIND_VVAR ||
				 !show->finding->exclusive_known
			 ? ""
		 : state & PAGE_EXCLUSIVE ? "; only this process maps it"
					  : "; other processes map it too");
}

static void absent_words(const struct show *show, char *to, size_t size)
{
	const struct finding *finding = show->finding;
	const struct file *file = region_file(show->space, show->region);

	if (!(show->region->rights & (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC)))
		snprintf(to, size, "absent");
	else if (show->region->kind == KIND_VSYSCALL)
		snprintf(to, size, "in no page table: calls into it are caught and emulated");
	else if (show->region->kind == KIND_VVAR || show->region->kind == KIND_VDSO)
		snprintf(to, size, "absent: the kernel maps it at the first access");
	else if (!has_inode(file) || file->type == FILE_DEVICE)
		snprintf(to, size,
			 "absent: never touched, or given back; the first access brings "
			 "a page of zeros");
	else if (explain_is_behind_file(show->space, finding))
		/* The page cache may have it all the same: as a part of a larger piece. */
		snprintf(to, size, "absent: the file ends before it");
	else if (!finding->cached_known)
		snprintf(to, size,
			 "not in the page table; whether the page cache holds it is not "
			 "known: %s",
			 finding->cached_why);
	else if (finding->cached)
		snprintf(to, size,
			 "only in the page cache: the first access maps it without reading");
	else if (file->type == FILE_ORDINARY)
		snprintf(to, size,
			 "absent, not in the page cache either: the first access reads "
			 "the file");
	else
		snprintf(to, size, "absent: the shared object holds no page here yet");
}

static void put_page(const struct show *show)
{
	const struct finding *finding = show->finding;
	char words[320];

	if (!finding->page_known)
		snprintf(words, sizeof(words), "not known: %s", finding->page_why);
	else if (finding->page_state & PAGE_GUARD)
		snprintf(words, sizeof(words), "guard marker (MADV_GUARD_INSTALL)");
	else if (finding->page_state & PAGE_PRESENT)
		present_words(show, words, sizeof(words));
	else if (finding->page_state & PAGE_SWAPPED)
		snprintf(words, sizeof(words), "in swap: the first access reads it back");
	else
		absent_words(show, words, sizeof(words));
	explain_put(show, "page", "0x%" PRIx64 ": %s", page_of(show->space, finding->addr), words);
}

static void put_access(const struct show *show)
{
	char why[320];

	switch (explain_access(show->space, show->finding, why, sizeof(why))) {
	case ACCESS_ALLOWED:
		break;
	case ACCESS_GROWS:
		explain_put(show, "access", "does not fault: %s", why);
		break;
	case ACCESS_SEGV:
	case ACCESS_BUS:
		explain_put(show, "access", "faults: %s", why);
		break;
	}
}

/* The flags worth a word. Locked has a line of its own. */
static void list_flags(const struct detail *detail, char *to, size_t size)
{
	const char *flags = detail->flags;
	size_t used = 0;
	char letters[3];

	to[0] = '\0';
	while (vmflags_next(&flags, letters)) {
		const struct vmflag *flag = vmflag_find(letters);
		int n;

		if ((flag && flag->usual) || strcmp(letters, "lo") == 0)
			continue;
		n = snprintf(to + used, size - used, "%s%s", used ? "; " : "",
			     flag ? flag->words : letters);
		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}

static void put_details(const struct show *show)
{
	const struct detail *detail = explain_detail(show->space, show->region);
	char flags[480], rss[UNITS_SIZE], pss[UNITS_SIZE], locked[UNITS_SIZE], key[48] = "";

	if (!detail) {
		explain_put(show, "attributes", "not known: %s",
			    explain_details_why(show->space, show->region));
		return;
	}
	explain_size(show,
		     detail->private_clean + detail->private_dirty + detail->shared_clean +
			     detail->shared_dirty,
		     rss);
	explain_size(show, detail->pss, pss);
	explain_size(show, detail->locked, locked);
	list_flags(detail, flags, sizeof(flags));
	if (detail->protection_key > 0)
		snprintf(key, sizeof(key), "%sprotection key %d", flags[0] ? "; " : "",
			 detail->protection_key);
	explain_put(show, "locked", "%s",
		    vmflags_have(detail->flags, "lo") ? "yes: it cannot be swapped out" : "no");
	explain_put(show, "attributes", "%s%s",
		    flags[0] || key[0] ? flags : "none but its permissions", key);
	if (explain_is_like_secret(show->space, show->region))
		explain_put(show, "secret",
			    "likely: closed, between guards, locked, in no core "
			    "and not for children");
	explain_put(show, "memory", "of the mapping: RSS %s, PSS %s, locked %s", rss, pss, locked);
}

/* The neighbour above or below: what lies between, then what comes. */
static void put_neighbour(const struct show *show, const char *label, size_t to, plat_addr edge,
			  plat_addr other_edge)
{
	const struct space *space = show->space;
	const struct region *next = to < space->nregions ? &space->regions[to] : NULL;
	bool up = label[0] == 'a';
	uint64_t distance = up ? other_edge - edge : edge - other_edge;
	char size[UNITS_SIZE], away[UNITS_SIZE], title[SENTENCE / 2], gaps[120];

	if (!next) {
		explain_gaps(space, up ? edge : 0, up ? ADDR_MAX : edge, gaps, sizeof(gaps));
		explain_put(show, label, "nothing mapped%s%s", gaps[0] ? ", only: " : "", gaps);
		return;
	}
	explain_gaps(space, up ? edge : other_edge, up ? other_edge : edge, gaps, sizeof(gaps));
	explain_size(show, region_size(next), size);
	explain_region(space, next, false, title, sizeof(title));
	if (!distance)
		explain_put(show, label, "touching: %s, %s%s", title, size,
			    show->region && next->mapping == show->region->mapping
				    ? ", of the same mapping"
				    : "");
	else
		explain_put(show, label, "%s away (%s): %s, %s, %s 0x%" PRIx64,
			    explain_size(show, distance, away), gaps, title, size,
			    up ? "from" : "up to", up ? next->start : next->end);
}

static void put_neighbours(const struct show *show)
{
	const struct space *space = show->space;
	size_t at = space_at_or_above(space, show->finding->addr);
	size_t above = show->region ? at + 1 : at;
	plat_addr low = show->region ? show->region->start : show->finding->addr;
	plat_addr high = show->region ? show->region->end : show->finding->addr;

	put_neighbour(show, "above", above, high,
		      above < space->nregions ? space->regions[above].start : high);
	put_neighbour(show, "below", at > 0 ? at - 1 : SIZE_MAX, low,
		      at > 0 ? space->regions[at - 1].end : low);
}

static void put_gap(const struct show *show)
{
	const struct gap *gap = explain_gap_at(show->space, show->finding->addr);
	char size[UNITS_SIZE], title[256], end[24];

	if (!gap)
		return;
	explain_gap(show->space, gap, title, sizeof(title));
	if (gap->end == TOP_OF_MEMORY)
		snprintf(end, sizeof(end), "2^64");
	else
		json_address(gap->end, end);
	explain_put(show, "gap", "0x%" PRIx64 "-%s  %s", gap->start, end,
		    explain_size(show, gap_size(gap), size));
	explain_put(show, "", "%s", title);
}

static void write_one(const struct show *show, bool brief)
{
	put_heading(show);
	if (show->finding->changed)
		explain_put(show, "changed",
			    "the mapping here changed while we looked; this is the first look");
	if (!show->region) {
		put_gap(show);
		put_access(show);
		put_neighbours(show);
		return;
	}
	put_symbol(show);
	put_region(show);
	if (!brief)
		explain_put(show, "", "%s", kind_help(show->region->kind));
	put_mapping(show);
	put_owner(show);
	put_stack(show);
	put_heap(show);
	put_block(show);
	if (!brief)
		explain_put_ties(show);
	put_file(show);
	if (!brief)
		put_module(show);
	put_page(show);
	put_access(show);
	if (brief)
		return;
	put_details(show);
	put_neighbours(show);
}

/* What can be said of two addresses without reasons. */
static void border_words(const struct show *show, const struct border *border, char *to,
			 size_t size)
{
	char gap[UNITS_SIZE];
	const struct gap *between;

	explain_size(show, border->gap, gap);
	switch (border->type) {
	case BORDER_UNMAPPED:
		snprintf(to, size, "there are no two mappings to compare");
		break;
	case BORDER_SAME_REGION:
		snprintf(to, size, "they are not two: both addresses are in the same region");
		break;
	case BORDER_SAME_MAPPING:
		snprintf(to, size,
			 "to the kernel they are one mapping; only what its parts are "
			 "used for differs");
		break;
	case BORDER_GAP:
		between = explain_gap_at(show->space, border->at);
		snprintf(to, size, "they do not touch: %s between them, %s", gap,
			 gap_kind_name(between ? between->kind : GAP_FREE));
		break;
	case BORDER_OTHERS:
		snprintf(to, size, "they are not neighbours: %zu other mapping%s between them%s%s",
			 border->nbetween, border->nbetween == 1 ? " is" : "s are",
			 border->gap ? ", and free space of " : "", border->gap ? gap : "");
		break;
	case BORDER_TOUCHING:
		snprintf(to, size,
			 "they touch at 0x%" PRIx64 ", and the kernel does not join them:",
			 border->at);
		break;
	}
}

static void write_border(const struct show *show)
{
	const struct explanation *all = show->all;
	struct border border;
	char words[200];
	size_t i;

	border_explain(show->space, all->findings[0].addr, all->findings[1].addr, &border);
	border_words(show, &border, words, sizeof(words));
	explain_put(show, "why two", "%s", words);
	for (i = 0; i < border.nreasons; i++)
		explain_put_point(show, border.reasons[i].text);
	if (border.nreasons == 0)
		return;
	if (!border.flags_known && show->space->why.details)
		explain_put(show, "", "Flags were not compared: %s.", show->space->why.details);
	explain_put(show, "rules", "%s%s%s", border_rules,
		    all->kernel[0] ? "; this kernel is " : "", all->kernel);
}

void explain_write(const struct explanation *explanation, const struct paint *paint,
		   struct text *text)
{
	struct show show = {
		.all = explanation, .space = explanation->space, .paint = paint, .text = text};
	size_t i;

	for (i = 0; i < explanation->n; i++) {
		show.finding = &explanation->findings[i];
		show.region = space_find(show.space, show.finding->addr);
		write_one(&show, explanation->n > 1);
		if (explanation->n > 1)
			text_char(text, '\n');
	}
	if (explanation->n > 1)
		write_border(&show);
}
