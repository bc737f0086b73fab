/*
 * Records of secrets, in pages that nothing else lies in, and a table of them by address. A fork
 * waits for the lock, so that the child finds records that are whole; it then says of each that it
 * was inherited.
 */
#include "mem/secret_parts.h"

#include "../include/plat/secret.h"
#include "base/compiler.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define RECORDS_BYTES ((size_t)64 * 1024)

static struct plat__secret *table[256];
static struct plat__secret *free_records;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --- fork --- */

void plat__secrets_lock(void)
{
	pthread_mutex_lock(&lock);
}

void plat__secrets_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

static void inherit_all(void)
{
	struct plat__secret *secret;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		for (secret = table[i]; secret; secret = secret->next)
			plat__secret_pages_inherit(secret);
	plat__secrets_unlock();
}

static int fork_error;

static void prepare_for_forks(void)
{
	fork_error = -pthread_atfork(plat__secrets_lock, plat__secrets_unlock, inherit_all);
}

/* --- records --- */

/* With the lock held. */
static int more_records(void)
{
	struct plat__secret *records = mmap(NULL, RECORDS_BYTES, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	if (records == MAP_FAILED)
		return -errno;
	for (i = 0; i < RECORDS_BYTES / sizeof(records[0]); i++) {
		records[i].next = free_records;
		free_records = &records[i];
	}
	return 0;
}

int plat__secret_record_new(struct plat__secret **ret)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int r;

	pthread_once(&once, prepare_for_forks);
	if (fork_error < 0)
		return fork_error;
	plat__secrets_lock();
	r = free_records ? 0 : more_records();
	if (r == 0) {
		*ret = free_records;
		free_records = free_records->next;
		memset(*ret, 0, sizeof(**ret));
	}
	plat__secrets_unlock();
	return r;
}

void plat__secret_record_free(struct plat__secret *secret)
{
	plat__secrets_lock();
	secret->next = free_records;
	free_records = secret;
	plat__secrets_unlock();
}

/* --- the table --- */

static struct plat__secret **bucket(const void *data)
{
	uint64_t spread = (uintptr_t)data * UINT64_C(0x9e3779b97f4a7c15);

	return &table[spread >> 56];
}

void plat__secret_add(struct plat__secret *secret)
{
	struct plat__secret **first = bucket(secret->data);

	secret->next = *first;
	*first = secret;
}

struct plat__secret *plat__secret_find(const void *data)
{
	struct plat__secret *secret = *bucket(data);

	while (secret && secret->data != data)
		secret = secret->next;
	return secret;
}

void plat__secret_remove(struct plat__secret *secret)
{
	struct plat__secret **at = bucket(secret->data);

	while (*at != secret)
		at = &(*at)->next;
	*at = secret->next;
}
