/*
 * Where to write is not believed but found out again, through the descriptor that is written to:
 *
 *     header | magic ... | samples ----> struct samples | mean | ...
 *              rows: "state.samples" where the arrow stands, "samples.mean" where the number does
 *              and so "state.trim" and "trim.asked"
 *
 * /proc/PID/mem is of one address space: if the process ends, its number is given away, or it
 * executes another program, then what is written is lost, and changes nothing of anybody else.
 * Where it cannot be opened for writing, as where /proc is mounted read-only, process_vm_writev
 * serves, which knows numbers of processes only.
 */
#include "source/poke.h"

#include "alloc/state.h"
#include "source/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define ROWS_MOST 1024

/* A number that may be written. */
struct word {
	const char *arrow, *number; /* the rows that lead to it */
	const char *name;	    /* for people */
};

static const struct word rate_word = {"state.samples", "samples.mean", "the rate"};
static const struct word trim_word = {"state.trim", "trim.asked", "the wish"};

/* The process's memory: a descriptor, or -1 and its number. */
struct door {
	int mem, pid;
};

static int read_bytes(const struct door *door, plat_addr from, void *to, size_t size)
{
	struct iovec ours = {to, size}, theirs = {(void *)(uintptr_t)from, size};
	ssize_t n;

	if (from > INT64_MAX - size)
		return -EFAULT;
	n = door->mem >= 0 ? pread(door->mem, to, size, (off_t)from)
			   : process_vm_readv(door->pid, &ours, 1, &theirs, 1, 0);
	if (n < 0)
		return -errno;
	return n == (ssize_t)size ? 0 : -EFAULT;
}

/* An aligned word is written at once. */
static int write_word(const struct door *door, plat_addr at, uint64_t word)
{
	struct iovec ours = {&word, sizeof(word)}, theirs = {(void *)(uintptr_t)at, sizeof(word)};
	ssize_t n = door->mem >= 0 ? pwrite(door->mem, &word, sizeof(word), (off_t)at)
				   : process_vm_writev(door->pid, &ours, 1, &theirs, 1, 0);

	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(word) ? 0 : -EFAULT;
}

static int open_door(const struct procdir *dir, struct door *ret, struct error *err)
{
	int fd = openat(dir->fd, "mem", O_RDWR | O_CLOEXEC);

	if (fd < 0 && errno != EROFS)
		return fail(err, errno, "%d: its memory cannot be written", dir->pid);
	*ret = (struct door){fd, dir->pid};
	return 0;
}

/* --- is it what it was? --- */

static int check_process(const struct procdir *dir, const struct space *space, struct error *err)
{
	struct space now;
	char *text;
	int r;

	if (!dir->live)
		return fail(err, -EROFS, "%d: a captured process cannot be changed", dir->pid);
	r = procdir_read(dir, "stat", 65536, &text, NULL);
	if (r < 0)
		return fail(err, r == -ENOENT ? ESRCH : -r, "%d", dir->pid);
	space_init(&now);
	r = facts_stat(&now, text);
	free(text);
	if (r == 0 && now.process.start_time != space->process.start_time)
		r = -ESRCH;
	space_fini(&now);
	return r < 0 ? fail(err, -r, "%d: it is not the process that was looked at", dir->pid) : 0;
}

struct place {
	uint32_t offset;
	bool is_known;
};

static void take_row(const struct state_field *field, const char *name, struct place *ret)
{
	if (strncmp(field->name, name, sizeof(field->name)) == 0 && field->width == 8 &&
	    field->count == 1)
		*ret = (struct place){field->offset, true};
}

/* What a header says of where the number is; only one of our own word size and byte order. */
static int find_word(const struct door *door, const struct word *word, plat_addr header,
		     plat_addr *ret)
{
	struct place arrow = {0}, number = {0};
	struct state_field field = {0};
	struct state head = {0};
	plat_addr at;
	unsigned i;
	int r = read_bytes(door, header, &head, offsetof(struct state, page_bytes));

	if (r < 0)
		return r;
	if (head.magic != STATE_MAGIC || head.byte_order != STATE_BYTE_ORDER ||
	    head.version != STATE_VERSION || head.pointer_bytes != 8 || head.nfields > ROWS_MOST ||
	    head.field_bytes < sizeof(field))
		return -ENOEXEC;
	for (i = 0; i < head.nfields; i++) {
		r = read_bytes(door, header + head.fields_at + (uint64_t)i * head.field_bytes,
			       &field, sizeof(field));
		if (r < 0)
			return r;
		take_row(&field, word->arrow, &arrow);
		take_row(&field, word->number, &number);
	}
	if (!arrow.is_known || !number.is_known || arrow.offset > head.fields_at)
		return -ENOEXEC;
	r = read_bytes(door, header + arrow.offset, &at, sizeof(at));
	if (r == 0)
		*ret = at + number.offset; /* wraps on purpose: it is compared */
	return r;
}

/* Memory that the process can write itself, and that is nobody else's. */
static bool is_own(const struct space *space, plat_addr at)
{
	const struct region *region = space_find(space, at);

	return region && at % sizeof(uint64_t) == 0 && (region->rights & RIGHT_WRITE) &&
	       !(region->rights & RIGHT_SHARED);
}

static int check_place(const struct door *door, const struct space *space, const struct word *word,
		       const struct poke *poke, struct error *err)
{
	plat_addr at = 0;
	int r = find_word(door, word, poke->header, &at);

	if (r < 0 && r != -ENOEXEC)
		return fail(err, -r, "%d: the header of plat's malloc cannot be read", door->pid);
	if (r < 0 || at != poke->at)
		return fail(err, -ENOTSUP,
			    "%d: %s is not where it was found, or the allocator is of "
			    "another version: nothing was written",
			    door->pid, word->name);
	if (!is_own(space, at))
		return fail(err, -EPERM,
			    "%d: %s would lie at 0x%" PRIx64 ", which is not memory of the "
			    "process's own: nothing was written",
			    door->pid, word->name, at);
	return 0;
}

/* --- writing --- */

static int write_number(const struct door *door, const struct word *word, struct poke *poke,
			struct error *err)
{
	uint64_t before;
	int r = read_bytes(door, poke->at, &before, sizeof(before));

	if (r == 0)
		r = write_word(door, poke->at, poke->number);
	if (r < 0)
		return fail(err, -r, "%d: %s cannot be written", door->pid, word->name);
	poke->before = before;
	return 0;
}

static int poke_word(const struct procdir *dir, const struct space *space, const struct word *word,
		     struct poke *poke, struct error *err)
{
	struct door door = {.mem = -1};
	int r = check_process(dir, space, err);

	if (r == 0)
		r = open_door(dir, &door, err);
	if (r < 0)
		return r;
	r = check_place(&door, space, word, poke, err);
	if (r == 0 && door.mem < 0)
		r = check_process(dir, space, err);
	if (r == 0)
		r = write_number(&door, word, poke, err);
	if (door.mem >= 0)
		close(door.mem);
	return r;
}

int poke_rate(const struct procdir *dir, const struct space *space, struct poke *poke,
	      struct error *err)
{
	uint64_t mean = poke->number;

	if (mean != 0 && (mean < SAMPLE_MEAN_MIN || mean > SAMPLE_MEAN_MAX))
		return fail(err, -EINVAL, "%" PRIu64 ": no rate of samples", mean);
	return poke_word(dir, space, &rate_word, poke, err);
}

int poke_trim(const struct procdir *dir, const struct space *space, struct poke *poke,
	      struct error *err)
{
	return poke_word(dir, space, &trim_word, poke, err);
}
