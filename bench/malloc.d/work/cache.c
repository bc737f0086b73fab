/*
 * A store of keys and values that forgets the least recently used when it has too many bytes. It
 * asks for the usable size of each block, and the values grow as the run goes on: what was cut for
 * small blocks must serve larger ones.
 */
#include "work.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_FIRST = 1024, KEYS = 200000, BYTES = 24 << 20 };

struct entry {
	struct entry *next;	     /* in its bucket */
	struct entry *older, *newer; /* in the order of use */
	char *key, *value;
	size_t value_size;
};

struct store {
	struct entry **buckets;
	size_t nbuckets, nentries, bytes;
	struct entry ends; /* ends.newer is the oldest, ends.older the newest */
};

static size_t hash(const char *key)
{
	size_t h = 14695981039346656037u;

	while (*key)
		h = (h ^ (unsigned char)*key++) * 1099511628211u;
	return h ^ h >> 32;
}

static void *counted(struct store *store, void *block)
{
	store->bytes += malloc_usable_size(need(block));
	return block;
}

static void uncounted(struct store *store, void *block)
{
	store->bytes -= malloc_usable_size(block);
	free(block);
}

static void unlink_use(struct entry *e)
{
	e->older->newer = e->newer;
	e->newer->older = e->older;
}

static void link_newest(struct store *store, struct entry *e)
{
	e->older = store->ends.older;
	e->newer = &store->ends;
	e->older->newer = e;
	store->ends.older = e;
}

static struct entry **find(struct store *store, const char *key)
{
	struct entry **at = &store->buckets[hash(key) & (store->nbuckets - 1)];

	while (*at && strcmp((*at)->key, key) != 0)
		at = &(*at)->next;
	return at;
}

static void rehash(struct store *store)
{
	size_t n = store->nbuckets * 2, i;
	struct entry **buckets = counted(store, calloc(n, sizeof(*buckets))), *e, *next, **at;

	for (i = 0; i < store->nbuckets; i++)
		for (e = store->buckets[i]; e; e = next) {
			next = e->next;
			at = &buckets[hash(e->key) & (n - 1)];
			e->next = *at;
			*at = e;
		}
	uncounted(store, store->buckets);
	store->buckets = buckets;
	store->nbuckets = n;
}

static void forget(struct store *store, struct entry **at)
{
	struct entry *e = *at;

	*at = e->next;
	unlink_use(e);
	check_mark(e->value, e->value_size, (unsigned char)e->value_size);
	uncounted(store, e->key);
	uncounted(store, e->value);
	uncounted(store, e);
	store->nentries--;
}

/* As servers do: a new block for the value, then the old one is freed. */
static void set(struct store *store, const char *key, size_t size)
{
	char *value = counted(store, malloc(size));
	struct entry **at = find(store, key), *e = *at;
	size_t key_size = strlen(key) + 1;

	mark(value, size, (unsigned char)size);
	if (e) {
		uncounted(store, e->value);
		unlink_use(e);
	} else {
		e = counted(store, malloc(sizeof(*e)));
		e->key = counted(store, malloc(key_size));
		memcpy(e->key, key, key_size);
		e->next = NULL;
		*at = e;
		store->nentries++;
	}
	e->value = value;
	e->value_size = size;
	link_newest(store, e);
	if (store->nentries > store->nbuckets)
		rehash(store);
	while (store->bytes > BYTES)
		forget(store, find(store, store->ends.newer->key));
}

/* The reply is a block of its own. */
static uint64_t get(struct store *store, const char *key)
{
	struct entry *e = *find(store, key);
	char *reply;

	if (!e)
		return 0;
	unlink_use(e);
	link_newest(store, e);
	reply = need(malloc(e->value_size + 16));
	memcpy(reply, e->value, e->value_size);
	free(reply);
	return 1;
}

uint64_t cache(const struct job *job)
{
	struct store store = {.nbuckets = BUCKETS_FIRST};
	struct dice dice = dice_new(10);
	uint64_t i, hits = 0, drift;
	char key[32] = "key:";
	size_t k, digits;

	store.ends.older = store.ends.newer = &store.ends;
	store.buckets = counted(&store, calloc(store.nbuckets, sizeof(struct entry *)));
	for (i = 0; i < job->n; i++) {
		for (k = below(&dice, KEYS) + 1, digits = 4; k; k /= 10)
			key[digits++] = (char)('0' + k % 10);
		key[digits] = '\0';
		drift = i * 300 / job->n;
		if (roll(&dice) % 4)
			set(&store, key, between(&dice, 16 + drift / 2, 100 + drift));
		else
			hits += get(&store, key);
	}
	peak();
	while (store.ends.newer != &store.ends)
		forget(&store, find(&store, store.ends.newer->key));
	uncounted(&store, store.buckets);
	/* which keys are still there depends on what the allocator rounds sizes to */
	return hits > 0;
}
