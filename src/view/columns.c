#include "view/columns.h"

#include "base/list.h"
#include "space/kinds.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void set_number(struct value *value, uint64_t number)
{
	value->known = true;
	value->number = number;
}

static void set_text(struct value *value, const char *text)
{
	value->known = true;
	value->text = text;
}

static void set_unknown(struct value *value, const char *why)
{
	value->known = false;
	value->why = why;
}

static void get_start(const struct space *space, size_t i, struct value *ret)
{
	set_number(ret, space->regions[i].start);
}

static void get_end(const struct space *space, size_t i, struct value *ret)
{
	set_number(ret, space->regions[i].end);
}

static void get_size(const struct space *space, size_t i, struct value *ret)
{
	set_number(ret, region_size(&space->regions[i]));
}

static void set_pages(const struct space *space, size_t i, uint64_t figure, struct value *ret)
{
	if (space->why.pages)
		set_unknown(ret, space->why.pages);
	else if (space->regions[i].no_pages)
		set_unknown(ret, "too large to be read page by page");
	else
		set_number(ret, figure);
}

#define PAGES_COLUMN(member)                                                                       \
	static void get_##member(const struct space *space, size_t i, struct value *ret)           \
	{                                                                                          \
		set_pages(space, i, space->regions[i].pages.member, ret);                          \
	}

PAGES_COLUMN(rss)
PAGES_COLUMN(swap)
PAGES_COLUMN(file)

static void get_huge(const struct space *space, size_t i, struct value *ret)
{
	if (space->huge_why)
		set_unknown(ret, space->huge_why);
	else
		set_pages(space, i, space->regions[i].pages.huge, ret);
}

static void get_zero(const struct space *space, size_t i, struct value *ret)
{
	if (space->zero_why)
		set_unknown(ret, space->zero_why);
	else
		set_pages(space, i, space->regions[i].pages.zero, ret);
}

static void get_anon(const struct space *space, size_t i, struct value *ret)
{
	const struct pages *pages = &space->regions[i].pages;

	set_pages(space, i, pages->rss - pages->file, ret);
}

static void get_perms(const struct space *space, size_t i, struct value *ret)
{
	unsigned rights = space->regions[i].rights;

	ret->buffer[0] = rights & RIGHT_READ ? 'r' : '-';
	ret->buffer[1] = rights & RIGHT_WRITE ? 'w' : '-';
	ret->buffer[2] = rights & RIGHT_EXEC ? 'x' : '-';
	ret->buffer[3] = rights & RIGHT_SHARED ? 's' : 'p';
	ret->buffer[4] = '\0';
	set_text(ret, ret->buffer);
}

static void get_kind(const struct space *space, size_t i, struct value *ret)
{
	set_text(ret, kind_name(space->regions[i].kind));
}

static void get_name(const struct space *space, size_t i, struct value *ret)
{
	set_text(ret, region_name(space, &space->regions[i], ret->buffer, sizeof(ret->buffer)));
}

static void get_shared_by(const struct space *space, size_t i, struct value *ret)
{
	set_text(ret, sharing_name(region_sharing(space, &space->regions[i])));
}

static void get_tid(const struct space *space, size_t i, struct value *ret)
{
	const struct thread *thread = region_thread(space, &space->regions[i]);

	if (thread && thread->tid)
		set_number(ret, (uint64_t)thread->tid);
	else
		set_unknown(ret, NULL);
}

static void get_thread(const struct space *space, size_t i, struct value *ret)
{
	const struct thread *thread = region_thread(space, &space->regions[i]);

	if (!thread || !thread->tid) {
		set_unknown(ret, NULL);
		return;
	}
	set_text(ret, text_escape(thread->name, ret->buffer, sizeof(ret->buffer), 0));
}

static void get_offset(const struct space *space, size_t i, struct value *ret)
{
	const struct region *region = &space->regions[i];
	const struct file *file = region_file(space, region);

	if (file && file->inode)
		set_number(ret, region->offset);
	else
		set_unknown(ret, NULL);
}

static void get_file_name(const struct space *space, size_t i, struct value *ret)
{
	const struct file *file = region_file(space, &space->regions[i]);

	if (!file) {
		set_unknown(ret, NULL);
		return;
	}
	set_text(ret, text_escape(file->name, ret->buffer, sizeof(ret->buffer), 0));
}

static void get_inode(const struct space *space, size_t i, struct value *ret)
{
	const struct file *file = region_file(space, &space->regions[i]);

	if (file && file->inode)
		set_number(ret, file->inode);
	else
		set_unknown(ret, NULL);
}

static void get_device(const struct space *space, size_t i, struct value *ret)
{
	const struct file *file = region_file(space, &space->regions[i]);

	if (!file || !file->inode) {
		set_unknown(ret, NULL);
		return;
	}
	snprintf(ret->buffer, sizeof(ret->buffer), "%u:%u", file->major, file->minor);
	set_text(ret, ret->buffer);
}

static void get_mapping(const struct space *space, size_t i, struct value *ret)
{
	set_number(ret, space->regions[i].mapping);
}

static void get_module(const struct space *space, size_t i, struct value *ret)
{
	uint32_t module = space->regions[i].module;

	if (module == NO_MODULE || space->modules[module].file == NO_FILE) {
		set_unknown(ret, NULL);
		return;
	}
	set_text(ret, text_escape(space->files[space->modules[module].file].name, ret->buffer,
				  sizeof(ret->buffer), 0));
}

static void get_gap_above(const struct space *space, size_t i, struct value *ret)
{
	if (i + 1 < space->nregions)
		set_number(ret, space->regions[i + 1].start - space->regions[i].end);
	else
		set_unknown(ret, NULL);
}

/* smaps speaks of whole mappings: a mapping cut into regions shows its figures at the first one. */
static const struct detail *detail_of(const struct space *space, size_t i, struct value *ret)
{
	const struct region *region = &space->regions[i];
	const struct detail *detail = space->details ? &space->details[region->mapping] : NULL;

	if (!detail)
		set_unknown(ret, space->why.details ? space->why.details : "smaps was not read");
	else if (!detail->known)
		set_unknown(ret, region->kind == KIND_VSYSCALL
					 ? NULL
					 : "the mapping changed before smaps was read");
	else if (i > 0 && region[-1].mapping == region->mapping)
		set_unknown(ret, "counted at the first region of this mapping");
	else
		return detail;
	return NULL;
}

#define DETAIL_COLUMN(member)                                                                      \
	static void get_##member(const struct space *space, size_t i, struct value *ret)           \
	{                                                                                          \
		const struct detail *detail = detail_of(space, i, ret);                            \
                                                                                                   \
		if (detail)                                                                        \
			set_number(ret, detail->member);                                           \
	}

DETAIL_COLUMN(pss)
DETAIL_COLUMN(locked)
DETAIL_COLUMN(ksm)
DETAIL_COLUMN(lazy_free)
DETAIL_COLUMN(referenced)
DETAIL_COLUMN(private_dirty)
DETAIL_COLUMN(private_clean)
DETAIL_COLUMN(shared_dirty)
DETAIL_COLUMN(shared_clean)
DETAIL_COLUMN(anon_huge)
DETAIL_COLUMN(swap_pss)
DETAIL_COLUMN(page_size)

static void get_uss(const struct space *space, size_t i, struct value *ret)
{
	const struct detail *detail = detail_of(space, i, ret);

	if (detail)
		set_number(ret, detail->private_clean + detail->private_dirty);
}

static void get_flags(const struct space *space, size_t i, struct value *ret)
{
	const struct region *region = &space->regions[i];
	const struct detail *detail = space->details ? &space->details[region->mapping] : NULL;

	/* Flags hold for every part of a mapping. */
	if (detail && detail->known)
		set_text(ret, detail->flags);
	else
		detail_of(space, i, ret);
}

/* What allocators have there; where they have nothing there is nothing to know. */
static const struct share *share_of(const struct space *space, size_t i, struct value *ret)
{
	const struct share *share = space->shares ? &space->shares[i] : NULL;

	if (!share)
		set_unknown(ret, space->why.shares ? space->why.shares : "heaps were not read");
	else if (!share->arenas[0])
		set_unknown(ret, NULL);
	else
		return share;
	return NULL;
}

#define SHARE_COLUMN(member)                                                                       \
	static void get_share_##member(const struct space *space, size_t i, struct value *ret)     \
	{                                                                                          \
		const struct share *share = share_of(space, i, ret);                               \
                                                                                                   \
		if (share && share->held)                                                          \
			set_number(ret, share->member);                                            \
		else if (share)                                                                    \
			set_unknown(ret, "its allocator cannot be read");                          \
	}

SHARE_COLUMN(held)
SHARE_COLUMN(live)
SHARE_COLUMN(free)

static void get_arenas(const struct space *space, size_t i, struct value *ret)
{
	const struct share *share = share_of(space, i, ret);

	if (share)
		set_text(ret, share->arenas);
}

const struct column columns[] = {
	{"START", COLUMN_ADDRESS, 16, 0, true, "first address", get_start},
	{"END", COLUMN_ADDRESS, 16, 0, true, "one past the last address", get_end},
	{"SIZE", COLUMN_SIZE, 7, 0, true, "bytes of addresses", get_size},
	{"RSS", COLUMN_SIZE, 7, NEEDS_PAGES, true, "bytes in memory, as VmRSS counts", get_rss},
	{"SWAP", COLUMN_SIZE, 7, NEEDS_PAGES, true, "bytes in swap", get_swap},
	{"PERMS", COLUMN_TEXT, 4, 0, true, "rights: rwx, p private or s shared", get_perms},
	{"KIND", COLUMN_TEXT, 12, 0, true, "what it is", get_kind},
	{"NAME", COLUMN_TEXT_ANSI, 0, 0, true, "file, object or thread it belongs to", get_name},
	{"SHARED_BY", COLUMN_TEXT, 9, 0, true,
	 "who uses it: threads (all), thread (one), processes (other ones too)", get_shared_by},
	{"TID", COLUMN_NUMBER, 7, 0, true, "the thread it belongs to", get_tid},
	{"THREAD", COLUMN_TEXT_ANSI, 15, 0, false, "name of that thread", get_thread},
	{"ANON", COLUMN_SIZE, 7, NEEDS_PAGES, false, "of RSS: anonymous pages", get_anon},
	{"FILEPAGES", COLUMN_SIZE, 9, NEEDS_PAGES, false,
	 "of RSS: pages of files and shared memory", get_file},
	{"HUGE", COLUMN_SIZE, 7, NEEDS_PAGES, false, "bytes mapped by huge entries", get_huge},
	{"ZERO", COLUMN_SIZE, 7, NEEDS_PAGES, false, "bytes mapped to the page of zeros", get_zero},
	{"OFFSET", COLUMN_ADDRESS, 12, 0, false, "where in the file it begins", get_offset},
	{"FILE", COLUMN_TEXT_ANSI, 0, 0, false, "name behind the mapping as the kernel prints it",
	 get_file_name},
	{"DEVICE", COLUMN_TEXT, 6, 0, false, "device of the file system", get_device},
	{"INODE", COLUMN_NUMBER, 8, 0, false, "inode of the file", get_inode},
	{"MODULE", COLUMN_TEXT_ANSI, 0, 0, false, "program or library it is part of", get_module},
	{"MAPPING", COLUMN_NUMBER, 7, 0, false, "number of the line in maps, from 0", get_mapping},
	{"ABOVE", COLUMN_SIZE, 7, 0, false, "bytes to the next region above", get_gap_above},
	{"PSS", COLUMN_SIZE, 7, NEEDS_DETAILS, false, "shared pages divided by who maps them",
	 get_pss},
	{"USS", COLUMN_SIZE, 7, NEEDS_DETAILS, false, "bytes only this process maps", get_uss},
	{"LOCKED", COLUMN_SIZE, 7, NEEDS_DETAILS, false, "locked bytes, shared ones divided",
	 get_locked},
	{"KSM", COLUMN_SIZE, 7, NEEDS_DETAILS, false, "bytes merged with equal pages", get_ksm},
	{"LAZYFREE", COLUMN_SIZE, 8, NEEDS_DETAILS, false, "bytes given up by MADV_FREE",
	 get_lazy_free},
	{"REFERENCED", COLUMN_SIZE, 10, NEEDS_DETAILS, false, "bytes used of late", get_referenced},
	{"PRIVATE_DIRTY", COLUMN_SIZE, 13, NEEDS_DETAILS, false, "private bytes, written",
	 get_private_dirty},
	{"PRIVATE_CLEAN", COLUMN_SIZE, 13, NEEDS_DETAILS, false, "private bytes, as in the file",
	 get_private_clean},
	{"SHARED_DIRTY", COLUMN_SIZE, 12, NEEDS_DETAILS, false, "shared bytes, written",
	 get_shared_dirty},
	{"SHARED_CLEAN", COLUMN_SIZE, 12, NEEDS_DETAILS, false, "shared bytes, as in the file",
	 get_shared_clean},
	{"ANON_HUGE", COLUMN_SIZE, 9, NEEDS_DETAILS, false, "anonymous bytes in huge pages",
	 get_anon_huge},
	{"SWAP_PSS", COLUMN_SIZE, 8, NEEDS_DETAILS, false, "swap divided by who maps it",
	 get_swap_pss},
	{"PAGE_SIZE", COLUMN_SIZE, 9, NEEDS_DETAILS, false, "the kernel's page size here",
	 get_page_size},
	{"ARENA", COLUMN_TEXT, 14, NEEDS_SHARES, false,
	 "arenas of allocators that have blocks here", get_arenas},
	{"HELD", COLUMN_SIZE, 7, NEEDS_SHARES, false, "bytes that allocators hold here",
	 get_share_held},
	{"LIVE", COLUMN_SIZE, 7, NEEDS_SHARES, false, "of these: in live blocks", get_share_live},
	{"FREE", COLUMN_SIZE, 7, NEEDS_SHARES, false, "of these: in free blocks", get_share_free},
	{"FLAGS", COLUMN_TEXT, 20, NEEDS_DETAILS, false,
	 "VmFlags of smaps: lo locked, sl sealed, dd not dumped, hg huge, mg merge, gd grows down",
	 get_flags},
};

const size_t ncolumns = ARRAY_SIZE(columns);
static_assert(ARRAY_SIZE(columns) <= COLUMNS_MOST, "a choice holds all columns");

const struct column *column_find(const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < ncolumns; i++)
		if (strncasecmp(columns[i].name, name, length) == 0 &&
		    columns[i].name[length] == '\0')
			return &columns[i];
	return NULL;
}

static void add_once(struct columns_choice *choice, const struct column *column)
{
	size_t i;

	for (i = 0; i < choice->n; i++)
		if (choice->column[i] == column)
			return;
	choice->column[choice->n++] = column;
}

int columns_choose(const char *list, struct columns_choice *ret, const char **wrong)
{
	struct columns_choice choice = {0};
	size_t i;

	if (*list == '+') {
		columns_choose(COLUMNS_DEFAULT, &choice, wrong);
		list++;
	}
	if (strcasecmp(list, "all") == 0) {
		for (i = 0; i < ncolumns; i++)
			add_once(&choice, &columns[i]);
		*ret = choice;
		return 0;
	}
	for (;;) {
		size_t length = strcspn(list, ",");
		const struct column *column = column_find(list, length);

		if (!column) {
			*wrong = list;
			return -EINVAL;
		}
		add_once(&choice, column);
		if (list[length] == '\0')
			break;
		list += length + 1;
	}
	*ret = choice;
	return 0;
}

unsigned columns_need(const struct columns_choice *choice)
{
	unsigned needs = 0;
	size_t i;

	for (i = 0; i < choice->n; i++)
		needs |= choice->column[i]->needs;
	return needs;
}

char *column_key(const struct column *column, char *to, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size && column->name[i]; i++)
		to[i] = (char)tolower((unsigned char)column->name[i]);
	to[i] = '\0';
	return to;
}
