#include "profile.h"

#include "base/compiler.h"

#include <stdlib.h>

/* What most profiles ask for. */
#define USUAL                                                                                      \
	[CALL_MMAP] = 30, [CALL_MUNMAP] = 13, [CALL_MPROTECT] = 14, [CALL_MREMAP] = 14,            \
	[CALL_BRK] = 8, [CALL_MADVISE] = 8, [CALL_READ] = 5, [CALL_WRITE] = 9, [CALL_EXECUTE] = 1, \
	[CALL_MINCORE] = 2

const struct profile profiles[] = {
	{
		.name = "plain",
		.share = 14,
		.requests = 1000,
		.weights = {USUAL},
	},
	{
		.name = "limits",
		.share = 14,
		.requests = 600,
		.weights = {USUAL, [CALL_SETRLIMIT] = 8, [CALL_MLOCK] = 1, [CALL_SET_MM] = 1},
	},
	{
		.name = "locks",
		.setting = "no CAP_IPC_LOCK, memlock=262144",
		.share = 12,
		.requests = 600,
		.weights = {USUAL, [CALL_SETRLIMIT] = 5, [CALL_MLOCK] = 6, [CALL_MLOCK2] = 4,
			    [CALL_MUNLOCK] = 5, [CALL_MLOCKALL] = 2, [CALL_MUNLOCKALL] = 1},
	},
	{
		.name = "privileged-locks",
		.share = 6,
		.requests = 600,
		.weights = {USUAL, [CALL_MLOCK] = 6, [CALL_MLOCK2] = 4, [CALL_MUNLOCK] = 5,
			    [CALL_MLOCKALL] = 2, [CALL_MUNLOCKALL] = 1, [CALL_SETRLIMIT] = 1},
	},
	{
		.name = "seals",
		.share = 6,
		.requests = 300,
		.weights = {USUAL, [CALL_MSEAL] = 4, [CALL_MLOCK] = 1, [CALL_MUNLOCK] = 1},
	},
	{
		.name = "unprivileged",
		.setting = "nobody",
		.share = 6,
		.requests = 600,
		.low = true,
		.weights = {USUAL, [CALL_SETRLIMIT] = 3, [CALL_MLOCK] = 2, [CALL_MUNLOCK] = 1},
	},
	{
		.name = "legacy",
		.setting = "legacy",
		.share = 8,
		.requests = 1000,
		.weights = {USUAL},
	},
	{
		.name = "ia32",
		.setting = "32 bit",
		.share = 10,
		.requests = 800,
		.weights = {USUAL, [CALL_SETRLIMIT] = 2, [CALL_MLOCK] = 2, [CALL_MUNLOCK] = 1,
			    [CALL_MLOCKALL] = 1, [CALL_SET_MM] = 1},
	},
	{
		.name = "ia32-legacy",
		.setting = "32 bit, legacy, 3gb",
		.share = 3,
		.requests = 800,
		.weights = {USUAL},
	},
	{
		.name = "aslr",
		.setting = "aslr",
		.share = 6,
		.requests = 600,
		.weights = {USUAL, [CALL_SETRLIMIT] = 1, [CALL_MLOCK] = 1},
	},
	{
		.name = "ia32-aslr",
		.setting = "32 bit, aslr",
		.share = 2,
		.requests = 600,
		.weights = {USUAL},
	},
	{
		.name = "unlimited-stack",
		.setting = "stack=infinite",
		.share = 2,
		.requests = 600,
		.weights = {USUAL},
	},
	{
		.name = "big",
		.share = 8,
		.requests = 400,
		.big = true,
		.weights = {USUAL, [CALL_MLOCK2] = 2, [CALL_MUNLOCK] = 2, [CALL_SET_MM] = 1},
	},
	{
		.name = "forks",
		.share = 3,
		.requests = 400,
		.weights = {[CALL_MMAP] = 30,
			    [CALL_MUNMAP] = 13,
			    [CALL_MPROTECT] = 14,
			    [CALL_MREMAP] = 14,
			    [CALL_BRK] = 5,
			    [CALL_MADVISE] = 20,
			    [CALL_READ] = 5,
			    [CALL_WRITE] = 20,
			    [CALL_EXECUTE] = 1,
			    [CALL_MINCORE] = 4,
			    [CALL_FORK] = 3,
			    [CALL_MLOCK] = 2},
	},
	{
		.name = "crowd",
		.share = 3,
		.requests = 2000,
		.crowd = true,
		.weights = {USUAL, [CALL_MLOCK] = 6, [CALL_MUNLOCK] = 6, [CALL_MSEAL] = 1},
	},
};

const size_t nprofiles = ARRAY_SIZE(profiles);

struct setting profile_setting(const struct profile *profile)
{
	struct setting setting = setting_plain();

	if (profile->setting && setting_parse(profile->setting, &setting, NULL) < 0)
		abort();
	return setting;
}

const char *profile_missing(const struct profile *profile, const struct host *host)
{
	struct setting setting = profile_setting(profile);

	if (setting.bits == 32 && host->child32 < 0)
		return host->why_no_child32;
	if ((setting.nobody || setting.no_lock_cap) && !host->is_root && host->capabilities != 0)
		return host->why_no_nobody;
	return NULL;
}
