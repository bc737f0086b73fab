/*
 * What the family says about itself, in the forms of glibc (2.36). The heap is one arena; its
 * fastbins are the slots that wait in threads' windows.
 *
 *     <---------------------- arena ---------------------->
 *     | uordblks: live, with what | fordblks: free        |   hblkhd: pages of mappings
 *     | stands behind each block  | fsmblks |    keepcost |
 */
#include "alloc/figures.h"

#include "alloc/atomic.h"
#include "alloc/line.h"
#include "alloc/slab.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))
#define STDERR 2

/* As in glibc's <malloc.h>, which other libcs have not. */
#define MALLINFO(name, type)                                                                       \
	struct name {                                                                              \
		type arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks;  \
		type keepcost;                                                                     \
	}

MALLINFO(mallinfo, int);
MALLINFO(mallinfo2, size_t);

EXPORT struct mallinfo mallinfo(void);
EXPORT struct mallinfo2 mallinfo2(void);
EXPORT struct mallinfo __libc_mallinfo(void) __attribute__((alias("mallinfo")));
EXPORT void malloc_stats(void);
EXPORT int malloc_info(int options, FILE *file);

struct mallinfo2 mallinfo2(void)
{
	struct figures figures;

	plat__figures(&figures);
	return (struct mallinfo2){
		.arena = figures.heap,
		.ordblks = figures.free_blocks - figures.ready,
		.smblks = figures.ready,
		.hblks = figures.mappings,
		.hblkhd = figures.mapped,
		.usmblks = 0, /* glibc 2.36 has nothing there either */
		.fsmblks = figures.ready_bytes,
		.uordblks = figures.taken,
		.fordblks = figures.heap - figures.taken,
		.keepcost = figures.top,
	};
}

static int saturate(size_t number)
{
	return number < INT_MAX ? (int)number : INT_MAX;
}

struct mallinfo mallinfo(void)
{
	struct mallinfo2 wide = mallinfo2();

	return (struct mallinfo){
		.arena = saturate(wide.arena),
		.ordblks = saturate(wide.ordblks),
		.smblks = saturate(wide.smblks),
		.hblks = saturate(wide.hblks),
		.hblkhd = saturate(wide.hblkhd),
		.usmblks = saturate(wide.usmblks),
		.fsmblks = saturate(wide.fsmblks),
		.uordblks = saturate(wide.uordblks),
		.fordblks = saturate(wide.fordblks),
		.keepcost = saturate(wide.keepcost),
	};
}

/* The largest that was seen when somebody asked: to know more would cost all who do not. */
static size_t most(size_t *seen, size_t now)
{
	size_t before = load_relaxed(seen);

	while (before < now && !compare_exchange(seen, &before, now))
		;
	return before < now ? now : before;
}

static size_t most_heap, most_mappings, most_mapped;

static void say(const char *what, size_t number)
{
	struct line line = {.length = 0};

	plat__line_add(&line, what);
	plat__line_number(&line, number, 10);
	plat__line_write(&line, STDERR);
}

static void say_heading(const char *text)
{
	struct line line = {.length = 0};

	plat__line_add(&line, text);
	plat__line_write(&line, STDERR);
}

void malloc_stats(void)
{
	struct figures figures;

	plat__figures(&figures);
	say_heading("Arena 0:");
	say("system bytes     = ", figures.heap);
	say("in use bytes     = ", figures.taken);
	say_heading("Total (incl. mmap):");
	say("system bytes     = ", figures.heap + figures.mapped);
	say("in use bytes     = ", figures.taken + figures.mapped);
	say("max mmap regions = ", most(&most_mappings, figures.mappings));
	say("max mmap bytes   = ", most(&most_mapped, figures.mapped));
}

/* --- malloc_info --- */

static void put(FILE *file, struct line *line)
{
	plat__line_add(line, "/>");
	fwrite(line->text, 1, line->length, file);
	fputs("\n", file);
}

static void put_attribute(struct line *line, const char *name, size_t number)
{
	plat__line_add(line, " ");
	plat__line_add(line, name);
	plat__line_add(line, "=\"");
	plat__line_number(line, number, 0);
	plat__line_add(line, "\"");
}

static void put_size(FILE *file, const char *element, size_t size)
{
	struct line line = {.length = 0};

	plat__line_add(&line, element);
	put_attribute(&line, "size", size);
	put(file, &line);
}

static void put_total(FILE *file, const char *element, size_t count, size_t size)
{
	struct line line = {.length = 0};

	plat__line_add(&line, element);
	put_attribute(&line, "count", count);
	put_attribute(&line, "size", size);
	put(file, &line);
}

static void put_slots(FILE *file, size_t stride, size_t count)
{
	struct line line = {.length = 0};

	plat__line_add(&line, "  <size");
	put_attribute(&line, "from", stride);
	put_attribute(&line, "to", stride);
	put_attribute(&line, "total", stride * count);
	put_attribute(&line, "count", count);
	put(file, &line);
}

static void put_free(FILE *file, const struct figures *figures)
{
	put_total(file, "<total type=\"fast\"", figures->ready, figures->ready_bytes);
	put_total(file, "<total type=\"rest\"", figures->free_blocks - figures->ready,
		  figures->heap - figures->taken - figures->ready_bytes);
}

static void put_heap(FILE *file, const struct figures *figures)
{
	put_size(file, "<system type=\"current\"", figures->heap);
	put_size(file, "<system type=\"max\"", most(&most_heap, figures->heap));
	put_size(file, "<aspace type=\"total\"", figures->heap);
	put_size(file, "<aspace type=\"mprotect\"", figures->heap);
}

int malloc_info(int options, FILE *file)
{
	struct figures figures;
	uint32_t class;

	if (options != 0)
		return EINVAL;
	plat__figures(&figures);
	fputs("<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n", file);
	for (class = 0; class < NCLASSES; class ++)
		if (figures.slots[class] > 0)
			put_slots(file, plat__class_stride(class), figures.slots[class]);
	fputs("</sizes>\n", file);
	put_free(file, &figures);
	put_heap(file, &figures);
	fputs("</heap>\n", file);
	put_free(file, &figures);
	put_total(file, "<total type=\"mmap\"", figures.mappings, figures.mapped);
	put_heap(file, &figures);
	fputs("</malloc>\n", file);
	return 0;
}
