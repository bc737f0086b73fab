#include "seen.h"

#include "base/list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define VSYSCALL UINT64_C(0xffffffff80000000) /* its line in maps is above, and is no VMA */

void seen_fini(struct seen *seen)
{
	free(seen->vmas);
	free(seen->text);
	*seen = SEEN_EMPTY;
}

/* The kernel hands out a page or less at a time. */
static int read_text(struct seen *seen, int fd, size_t *ret)
{
	size_t n = 0;

	for (;;) {
		ssize_t got;
		int r = list_reserve(&seen->text, &seen->text_room, n, 8192);

		if (r < 0)
			return r;
		got = pread(fd, seen->text + n, seen->text_room - n - 1, (off_t)n);
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	if (n == 0)
		return -ESRCH;
	seen->text[n] = '\0';
	*ret = n;
	return 0;
}

static uint64_t take_hex(const char **at)
{
	uint64_t x = 0;

	for (;; (*at)++) {
		unsigned char c = (unsigned char)**at;

		if (c >= '0' && c <= '9')
			x = x << 4 | (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			x = x << 4 | (unsigned)(c - 'a' + 10);
		else
			return x;
	}
}

/* 10000000-10002000 rw-p 00001000 fd:00 1234   name */
static const char *parse_line(const char *at, struct seen_vma *ret)
{
	ret->start = take_hex(&at);
	at++;
	ret->end = take_hex(&at);
	ret->rights = (at[1] == 'r' ? SEEN_READ : 0) | (at[2] == 'w' ? SEEN_WRITE : 0) |
		      (at[3] == 'x' ? SEEN_EXEC : 0) | (at[4] == 's' ? SEEN_SHARED : 0);
	ret->flags = 0;
	at += 6;
	ret->offset = take_hex(&at);
	at = strchr(at + 1, ' ') + 1;
	if (*at != '0')
		ret->rights |= SEEN_FILE;
	while (*at != '\n')
		at++;
	return at + 1;
}

int seen_read_maps(struct seen *seen, int maps)
{
	const char *at, *end;
	size_t size = 0;
	int r = read_text(seen, maps, &size);

	if (r < 0)
		return r;
	seen->nvmas = 0;
	for (at = seen->text, end = at + size; at < end;) {
		r = list_reserve(&seen->vmas, &seen->vmas_room, seen->nvmas, 1);
		if (r < 0)
			return r;
		at = parse_line(at, &seen->vmas[seen->nvmas]);
		if (seen->vmas[seen->nvmas].start < VSYSCALL)
			seen->nvmas++;
	}
	return 0;
}

/* The two letters of each flag in VmFlags, as Linux 6.18 fs/proc/task_mmu.c writes them. */
static const struct {
	char letters[3];
	uint32_t flag;
} letter_flags[] = {
	{"rd", VMA_READ},      {"wr", VMA_WRITE},	{"ex", VMA_EXEC},
	{"sh", VMA_SHARED},    {"mr", VMA_MAYREAD},	{"mw", VMA_MAYWRITE},
	{"me", VMA_MAYEXEC},   {"ms", VMA_MAYSHARE},	{"gd", VMA_GROWSDOWN},
	{"lo", VMA_LOCKED},    {"lf", VMA_LOCKONFAULT}, {"sr", VMA_SEQUENTIAL},
	{"rr", VMA_RANDOM},    {"dc", VMA_DONTCOPY},	{"de", VMA_DONTEXPAND},
	{"ac", VMA_ACCOUNT},   {"nr", VMA_NORESERVE},	{"wf", VMA_WIPEONFORK},
	{"dd", VMA_DONTDUMP},  {"hg", VMA_HUGEPAGE},	{"nh", VMA_NOHUGEPAGE},
	{"mg", VMA_MERGEABLE}, {"pf", VMA_PFNMAP},	{"io", VMA_IO},
	{"mm", VMA_MIXEDMAP},  {"dp", VMA_DROPPABLE},	{"sl", VMA_SEALED},
};

static uint32_t parse_flags(const char *at)
{
	uint32_t flags = 0;
	size_t i;

	for (; at[0] > ' ' && at[1] > ' '; at += 3) {
		for (i = 0; i < ARRAY_SIZE(letter_flags); i++) {
			if (memcmp(at, letter_flags[i].letters, 2) == 0)
				flags |= letter_flags[i].flag;
		}
	}
	return flags;
}

static bool starts_with(const char *line, const char *word)
{
	return strncmp(line, word, strlen(word)) == 0;
}

int seen_read_smaps(struct seen *seen, int smaps)
{
	struct seen_vma *vma = NULL;
	const char *at, *next;
	size_t size;
	int r = read_text(seen, smaps, &size);

	if (r < 0)
		return r;
	seen->nvmas = 0;
	for (at = seen->text; *at; at = next) {
		next = strchr(at, '\n') + 1;
		if ((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f')) {
			r = list_reserve(&seen->vmas, &seen->vmas_room, seen->nvmas, 1);
			if (r < 0)
				return r;
			vma = &seen->vmas[seen->nvmas];
			parse_line(at, vma);
			if (vma->start < VSYSCALL)
				seen->nvmas++;
		} else if (starts_with(at, "VmFlags: ") && vma) {
			vma->flags |= parse_flags(at + 9);
		} else if (starts_with(at, "ProtectionKey:") && vma) {
			if (strtoul(at + 14, NULL, 10) != 0)
				vma->flags |= VMA_EXECUTE_ONLY;
		}
	}
	return 0;
}

/* Linux 6.11 include/uapi/linux/fs.h, newer than the headers we build with. */
struct procmap_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};

#define PROCMAP_REQUEST _IOWR('f', 17, struct procmap_query)
#define COVERING_OR_NEXT 0x10

int seen_read_window(struct seen *seen, int maps, uint64_t start, uint64_t end)
{
	seen->nvmas = 0;
	while (start < end) {
		struct procmap_query query = {.size = sizeof(query),
					      .query_flags = COVERING_OR_NEXT,
					      .query_addr = start};
		int r = list_reserve(&seen->vmas, &seen->vmas_room, seen->nvmas, 1);

		if (r < 0)
			return r;
		if (ioctl(maps, PROCMAP_REQUEST, &query) < 0)
			return errno == ENOENT ? 0 : -errno;
		if (query.vma_start >= end)
			return 0;
		seen->vmas[seen->nvmas++] = (struct seen_vma){
			.start = query.vma_start,
			.end = query.vma_end,
			.offset = query.inode ? query.vma_offset : 0,
			.rights = (query.vma_flags & 0xf) | (query.inode ? SEEN_FILE : 0)};
		start = query.vma_end;
	}
	return 0;
}

static bool take_counter(const char **at, const char *name, uint64_t *ret)
{
	const char *line = strstr(*at, name);
	uint64_t x = 0;

	if (!line)
		return false;
	for (line += strlen(name); *line == ' ' || *line == '\t'; line++)
		;
	for (; *line >= '0' && *line <= '9'; line++)
		x = x * 10 + (unsigned)(*line - '0');
	/* Where more was unlocked than locked the kernel prints 2^64 less, in kB. */
	*ret = x / 4;
	*at = line;
	return true;
}

int seen_read_counters(struct model_counters *ret, int status)
{
	char text[4096];
	const char *at = text;
	ssize_t n = pread(status, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return n < 0 ? -errno : -ESRCH;
	text[n] = '\0';
	if (!take_counter(&at, "VmSize:", &ret->total) ||
	    !take_counter(&at, "VmLck:", &ret->locked) ||
	    !take_counter(&at, "VmData:", &ret->data) || !take_counter(&at, "VmStk:", &ret->stack))
		return -ESRCH;
	return 0;
}

static struct seen_vma seen_one(const struct model *model, const struct vma *vma)
{
	bool file = vma->file != VMA_NO_FILE && !model->files[vma->file].whole;

	return (struct seen_vma){.start = vma->start,
				 .end = vma->end,
				 .offset = file ? vma->pgoff * MODEL_PAGE : 0,
				 .rights = (vma->flags & VMA_READ ? SEEN_READ : 0) |
					   (vma->flags & VMA_WRITE ? SEEN_WRITE : 0) |
					   (vma->flags & VMA_EXEC ? SEEN_EXEC : 0) |
					   (vma->flags & VMA_MAYSHARE ? SEEN_SHARED : 0) |
					   (file ? SEEN_FILE : 0),
				 .flags = vma->flags};
}

int seen_of_model(struct seen *seen, const struct model *model, uint64_t start, uint64_t end)
{
	struct vma_place place = start ? vmas_find(&model->vmas, start) : vmas_first(&model->vmas);
	const struct vma *vma;
	int r;

	seen->nvmas = 0;
	for (; (vma = vmas_at(&model->vmas, place)) != NULL && vma->start < end;
	     place = vmas_next(&model->vmas, place)) {
		r = list_reserve(&seen->vmas, &seen->vmas_room, seen->nvmas, 1);
		if (r < 0)
			return r;
		seen->vmas[seen->nvmas++] = seen_one(model, vma);
	}
	return 0;
}

long seen_difference(const struct seen *a, const struct seen *b, bool flags)
{
	size_t i, n = a->nvmas < b->nvmas ? a->nvmas : b->nvmas;

	for (i = 0; i < n; i++) {
		const struct seen_vma *x = &a->vmas[i], *y = &b->vmas[i];

		if (x->start != y->start || x->end != y->end || x->offset != y->offset ||
		    x->rights != y->rights || (flags && x->flags != y->flags))
			return (long)i;
	}
	return a->nvmas == b->nvmas ? -1 : (long)n;
}

static uint64_t mix(uint64_t hash, uint64_t x)
{
	hash = (hash ^ x) * UINT64_C(0xff51afd7ed558ccd);
	return hash ^ hash >> 29;
}

uint64_t seen_hash(const struct seen *seen, bool flags)
{
	uint64_t hash = seen->nvmas;
	size_t i;

	for (i = 0; i < seen->nvmas; i++) {
		const struct seen_vma *vma = &seen->vmas[i];

		hash = mix(hash, vma->start);
		hash = mix(hash, vma->end);
		hash = mix(hash, vma->offset | vma->rights);
		if (flags)
			hash = mix(hash, vma->flags);
	}
	return hash;
}

const char *seen_text(const struct seen_vma *vma, char *to, size_t size)
{
	int n = snprintf(to, size, "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 "%s",
			 vma->start, vma->end, vma->rights & SEEN_READ ? 'r' : '-',
			 vma->rights & SEEN_WRITE ? 'w' : '-', vma->rights & SEEN_EXEC ? 'x' : '-',
			 vma->rights & SEEN_SHARED ? 's' : 'p', vma->offset,
			 vma->rights & SEEN_FILE ? " file" : "");
	size_t i;

	for (i = 0; vma->flags && i < ARRAY_SIZE(letter_flags) && n > 0 && (size_t)n < size; i++) {
		if (vma->flags & letter_flags[i].flag)
			n += snprintf(to + n, size - n, " %s", letter_flags[i].letters);
	}
	if (vma->flags & VMA_EXECUTE_ONLY && n > 0 && (size_t)n < size)
		snprintf(to + n, size - n, " key");
	return to;
}
