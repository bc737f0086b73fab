#include "cli/heap_look.h"

#include "base/text.h"
#include "source/proc.h"
#include "source/snapshot.h"

#include <errno.h>
#include <string.h>

/* That its reader is missing would not be true. */
static void say_what_it_holds(struct snapshot *snapshot, struct error *why)
{
	char content[16];
	int r = 0;

	if (strcmp(snapshot_text(snapshot, "content", content, sizeof(content)), "none") == 0)
		r = fail(why, -ENODATA,
			 "the snapshot was taken with --content none: it holds no heap");
	(void)r;
}

static void say_what_it_is(struct heap_look *look, const struct space *space)
{
	const struct heap_reading *heap = look->heaps.readings[0];
	char path[256];
	int r;

	look->why = look->heaps.why;
	if (look->why.text[0])
		return;
	r = fail(&look->why, -ENOTSUP, "it uses %s, of %s", heap_words(heap),
		 text_escape(allocator_module_name(space, heap->module), path, sizeof(path), 0));
	(void)r;
}

/* Whoever tells of it names the process. */
static int ask_if_there(const struct procdir *dir, struct error *err)
{
	struct error why;
	int r = proc_is_there(dir, &why);

	return r < 0 ? fail(err, r, HEAP_GONE) : 0;
}

int heap_look_open(const struct procdir *dir, const struct space *space, struct freeze *freeze,
		   struct heap_look *ret, struct error *err)
{
	struct reader *reader = &ret->content.reader;
	int r;

	*ret = (struct heap_look){.own = NULL};
	r = content_open(&ret->content, dir, space);
	if (r < 0) {
		content_close(&ret->content);
		if (ask_if_there(dir, err) < 0)
			return r;
		return fail(err, -r, "its memory cannot be read");
	}
	r = heaps_find(space, freeze ? freeze_reader(freeze, reader) : reader, &ret->heaps);
	if (r < 0) {
		content_close(&ret->content);
		return fail(err, -r, "its heaps cannot be read");
	}
	/* What has ended has no heap, which says nothing of what it had. */
	r = ret->heaps.n ? 0 : ask_if_there(dir, err);
	if (r < 0) {
		heap_look_close(ret);
		return r;
	}
	if (!ret->heaps.has_used && dir->snapshot)
		say_what_it_holds(dir->snapshot, &ret->heaps.why);
	ret->own = own_of(heaps_of(&ret->heaps, &own_type));
	if (!ret->own)
		say_what_it_is(ret, space);
	return 0;
}

void heap_look_close(struct heap_look *look)
{
	heaps_close(&look->heaps);
	content_close(&look->content);
}
