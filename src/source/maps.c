#include "source/maps.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Reads hexadecimal digits, at most 16. Returns what follows, or NULL without any. */
static const char *hex(const char *s, uint64_t *ret)
{
	uint64_t value = 0;
	unsigned n;

	for (n = 0; n < 16; n++, s++) {
		unsigned digit = (unsigned char)*s;

		if (digit - '0' < 10)
			value = value << 4 | (digit - '0');
		else if (digit - 'a' < 6)
			value = value << 4 | (digit - 'a' + 10);
		else
			break;
	}
	*ret = value;
	return n ? s : NULL;
}

static const char *decimal(const char *s, uint64_t *ret)
{
	uint64_t value = 0;
	unsigned n;

	for (n = 0; *s >= '0' && *s <= '9'; n++, s++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (unsigned)(*s - '0'), &value))
			return NULL;
	*ret = value;
	return n ? s : NULL;
}

static const char *expect(const char *s, char c)
{
	return s && *s == c ? s + 1 : NULL;
}

static const char *rights(const char *s, unsigned *ret)
{
	static const char letters[4] = "rwx";
	unsigned value = 0, i;

	for (i = 0; i < 3; i++, s++) {
		if (*s == letters[i])
			value |= 1u << i;
		else if (*s != '-')
			return NULL;
	}
	if (*s == 's')
		value |= RIGHT_SHARED;
	else if (*s != 'p')
		return NULL;
	*ret = value;
	return s + 1;
}

int maps_parse_line(const char *line, struct maps_line *ret)
{
	struct maps_line parsed;
	uint64_t major, minor;
	const char *s = hex(line, &parsed.start);

	s = expect(s, '-');
	s = s ? hex(s, &parsed.end) : NULL;
	s = expect(s, ' ');
	s = s ? rights(s, &parsed.rights) : NULL;
	s = expect(s, ' ');
	s = s ? hex(s, &parsed.offset) : NULL;
	s = expect(s, ' ');
	s = s ? hex(s, &major) : NULL;
	s = expect(s, ':');
	s = s ? hex(s, &minor) : NULL;
	s = expect(s, ' ');
	s = s ? decimal(s, &parsed.inode) : NULL;
	if (!s || (*s && *s != ' ') || parsed.start >= parsed.end)
		return -EINVAL;
	while (*s == ' ')
		s++;
	parsed.major = (uint32_t)major;
	parsed.minor = (uint32_t)minor;
	parsed.name = s;
	*ret = parsed;
	return 0;
}

static int take_mapping(struct space *space, const struct maps_line *line)
{
	const struct region *last = space->nregions ? &space->regions[space->nregions - 1] : NULL;
	uint32_t file = NO_FILE;
	int r = 0;

	/* Lines of one file mostly follow each other: look at the last before asking the table. */
	if (line->name[0] && last && last->file != NO_FILE && line->inode &&
	    !space->files[last->file].deleted && space->files[last->file].inode == line->inode &&
	    space->files[last->file].minor == line->minor &&
	    space->files[last->file].major == line->major &&
	    strcmp(space->files[last->file].name, line->name) == 0)
		file = last->file;
	else if (line->name[0])
		r = space_add_file(space, line->name, line->major, line->minor, line->inode, &file);
	if (r < 0)
		return r;
	return space_add_mapping(space, line->start, line->end, line->rights, line->offset, file);
}

/* The figures of a mapping in smaps, and where they go. */
static const struct {
	const char *name;
	size_t offset;
} fields[] = {
#define FIELD(text, member)                                                                        \
	{                                                                                          \
		text ":", offsetof(struct detail, member)                                          \
	}
	FIELD("Pss", pss),
	FIELD("Shared_Clean", shared_clean),
	FIELD("Shared_Dirty", shared_dirty),
	FIELD("Private_Clean", private_clean),
	FIELD("Private_Dirty", private_dirty),
	FIELD("Referenced", referenced),
	FIELD("Anonymous", anonymous),
	FIELD("LazyFree", lazy_free),
	FIELD("KSM", ksm),
	FIELD("AnonHugePages", anon_huge),
	FIELD("ShmemPmdMapped", file_huge),
	FIELD("FilePmdMapped", file_huge),
	FIELD("Shared_Hugetlb", hugetlb),
	FIELD("Private_Hugetlb", hugetlb),
	FIELD("SwapPss", swap_pss),
	FIELD("Locked", locked),
#undef FIELD
};

static const char *after(const char *line, const char *name)
{
	size_t length = strlen(name);

	return strncmp(line, name, length) == 0 ? line + length + strspn(line + length, " \t")
						: NULL;
}

/* They are printed as they are: a stranger's capture may hold anything. */
static void take_flags(struct detail *detail, const char *flags)
{
	size_t length = strlen(flags), i;

	while (length && flags[length - 1] == ' ')
		length--;
	if (length >= sizeof(detail->flags))
		length = sizeof(detail->flags) - 1;
	for (i = 0; i < length; i++)
		detail->flags[i] = (char)(flags[i] >= ' ' && flags[i] <= '~' ? flags[i] : '?');
	detail->flags[length] = '\0';
}

static void take_detail(struct detail *detail, const char *line)
{
	const char *value;
	uint64_t number;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		value = after(line, fields[i].name);
		if (!value || !decimal(value, &number) || number > UINT64_MAX / 1024)
			continue;
		*(uint64_t *)((char *)detail + fields[i].offset) += number * 1024;
		return;
	}
	value = after(line, "KernelPageSize:");
	if (value && decimal(value, &number) && number < UINT32_MAX / 1024)
		detail->page_size = (uint32_t)number * 1024;
	value = after(line, "ProtectionKey:");
	if (value && decimal(value, &number) && number < 16)
		detail->protection_key = (int)number;
	value = after(line, "VmFlags:");
	if (value)
		take_flags(detail, value);
}

/* smaps is a second look: a mapping counts only if the first look saw the same one. */
static void find_mapping(struct maps_reader *reader, const struct maps_line *line)
{
	const struct space *space = reader->space;
	plat_addr start, end;
	size_t i = space_at_or_above(space, line->start);

	reader->number = SIZE_MAX;
	reader->at = line->start;
	if (reader->to && overlap(line->start, line->end, reader->from, reader->to) == 0)
		return;
	if (i == space->nregions || space->regions[i].start != line->start)
		return;
	space_mapping_range(space, i, &start, &end);
	if (start != line->start || end != line->end)
		return;
	reader->number = space->regions[i].mapping;
	space->details[reader->number] = (struct detail){.known = true, .protection_key = -1};
}

static int take_line(struct maps_reader *reader)
{
	struct maps_line line;
	int r;

	reader->line[reader->used] = '\0';
	reader->used = 0;
	reader->too_long = false;
	r = maps_parse_line(reader->line, &line);
	if (reader->with_details) {
		if (r == 0)
			find_mapping(reader, &line);
		else if (reader->number != SIZE_MAX)
			take_detail(&reader->space->details[reader->number], reader->line);
		return 0;
	}
	if (r == 0)
		r = take_mapping(reader->space, &line);
	if (r == -EINVAL) {
		reader->bad_lines++;
		r = 0;
	}
	return r;
}

int maps_feed(struct maps_reader *reader, const char *data, size_t size)
{
	while (size) {
		const char *newline = memchr(data, '\n', size);
		size_t part = newline ? (size_t)(newline - data) : size;
		size_t room = sizeof(reader->line) - 1 - reader->used;
		size_t taken = part < room ? part : room;

		memcpy(reader->line + reader->used, data, taken);
		reader->used += taken;
		reader->too_long |= taken < part;
		if (newline) {
			int r = take_line(reader);

			if (r < 0)
				return r;
			part++;
		}
		data += part;
		size -= part;
	}
	return 0;
}

int maps_finish(struct maps_reader *reader)
{
	return reader->used ? take_line(reader) : 0;
}

#define MAPS_MOST ((size_t)1 << 28)

int maps_each(const struct procdir *dir, bool (*take)(void *context, const struct maps_line *line),
	      void *context)
{
	struct maps_line line;
	char *text, *at, *end;
	int r = procdir_read(dir, "maps", MAPS_MOST, &text, NULL);

	if (r < 0)
		return r;
	for (at = text; (end = strchr(at, '\n')) != NULL; at = end + 1) {
		*end = '\0';
		if (maps_parse_line(at, &line) == 0 && take(context, &line))
			break;
	}
	free(text);
	return 0;
}
