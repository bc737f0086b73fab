/*
 * The canary: all bytes of a secret's pages that are not its own.
 *
 *	pages           data             data + size   pages + pages_size
 *	| canary ........ | the secret | ...... canary |
 *
 * A byte of it is one of sixteen that chance draws once, by its address. Its highest bit is set, so
 * that neither a zero nor text that is written there can be what stood there before. In the child
 * of a fork all of it is zeros.
 */
#include "mem/secret_parts.h"

#include "../include/plat/secret.h"
#include "mem/complaint.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

#define KEY_BYTES 16

static unsigned char key[KEY_BYTES];

/* Early in a machine's life there is no chance yet but what the kernel gave the program. */
static void draw_key(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	size_t i;

	if (getrandom(key, sizeof(key), GRND_NONBLOCK) != sizeof(key) && random)
		memcpy(key, random, sizeof(key));
	for (i = 0; i < KEY_BYTES; i++)
		key[i] |= 0x80;
}

static unsigned char byte_at(const unsigned char *p)
{
	return key[(uintptr_t)p % KEY_BYTES];
}

void plat__secret_canary_fill(const struct plat__secret *secret)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned char *p;

	pthread_once(&once, draw_key);
	for (p = secret->pages; p < secret->data; p++)
		*p = byte_at(p);
	for (p = secret->data + secret->size; p < secret->pages + secret->pages_size; p++)
		*p = byte_at(p);
}

const unsigned char *plat__secret_canary_broken(const struct plat__secret *secret)
{
	bool is_zeros = secret->protection & PLAT_SECRET_IS_INHERITED;
	const unsigned char *p;

	if (secret->is_gone)
		return NULL;
	for (p = secret->data; p > secret->pages; p--)
		if (p[-1] != (is_zeros ? 0 : byte_at(p - 1)))
			return p - 1;
	for (p = secret->data + secret->size; p < secret->pages + secret->pages_size; p++)
		if (*p != (is_zeros ? 0 : byte_at(p)))
			return p;
	return NULL;
}

static void add_bytes(struct plat__complaint *complaint, size_t n)
{
	plat__complaint_number(complaint, n);
	plat__complaint_add(complaint, n == 1 ? " byte" : " bytes");
}

void plat__secret_canary_abort(const struct plat__secret *secret, const unsigned char *byte)
{
	struct plat__complaint complaint = {.length = 0};
	bool is_before = byte < secret->data;

	plat__complaint_add(&complaint, is_before ? "underflow: " : "overflow: ");
	plat__complaint_address(&complaint, byte);
	plat__complaint_add(&complaint, ", ");
	add_bytes(&complaint, is_before ? (size_t)(secret->data - byte)
					: (size_t)(byte - secret->data) - secret->size + 1);
	plat__complaint_add(&complaint,
			    is_before ? " before the secret of " : " behind the secret of ");
	add_bytes(&complaint, secret->size);
	plat__complaint_add(&complaint, " at ");
	plat__complaint_address(&complaint, secret->data);
	plat__complaint_write(&complaint);
	abort();
}
