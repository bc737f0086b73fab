#include "source/set_limits.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

static int resource_of(enum limit_name name)
{
	switch (name) {
	case LIMIT_AS:
		return RLIMIT_AS;
	case LIMIT_DATA:
		return RLIMIT_DATA;
	case LIMIT_STACK:
		return RLIMIT_STACK;
	case LIMIT_MEMLOCK:
		return RLIMIT_MEMLOCK;
	case LIMIT_RSS:
		return RLIMIT_RSS;
	case LIMIT_CORE:
	default:
		return RLIMIT_CORE;
	}
}

static uint64_t from_kernel(rlim_t value)
{
	return value == RLIM_INFINITY ? LIMIT_INFINITE : value;
}

static rlim_t to_kernel(uint64_t value)
{
	return value == LIMIT_INFINITE ? RLIM_INFINITY : (rlim_t)value;
}

static struct limit limit_of(const struct rlimit *rlimit)
{
	return (struct limit){from_kernel(rlimit->rlim_cur), from_kernel(rlimit->rlim_max), true};
}

/* Reading needs the same rights as changing: prlimit(2). */
static int read_one(int pid, struct limit_change *change, struct error *err)
{
	struct rlimit old;

	if (prlimit(pid, resource_of(change->limit), NULL, &old) == 0) {
		change->before = limit_of(&old);
		return 0;
	}
	if (errno == EPERM)
		return fail(err, -EPERM,
			    "EPERM: the limits of another user's process need CAP_SYS_RESOURCE in "
			    "its user namespace");
	return fail(err, errno, "%s", errno == ESRCH ? "ESRCH" : limit_name(change->limit));
}

/* What prlimit(2) says of its refusals. */
static int explain(int errnum, const struct limit_change *change, struct error *err)
{
	const char *name = limit_name(change->limit);

	if (errnum == EINVAL)
		return fail(err, -EINVAL,
			    "%s: EINVAL: the soft limit would be above the hard one%s", name,
			    change->has_hard ? "" : ", which stays as it is");
	if (errnum == EPERM)
		return fail(err, -EPERM,
			    "%s: EPERM: raising a hard limit needs CAP_SYS_RESOURCE in the initial "
			    "user namespace",
			    name);
	return fail(err, errnum, "%s", name);
}

static int set_one(int pid, struct limit_change *change, struct error *err)
{
	struct rlimit old, new = {.rlim_cur = to_kernel(change->soft)};
	uint64_t hard = change->has_hard ? change->hard : change->before.hard;

	new.rlim_max = to_kernel(hard);
	if (prlimit(pid, resource_of(change->limit), &new, &old) < 0)
		return explain(errno, change, err);
	change->before = limit_of(&old);
	change->after = (struct limit){change->soft, hard, true};
	change->is_set = true;
	return 0;
}

int set_limits(int pid, struct limit_change *changes, size_t n, struct error *err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < n && r == 0; i++)
		r = read_one(pid, &changes[i], err);
	for (i = 0; i < n && r == 0; i++)
		r = set_one(pid, &changes[i], err);
	return r;
}
