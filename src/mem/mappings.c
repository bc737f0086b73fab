/*
 * Linux 6.11 answers for one address, whatever the number of mappings. Before, the text is read
 * through a small buffer: a line's path can be longer than that, but what is needed of a line is
 * how it begins, and [stack], which is short.
 */
#include "mem/mappings.h"

#include "../include/plat/protect.h"
#include "base/procmap.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static_assert(PLAT_RIGHT_READ == 1 && PLAT_RIGHT_WRITE == 2 && PLAT_RIGHT_EXEC == 4,
	      "the bits of PROCMAP_QUERY");

#define RIGHTS (PLAT_RIGHT_READ | PLAT_RIGHT_WRITE | PLAT_RIGHT_EXEC)

#define LINE_BYTES 100

int plat__mappings_open(struct plat__mappings *mappings)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	mappings->fd = fd;
	mappings->is_text = false;
	mappings->at = mappings->length = 0;
	return 0;
}

void plat__mappings_close(struct plat__mappings *mappings)
{
	close(mappings->fd);
}

/* --- by asking --- */

static int ask(struct plat__mappings *mappings, uintptr_t address, struct plat__mapping *ret)
{
	char name[64] = "";
	struct procmap_query query = {
		.size = sizeof(query),
		.query_flags = PROCMAP_COVERING_OR_NEXT,
		.query_addr = address,
		.vma_name_size = sizeof(name),
		.vma_name_addr = (uintptr_t)name,
	};
	int r = ioctl(mappings->fd, PROCMAP_REQUEST, &query) < 0 ? -errno : 0;

	if (r == -ENAMETOOLONG) {
		query.vma_name_size = 0;
		query.vma_name_addr = 0;
		r = ioctl(mappings->fd, PROCMAP_REQUEST, &query) < 0 ? -errno : 0;
	}
	if (r < 0)
		return r;
	ret->start = (uintptr_t)query.vma_start;
	ret->end = (uintptr_t)query.vma_end;
	ret->rights = (int)query.vma_flags & RIGHTS;
	ret->is_stack = query.vma_name_size > 0 && strcmp(name, "[stack]") == 0;
	return 0;
}

/* --- by reading --- */

/* The next byte of the text; negative: there is none. */
static int next_byte(struct plat__mappings *mappings)
{
	if (mappings->at == mappings->length) {
		ssize_t n = read(mappings->fd, mappings->text, sizeof(mappings->text));

		if (n <= 0)
			return -1;
		mappings->at = 0;
		mappings->length = (size_t)n;
	}
	return (unsigned char)mappings->text[mappings->at++];
}

/* A line, or its first LINE_BYTES - 1 bytes. */
static bool next_line(struct plat__mappings *mappings, char line[LINE_BYTES])
{
	size_t length = 0;
	int byte;

	while ((byte = next_byte(mappings)) >= 0 && byte != '\n')
		if (length < LINE_BYTES - 1)
			line[length++] = (char)byte;
	line[length] = '\0';
	return byte == '\n';
}

/* Addresses that are too large for us are the last one: what lies there is no memory of ours. */
static const char *parse_address(const char *text, uintptr_t *ret)
{
	uintptr_t value = 0;

	for (;; text++) {
		const char *digits = "0123456789abcdef", *digit = strchr(digits, *text);

		if (!digit || *text == '\0')
			break;
		if (value > UINTPTR_MAX >> 4)
			value = UINTPTR_MAX;
		else
			value = value << 4 | (uintptr_t)(digit - digits);
	}
	*ret = value;
	return text;
}

/* "7ffd9303d000-7ffd9305e000 rw-p 00000000 00:00 0          [stack]" */
static bool parse_line(const char *line, struct plat__mapping *ret)
{
	const char *end = parse_address(line, &ret->start), *rights;

	if (*end != '-')
		return false;
	rights = parse_address(end + 1, &ret->end);
	if (strlen(rights) < 5)
		return false;
	ret->rights = (rights[1] == 'r' ? PLAT_RIGHT_READ : 0) |
		      (rights[2] == 'w' ? PLAT_RIGHT_WRITE : 0) |
		      (rights[3] == 'x' ? PLAT_RIGHT_EXEC : 0);
	ret->is_stack = strstr(rights, " [stack]") != NULL;
	return true;
}

static int read_on(struct plat__mappings *mappings, uintptr_t address, struct plat__mapping *ret)
{
	char line[LINE_BYTES];
	struct plat__mapping mapping;

	while (next_line(mappings, line)) {
		if (!parse_line(line, &mapping))
			return -EIO;
		if (mapping.end > address) {
			*ret = mapping;
			return 0;
		}
	}
	return -ENOENT;
}

int plat__mappings_next(struct plat__mappings *mappings, uintptr_t address,
			struct plat__mapping *ret)
{
	int r = -ENOTTY;

	if (!mappings->is_text)
		r = ask(mappings, address, ret);
	if (r == 0 || r == -ENOENT)
		return r;
	mappings->is_text = true;
	return read_on(mappings, address, ret);
}
