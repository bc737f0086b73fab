#include "alloc/granules.h"

#include "alloc/atomic.h"
#include "alloc/huge.h"
#include "alloc/map.h"
#include "alloc/options.h"
#include "alloc/source.h"
#include "alloc/system.h"
#include "base/compiler.h"

#include <errno.h>
#include <limits.h>

#define NCHUNKS ((size_t)1 << 18) /* 1 TiB */
#define GROW_MIN ((size_t)4)
#define GROW_MAX ((size_t)1024)
#define BUDGET_MIN ((size_t)3 << 20)
#define BUDGET_MAX ((size_t)16 << 20)
/* What was regretted counts up to so much even where hardly anything is taken now. */
#define REGRETS_MIN ((size_t)4 << 20)
#define REGRETS_MAX ((size_t)256 << 20)

/* Every chunk there is, in the order in which it came. */
static struct chunk *chunks[NCHUNKS] MOSTLY_UNTOUCHED;
static size_t nchunks;
/* Below it no chunk has a free granule: a hint. */
static size_t first_free;
/* What the budget is raised by while dropped pages are soon needed again. */
static size_t regrets;
/* The most granules that were taken; it comes down with each purge. */
static size_t peak_granules;
static size_t taken_granules, dirty_pages, lent_granules;
/* Where the break-like source ended last. */
static uintptr_t top;
/* Bytes by which it has shrunk and not grown again. */
static size_t shrunk;

static unsigned granule_pages(void)
{
	return (unsigned)(GRANULE / plat__page_bytes);
}

static uint64_t bits(size_t n)
{
	return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* The places where n bits in a row are set: a bit at each first one. */
static uint64_t rows(uint64_t word, size_t n)
{
	size_t have = 1;

	while (have < n && word) {
		size_t step = have < n - have ? have : n - have;

		word &= word >> step;
		have += step;
	}
	return word;
}

static void notice_peak(size_t taken)
{
	if (taken > load_relaxed(&peak_granules))
		store_relaxed(&peak_granules, taken);
}

/* Takes the granules' pages out of the account of dirty ones, and says which they are. */
static uint64_t claim_pages(struct chunk *chunk, unsigned first, size_t n, uint64_t *pages)
{
	unsigned per = granule_pages();
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t here = chunk->pages[first + i];

		store_relaxed(&chunk->pages[first + i], 0);
		sum += count_bits(here);
		if (i * per < 64)
			*pages |= here << (i * per);
		else if (here)
			*pages |= UINT64_C(1) << 63;
	}
	return sum;
}

static void take_account(struct chunk *chunk, unsigned first, size_t n, uint64_t *pages)
{
	uint64_t sum = claim_pages(chunk, first, n, pages), mask = bits(n) << first;

	fetch_and(&chunk->dirty, ~mask);
	if (load_relaxed(&chunk->purged) & mask)
		plat__granules_regret(count_bits(fetch_and(&chunk->purged, ~mask) & mask) *
				      GRANULE);
	if (sum)
		fetch_sub(&dirty_pages, sum);
	notice_peak(fetch_add(&taken_granules, n) + n);
}

/* n granules inside one chunk; dirty ones only, or any. */
static bool take_in(struct chunk *chunk, size_t n, bool is_dirty, uintptr_t *ret, uint64_t *pages)
{
	uint64_t used = load_acquire(&chunk->used);

	for (;;) {
		uint64_t places = rows(~used, n), mask;
		unsigned first;

		if (is_dirty)
			places &= load_relaxed(&chunk->dirty);
		if (!places)
			return false;
		first = (unsigned)__builtin_ctzll(places);
		mask = bits(n) << first;
		if (!compare_exchange(&chunk->used, &used, used | mask))
			continue;
		take_account(chunk, first, n, pages);
		*ret = chunk->base + first * GRANULE;
		return true;
	}
}

static bool take_inside(size_t n, bool is_dirty, uintptr_t *ret, uint64_t *pages)
{
	size_t i, end = load_acquire(&nchunks), start = load_relaxed(&first_free);
	bool is_first = true;

	for (i = start; i < end; i++) {
		struct chunk *chunk = load_acquire(&chunks[i]);

		if (!chunk)
			continue;
		if (take_in(chunk, n, is_dirty, ret, pages))
			return true;
		if (is_first && load_relaxed(&chunk->used) == UINT64_MAX)
			compare_exchange(&first_free, &start, i + 1);
		else
			is_first = false;
		start = i + 1;
	}
	return false;
}

static void put_back(uintptr_t base, size_t n)
{
	while (n > 0) {
		struct chunk *chunk = plat__map_chunk(base);
		unsigned first = (unsigned)(base / GRANULE % CHUNK_GRANULES);
		size_t here = CHUNK_GRANULES - first < n ? CHUNK_GRANULES - first : n;

		fetch_and(&chunk->used, ~(bits(here) << first));
		base += here * GRANULE;
		n -= here;
	}
}

/* Takes exactly these granules, over the borders of chunks, or none. */
static bool take_at(uintptr_t base, size_t n)
{
	uintptr_t at = base;
	size_t rest = n;

	while (rest > 0) {
		struct chunk *chunk = plat__map_chunk(at);
		unsigned first = (unsigned)(at / GRANULE % CHUNK_GRANULES);
		size_t here = CHUNK_GRANULES - first < rest ? CHUNK_GRANULES - first : rest;
		uint64_t mask = bits(here) << first, used;

		used = chunk ? load_acquire(&chunk->used) : UINT64_MAX;
		while (!(used & mask) && !compare_exchange(&chunk->used, &used, used | mask))
			;
		if (used & mask) {
			put_back(base, (at - base) / GRANULE);
			return false;
		}
		at += here * GRANULE;
		rest -= here;
	}
	return true;
}

static void account_range(uintptr_t base, size_t n, uint64_t *pages)
{
	size_t done = 0;

	while (done < n) {
		uintptr_t at = base + done * GRANULE;
		struct chunk *chunk = plat__map_chunk(at);
		unsigned first = (unsigned)(at / GRANULE % CHUNK_GRANULES);
		size_t here = CHUNK_GRANULES - first < n - done ? CHUNK_GRANULES - first : n - done;
		size_t shift = done * granule_pages();
		uint64_t part = 0;

		take_account(chunk, first, here, &part);
		if (shift < 64)
			*pages |= part << shift;
		/* What is beyond the 64th page is told by the last bit. */
		if (shift > 0 && (shift < 64 ? part >> (64 - shift) : part))
			*pages |= UINT64_C(1) << 63;
		done += here;
	}
}

/* Free granules at the end of this chunk and from the beginning of the next ones. */
static bool take_across(struct chunk *chunk, size_t n, uintptr_t *ret, uint64_t *pages)
{
	uint64_t used = load_relaxed(&chunk->used);
	unsigned tail = used ? (unsigned)__builtin_clzll(used) : CHUNK_GRANULES;
	uintptr_t base = chunk->base + (CHUNK_GRANULES - tail) * GRANULE;

	if (tail == 0 || !take_at(base, n))
		return false;
	account_range(base, n, pages);
	*ret = base;
	return true;
}

static bool take_anywhere(size_t n, uintptr_t *ret, uint64_t *pages)
{
	size_t i, end = load_acquire(&nchunks);

	for (i = 0; n > 1 && i < end; i++) {
		struct chunk *chunk = load_acquire(&chunks[i]);

		if (chunk && take_across(chunk, n, ret, pages))
			return true;
	}
	return false;
}

/* A chunk is known to the map first, and to the search afterwards. */
static int list_chunk(struct chunk *chunk)
{
	uint32_t none = 0;
	size_t i;

	if (!compare_exchange(&chunk->is_listed, &none, 1))
		return 0;
	i = fetch_add(&nchunks, 1);
	if (i >= NCHUNKS) {
		fetch_sub(&nchunks, 1);
		store_release(&chunk->is_listed, 0);
		return -ENOMEM;
	}
	store_relaxed(&chunk->index, (uint32_t)i);
	store_release(&chunks[i], chunk);
	return 0;
}

static int make_chunks(uintptr_t base, size_t n)
{
	uintptr_t at = base & ~(CHUNK_BYTES - 1), end = base + n * GRANULE;

	for (; at < end; at += CHUNK_BYTES) {
		struct chunk *chunk = plat__map_make_chunk(at);

		if (!chunk || list_chunk(chunk) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void notice_free(uintptr_t base)
{
	/* Somebody else may be listing the chunk: then the search begins too early. */
	size_t i = load_relaxed(&plat__map_chunk(base)->index), seen = load_relaxed(&first_free);

	while (i < seen && !compare_exchange(&first_free, &seen, i))
		;
}

static void grew_break(uintptr_t end, size_t bytes)
{
	size_t before = load_relaxed(&shrunk);

	store_release(&top, end);
	if (before > 0) {
		store_relaxed(&shrunk, before > bytes ? before - bytes : 0);
		plat__granules_regret(before < bytes ? before : bytes);
	}
}

/* Says of each granule whether it is of huge pages. */
static void note_huge(uintptr_t start, uintptr_t end, bool is_huge)
{
	uintptr_t at;

	for (at = start; at < end; at += GRANULE) {
		struct chunk *chunk = plat__map_chunk(at);
		uint64_t bit = UINT64_C(1) << at / GRANULE % CHUNK_GRANULES;

		if (is_huge)
			fetch_or(&chunk->huge, bit);
		else if (load_relaxed(&chunk->huge) & bit)
			fetch_and(&chunk->huge, ~bit);
	}
}

static void note_grown(uintptr_t base, size_t bytes)
{
	struct stretch huge = plat__huge_grew(base, bytes, load_relaxed(&lent_granules) * GRANULE);

	note_huge(base, base + bytes, false);
	note_huge(huge.start, huge.end, true);
}

bool plat__granules_ask_huge(uintptr_t base, size_t bytes, uint32_t *teller)
{
	struct stretch huge = plat__huge_ask(base, bytes, teller), place;

	note_huge(huge.start, huge.end, true);
	if (*teller > 0) {
		place = plat__huge_place(base, *teller);
		note_huge(place.start, place.end, false);
	}
	plat__huge_fill_ends(huge, base, bytes);
	return huge.start < huge.end;
}

void plat__granules_decline_huge(uintptr_t base, size_t n, size_t kept)
{
	struct stretch huge = plat__huge_decline(base, n * GRANULE, kept * GRANULE);

	note_huge(huge.start, huge.end, false);
}

bool plat__granules_are_huge(uintptr_t at)
{
	const struct chunk *chunk = plat__map_chunk(at);

	return load_relaxed(&chunk->huge) >> at / GRANULE % CHUNK_GRANULES & 1;
}

/* More from the source. The first n granules are the caller's, the rest is free. */
static int grow_by(size_t n, size_t more, uintptr_t *ret)
{
	size_t bytes = (n + more) * GRANULE;
	bool is_break = plat__source->grow(bytes, ret) == 0;
	uintptr_t at;

	if (!is_break && plat__source->map(bytes, GRANULE, ret) < 0)
		return -ENOMEM;
	if (make_chunks(*ret, n + more) < 0) {
		if (is_break ? plat__source->shrink(*ret, bytes) : plat__source->unmap(*ret, bytes))
			return -ENOMEM; /* it is lost */
		return -ENOMEM;
	}
	fetch_add(&lent_granules, n + more);
	notice_peak(fetch_add(&taken_granules, n) + n);
	for (at = *ret & ~(CHUNK_BYTES - 1); at < *ret + bytes; at += CHUNK_BYTES)
		store_relaxed(&plat__map_chunk(at)->source, is_break ? 0 : 1);
	note_grown(*ret, bytes);
	if (is_break)
		grew_break(*ret + bytes, bytes);
	if (more > 0) {
		put_back(*ret + n * GRANULE, more);
		notice_free(*ret + n * GRANULE);
	}
	return 0;
}

static int grow(size_t n, uintptr_t *ret)
{
	size_t more = load_relaxed(&lent_granules) / 8;
	size_t pad = load_relaxed(&plat__options.top_pad) / GRANULE;

	if (more < GROW_MIN)
		more = GROW_MIN;
	if (more > GROW_MAX)
		more = GROW_MAX;
	more = more > n ? more - n : 0;
	if (more < pad)
		more = pad;
	if (grow_by(n, more, ret) == 0)
		return 0;
	return more > 0 ? grow_by(n, 0, ret) : -ENOMEM;
}

static bool take_free(size_t n, uintptr_t *ret, uint64_t *pages)
{
	if (n <= CHUNK_GRANULES) {
		if (load_relaxed(&dirty_pages) > 0 && take_inside(n, true, ret, pages))
			return true;
		if (take_inside(n, false, ret, pages))
			return true;
	}
	return take_anywhere(n, ret, pages);
}

int plat__granules_take(size_t n, uintptr_t *ret, uint64_t *pages)
{
	*pages = 0;
	if (take_free(n, ret, pages))
		return 0;
	/* The hint may have passed a granule that was freed at that moment. */
	if (exchange(&first_free, 0) != 0 && take_free(n, ret, pages))
		return 0;
	if (grow(n, ret) == 0)
		return 0;
	/* What is free but resident counts too, where the kernel ran out of memory. */
	return plat__granules_return() ? grow(n, ret) : -ENOMEM;
}

/* Places that are looked at before the best of them is taken. */
#define LIKE_TRIES 32
/* So small a part of the budget may be dirty where pages without memory are taken all the same. */
#define PLENTY 8

struct choice {
	uintptr_t base;
	unsigned cost;
	unsigned tries;
	uintptr_t clean; /* the first place without a resident page; 0: none was seen */
};

/* The places of n granules of which at least one is dirty. */
static uint64_t touched_places(const struct chunk *chunk, size_t n)
{
	uint64_t dirty = load_relaxed(&chunk->dirty), places = dirty;
	size_t i;

	for (i = 1; i < n; i++)
		places |= dirty >> i;
	return places;
}

static unsigned resident_pages(const struct chunk *chunk, unsigned first, size_t n)
{
	unsigned sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += count_bits(load_relaxed(&chunk->pages[first + i]));
	return sum;
}

/* Pages that would be left over cost as much as those that are to come; the lowest one wins. */
static void choose(struct choice *choice, const struct chunk *chunk, size_t n, unsigned wanted)
{
	uint64_t free = rows(~load_relaxed(&chunk->used), n);
	uint64_t touched = touched_places(chunk, n), clean = free & ~touched;
	uint64_t places = free & touched;

	if (clean && !choice->clean)
		choice->clean = chunk->base + lowest_bit(clean) * GRANULE;
	for (; places && choice->cost > 0 && choice->tries > 0; places &= places - 1) {
		unsigned first = (unsigned)lowest_bit(places);
		unsigned have = resident_pages(chunk, first, n);
		unsigned cost = have > wanted ? have - wanted : wanted - have;

		choice->tries--;
		if (cost >= choice->cost)
			continue;
		choice->cost = cost;
		choice->base = chunk->base + first * GRANULE;
	}
}

static struct choice choose_anywhere(size_t n, unsigned wanted, bool needs_clean)
{
	struct choice choice = {.cost = UINT_MAX, .tries = LIKE_TRIES};
	size_t i, end = load_acquire(&nchunks);

	for (i = load_relaxed(&first_free); i < end && choice.cost > 0; i++) {
		const struct chunk *chunk = load_acquire(&chunks[i]);

		if (choice.tries == 0 && (choice.clean || !needs_clean))
			break;
		if (chunk)
			choose(&choice, chunk, n, wanted);
	}
	return choice;
}

static bool is_dirty_at(uintptr_t base)
{
	const struct chunk *chunk = base ? plat__map_chunk(base) : NULL;

	return chunk && load_relaxed(&chunk->dirty) >> base / GRANULE % CHUNK_GRANULES & 1;
}

static bool has_plenty(void)
{
	return load_relaxed(&dirty_pages) * plat__page_bytes > plat__granules_budget() / PLENTY;
}

static bool take_place(uintptr_t base, size_t n, uintptr_t *ret, uint64_t *pages)
{
	if (!take_at(base, n))
		return false;
	account_range(base, n, pages);
	*ret = base;
	return true;
}

int plat__granules_take_like(size_t n, struct liking like, uintptr_t *ret, uint64_t *pages)
{
	bool is_scarce = !has_plenty();
	struct choice choice;

	*pages = 0;
	if (is_dirty_at(like.home) && take_place(like.home, n, ret, pages))
		return 0;
	choice = choose_anywhere(n, like.pages, is_scarce);
	if (choice.cost > like.pages && is_scarce) {
		if (!choice.clean && grow(n, ret) == 0)
			return 0;
		if (choice.clean)
			choice.base = choice.clean;
	}
	if (choice.base && take_place(choice.base, n, ret, pages))
		return 0;
	return plat__granules_take(n, ret, pages);
}

int plat__granules_take_free(size_t n, uintptr_t *ret, uint64_t *pages)
{
	*pages = 0;
	return take_free(n, ret, pages) ? 0 : -ENOMEM;
}

bool plat__granules_have_dirty(void)
{
	return load_relaxed(&dirty_pages) > 0;
}

bool plat__granules_extend(uintptr_t end, size_t n)
{
	uint64_t pages = 0;

	if (!take_at(end, n))
		return false;
	account_range(end, n, &pages);
	return true;
}

static size_t note_pages(struct chunk *chunk, unsigned first, size_t n, size_t skip, uint64_t pages)
{
	unsigned per = granule_pages();
	uint64_t whole = bits(per), dirty = 0, huge = load_relaxed(&chunk->huge) >> first;
	size_t i, sum = 0;

	for (i = 0; i < n; i++) {
		size_t at = (skip + i) * per;
		uint64_t here = at < 64 && !(huge >> i & 1) ? pages >> at & whole : whole;

		store_relaxed(&chunk->pages[first + i], (uint16_t)here);
		sum += count_bits(here);
		if (here)
			dirty |= UINT64_C(1) << (first + i);
	}
	if (dirty)
		fetch_or(&chunk->dirty, dirty);
	return sum;
}

static void put_free(uintptr_t base, size_t n, uint64_t pages)
{
	size_t done = 0, sum = 0;

	while (done < n) {
		uintptr_t at = base + done * GRANULE;
		struct chunk *chunk = plat__map_chunk(at);
		unsigned first = (unsigned)(at / GRANULE % CHUNK_GRANULES);
		size_t here = CHUNK_GRANULES - first < n - done ? CHUNK_GRANULES - first : n - done;

		if (pages)
			sum += note_pages(chunk, first, here, done, pages);
		done += here;
	}
	if (sum)
		fetch_add(&dirty_pages, sum);
	fetch_sub(&taken_granules, n);
	put_back(base, n);
	notice_free(base);
}

/* A threshold that was asked for is kept to; otherwise what may stay dirty may stay at the end. */
static void trim_if_due(void)
{
	size_t pad = load_relaxed(&plat__options.trim_threshold), budget = plat__granules_budget();

	if (plat__options.is_dynamic && pad < budget)
		pad = budget;
	if (pad < load_relaxed(&plat__options.top_pad))
		pad = load_relaxed(&plat__options.top_pad);
	plat__granules_trim(pad);
}

static bool is_top_free(void)
{
	uintptr_t end = load_acquire(&top);
	struct chunk *chunk = end ? plat__map_chunk(end - 1) : NULL;

	return chunk && !(load_relaxed(&chunk->used) >> (end - 1) / GRANULE % CHUNK_GRANULES & 1);
}

void plat__granules_give(uintptr_t base, size_t n, uint64_t pages)
{
	put_free(base, n, pages);
	if (load_relaxed(&dirty_pages) * plat__page_bytes > plat__granules_budget())
		plat__granules_purge(plat__granules_budget() / 4 * 3);
	if (is_top_free())
		trim_if_due();
}

/* Drops the pages of a chunk's free granules, which are taken for as long as that lasts. */
static bool purge_chunk(struct chunk *chunk)
{
	uint64_t used = load_acquire(&chunk->used), mine;
	bool has_dropped = false;

	do {
		mine = load_relaxed(&chunk->dirty) & ~used;
		if (!mine)
			return false;
	} while (!compare_exchange(&chunk->used, &used, used | mine));

	for (used = mine; used;) {
		unsigned first = (unsigned)__builtin_ctzll(used);
		uint64_t rest = ~(used >> first);
		unsigned n = rest ? (unsigned)__builtin_ctzll(rest) : CHUNK_GRANULES;
		uint64_t pages = 0, sum;

		if (n > CHUNK_GRANULES - first)
			n = CHUNK_GRANULES - first;
		used &= ~(bits(n) << first);
		if (plat__source->drop(chunk->base + first * GRANULE, n * GRANULE) < 0)
			continue;
		sum = claim_pages(chunk, first, n, &pages);
		fetch_and(&chunk->dirty, ~(bits(n) << first));
		fetch_or(&chunk->purged, bits(n) << first);
		fetch_sub(&dirty_pages, sum);
		has_dropped = true;
	}
	fetch_and(&chunk->used, ~mine);
	return has_dropped;
}

/* The past counts less with each purge. */
static void forget_some(void)
{
	size_t regretted = load_relaxed(&regrets), taken = load_relaxed(&taken_granules);
	size_t peak = load_relaxed(&peak_granules);

	store_relaxed(&regrets, regretted - regretted / 16);
	store_relaxed(&peak_granules, peak > taken ? peak - (peak - taken + 7) / 8 : taken);
}

/* From the last chunk down: what came first is what is used again first. */
bool plat__granules_purge(size_t keep)
{
	size_t i = load_acquire(&nchunks);
	bool has_dropped = false;

	forget_some();
	while (i-- > 0 && load_relaxed(&dirty_pages) * plat__page_bytes > keep) {
		struct chunk *chunk = load_acquire(&chunks[i]);

		if (chunk && load_relaxed(&chunk->dirty) && purge_chunk(chunk))
			has_dropped = true;
	}
	return has_dropped;
}

/* How many granules below `end` are free, without a gap. */
static size_t free_below(uintptr_t end)
{
	size_t n = 0;

	for (;;) {
		struct chunk *chunk = plat__map_chunk(end - 1);
		unsigned last = (unsigned)((end - 1) / GRANULE % CHUNK_GRANULES), here;
		uint64_t used;

		if (!chunk)
			return n;
		used = load_acquire(&chunk->used) << (CHUNK_GRANULES - 1 - last);
		here = used ? (unsigned)__builtin_clzll(used) : last + 1;
		n += here;
		if (here <= last)
			return n;
		end -= here * GRANULE;
	}
}

bool plat__granules_trim(size_t pad)
{
	uintptr_t end = load_acquire(&top), start;
	size_t n = end ? free_below(end) : 0;
	size_t keep = pad / GRANULE + (pad % GRANULE != 0);
	uint64_t pages = 0;

	if (n <= keep)
		return false;
	n -= keep;
	start = end - n * GRANULE;
	if (!take_at(start, n))
		return false;
	account_range(start, n, &pages);
	fetch_sub(&taken_granules, n);
	/* First the top, then the break: whoever grows it in between sets its own. */
	if (!compare_exchange(&top, &end, start) || plat__source->shrink(start, n * GRANULE) < 0) {
		store_release(&top, end);
		fetch_add(&taken_granules, n);
		put_free(start, n, pages ? UINT64_MAX : 0);
		return false;
	}
	fetch_sub(&lent_granules, n);
	fetch_add(&shrunk, n * GRANULE);
	return true;
}

/* Unmaps the free granules of a chunk that came from mappings. */
static bool unmap_chunk(struct chunk *chunk)
{
	uint64_t used = load_acquire(&chunk->used), mine, pages = 0;
	bool has_gone = false;

	if (load_relaxed(&chunk->source) == 0)
		return false;
	do
		mine = ~used;
	while (mine && !compare_exchange(&chunk->used, &used, UINT64_MAX));
	while (mine) {
		unsigned first = (unsigned)__builtin_ctzll(mine);
		uint64_t rest = ~(mine >> first);
		unsigned n = rest ? (unsigned)__builtin_ctzll(rest) : CHUNK_GRANULES;

		if (n > CHUNK_GRANULES - first)
			n = CHUNK_GRANULES - first;
		mine &= ~(bits(n) << first);
		take_account(chunk, first, n, &pages);
		fetch_sub(&taken_granules, n);
		if (plat__source->unmap(chunk->base + first * GRANULE, n * GRANULE) < 0) {
			fetch_add(&taken_granules, n);
			put_free(chunk->base + first * GRANULE, n, UINT64_MAX);
			continue;
		}
		fetch_sub(&lent_granules, n);
		has_gone = true;
	}
	return has_gone;
}

bool plat__granules_return(void)
{
	bool has_gone = plat__granules_trim(0);
	size_t i, end = load_acquire(&nchunks);

	for (i = 0; i < end; i++) {
		struct chunk *chunk = load_acquire(&chunks[i]);

		if (chunk && unmap_chunk(chunk))
			has_gone = true;
	}
	return plat__granules_purge(0) || has_gone;
}

struct granule_sums plat__granules_sums(void)
{
	size_t lent = load_relaxed(&lent_granules), taken = load_relaxed(&taken_granules);

	return (struct granule_sums){
		.taken = taken * GRANULE,
		.free = (lent > taken ? lent - taken : 0) * GRANULE,
		.dirty = load_relaxed(&dirty_pages) * plat__page_bytes,
	};
}

void plat__granules_regret(size_t bytes)
{
	size_t sum = load_relaxed(&regrets) + bytes;

	store_relaxed(&regrets, sum < REGRETS_MAX ? sum : REGRETS_MAX);
}

/*
 * An eighth of what was taken at most of late, within bounds; no more than a quarter of what is
 * still taken, or the threads of a program that rests kept what they had needed together.
 */
static size_t room_for_return(size_t taken)
{
	size_t peak = load_relaxed(&peak_granules) * GRANULE;
	size_t room = (peak > taken ? peak : taken) / 8;

	if (room > taken / 4)
		room = taken / 4;
	return BUDGET_MIN + (room < BUDGET_MAX ? room : BUDGET_MAX);
}

size_t plat__granules_budget(void)
{
	size_t taken = load_relaxed(&taken_granules) * GRANULE;
	size_t raised = load_relaxed(&regrets), most = taken / 2, threshold, budget;
	size_t peak = load_relaxed(&peak_granules) * GRANULE;

	if (most < REGRETS_MIN)
		most = REGRETS_MIN;
	if (raised > most)
		raised = most;
	/* What a program that has become small regretted when it was big counts less. */
	if (taken < peak / 4)
		raised = (size_t)((uint64_t)raised * taken / (peak / 4));
	budget = room_for_return(taken) + taken / 32;
	threshold = load_relaxed(&plat__options.trim_threshold);
	/* Big blocks that have come to live in the heap are not to be faulted in each time. */
	if (threshold > DEFAULT_TRIM_THRESHOLD && threshold > budget)
		budget = threshold;
	return budget + raised;
}
