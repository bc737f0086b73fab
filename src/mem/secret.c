/*
 * Secrets, as a program calls them. A secret is known by its address, which is looked up before
 * anything is read there: what is freed already, or was never one, does no harm.
 */
#include "../include/plat/secret.h"
#include "mem/pages.h"
#include "mem/result.h"
#include "mem/secret_parts.h"

#include <limits.h>

/* What objects of any type are aligned to at most. */
#define NATURAL_MOST 16

#define FLAGS (PLAT_SECRET_MAY_BE_UNLOCKED | PLAT_SECRET_HIDDEN | PLAT_SECRET_ANONYMOUS)
#define EITHER (PLAT_SECRET_HIDDEN | PLAT_SECRET_ANONYMOUS)

/* --- making --- */

/* The size of a type is a multiple of its alignment. */
static size_t natural_alignment(size_t size)
{
	size_t alignment = size & -size;

	return alignment < NATURAL_MOST ? alignment : NATURAL_MOST;
}

static int check_arguments(size_t size, size_t alignment, int flags)
{
	if (size == 0 || flags & ~FLAGS || (flags & EITHER) == EITHER ||
	    ((flags & PLAT_SECRET_HIDDEN) && (flags & PLAT_SECRET_MAY_BE_UNLOCKED)) ||
	    (alignment & (alignment - 1)) != 0 || alignment > plat__page_size())
		return -EINVAL;
	return size > SIZE_MAX / 2 ? -ENOMEM : 0;
}

static size_t round_up(size_t size, size_t unit)
{
	return (size + unit - 1) & ~(unit - 1);
}

/* The secret as near to the guard behind it as its alignment allows. */
static int make(struct plat__secret *secret, size_t size, size_t alignment, int flags)
{
	size_t natural = natural_alignment(size);
	int r;

	if (alignment < natural)
		alignment = natural;
	secret->size = size;
	secret->pages_size = round_up(size, plat__page_size());
	r = plat__secret_pages_new(secret, flags);
	if (r < 0)
		return r;
	secret->data = secret->pages + secret->pages_size - round_up(size, alignment);
	plat__secret_canary_fill(secret);
	r = plat__secret_pages_open(secret);
	if (r < 0)
		plat__secret_pages_free(secret);
	return r;
}

int plat_secret_new(size_t size, size_t alignment, int flags, void **ret)
{
	int before = errno, r = check_arguments(size, alignment, flags);
	struct plat__secret *secret;

	if (r == 0)
		r = plat__secret_record_new(&secret);
	if (r < 0)
		goto out;
	r = make(secret, size, alignment, flags);
	if (r < 0) {
		plat__secret_record_free(secret);
		goto out;
	}
	plat__secrets_lock();
	plat__secret_add(secret);
	plat__secrets_unlock();
	*ret = secret->data;
out:
	if (r == -EAGAIN) /* mmap, while all future memory is locked */
		r = -EDQUOT;
	return plat__result(before, r);
}

/* --- ending --- */

/* Takes a secret out of the table, writable: from here on nobody else has it. */
static int take(void *data, struct plat__secret **ret)
{
	struct plat__secret *secret;
	unsigned writers;
	int r = -EINVAL;

	plat__secrets_lock();
	secret = plat__secret_find(data);
	if (secret) {
		writers = secret->writers;
		secret->writers = 1;
		r = secret->is_gone ? 0 : plat__secret_pages_open(secret);
		if (r < 0)
			secret->writers = writers;
		else
			plat__secret_remove(secret);
	}
	plat__secrets_unlock();
	*ret = secret;
	return r;
}

int plat_secret_free(void *data)
{
	int before = errno, r;
	const unsigned char *broken;
	struct plat__secret *secret;

	if (!data)
		return 0;
	r = take(data, &secret);
	if (r == 0) {
		broken = plat__secret_canary_broken(secret);
		plat__secret_pages_free(secret);
		if (broken)
			plat__secret_canary_abort(secret, broken);
		plat__secret_record_free(secret);
	}
	return plat__result(before, r);
}

/* --- access --- */

static unsigned *count_of(struct plat__secret *secret, enum plat_secret_access access)
{
	switch (access) {
	case PLAT_SECRET_READ:
		return &secret->readers;
	case PLAT_SECRET_WRITE:
		return &secret->writers;
	}
	return NULL;
}

/* The pages follow the count, where that begins or ends. */
static int set_count(struct plat__secret *secret, unsigned *count, unsigned to)
{
	unsigned from = *count;
	int r = 0;

	*count = to;
	if (from == 0 || to == 0)
		r = plat__secret_pages_open(secret);
	if (r < 0)
		*count = from;
	return r;
}

/* One more user, or one less. */
static int count_on(void *data, enum plat_secret_access access, bool is_more)
{
	int before = errno, r = -EINVAL;
	struct plat__secret *secret;
	unsigned *count;

	plat__secrets_lock();
	secret = plat__secret_find(data);
	count = secret ? count_of(secret, access) : NULL;
	if (count && is_more)
		r = *count == UINT_MAX ? -EOVERFLOW : set_count(secret, count, *count + 1);
	else if (count)
		r = *count == 0 ? -EALREADY : set_count(secret, count, *count - 1);
	plat__secrets_unlock();
	return plat__result(before, r);
}

int plat_secret_open(void *data, enum plat_secret_access access)
{
	return count_on(data, access, true);
}

int plat_secret_close(void *data, enum plat_secret_access access)
{
	return count_on(data, access, false);
}

/* --- what it is --- */

int plat_secret_state(const void *data, struct plat_secret_state *ret, size_t size)
{
	struct plat_secret_state state = {0};
	const struct plat__secret *secret;

	plat__secrets_lock();
	secret = plat__secret_find(data);
	if (secret)
		state = (struct plat_secret_state){secret->size,    secret->protection,
						   secret->readers, secret->writers,
						   secret->pages,   secret->pages_size};
	plat__secrets_unlock();
	if (!secret)
		return -EINVAL;
	plat__answer(ret, size, &state, sizeof(state), 0);
	return 0;
}
