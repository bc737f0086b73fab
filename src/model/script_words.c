#include "model/script_words.h"

#include "base/compiler.h"
#include "base/text.h"
#include "model/parts.h"

#include <errno.h>
#include <string.h>

#define BIT(group, name, value)                                                                    \
	{                                                                                          \
#name, value, group, NULL                                                          \
	}
#define ERRNO(name, meaning)                                                                       \
	{                                                                                          \
#name, name, WORD_ERRNO, meaning                                                   \
	}

/* Of words with the same value the first is printed. Bits in the order in which strace has them. */
static const struct word words[] = {
	BIT(WORD_PROT, PROT_NONE, 0),
	BIT(WORD_PROT, PROT_READ, PROT_NUMBER_READ),
	BIT(WORD_PROT, PROT_WRITE, PROT_NUMBER_WRITE),
	BIT(WORD_PROT, PROT_EXEC, PROT_NUMBER_EXEC),
	BIT(WORD_PROT, PROT_SEM, PROT_NUMBER_SEM),
	BIT(WORD_PROT, PROT_GROWSDOWN, PROT_NUMBER_GROWSDOWN),
	BIT(WORD_PROT, PROT_GROWSUP, PROT_NUMBER_GROWSUP),

	/* The first four are a number in the low bits. */
	BIT(WORD_MAP, MAP_SHARED, MAP_NUMBER_SHARED),
	BIT(WORD_MAP, MAP_PRIVATE, MAP_NUMBER_PRIVATE),
	BIT(WORD_MAP, MAP_SHARED_VALIDATE, MAP_NUMBER_SHARED_VALIDATE),
	BIT(WORD_MAP, MAP_DROPPABLE, MAP_NUMBER_DROPPABLE),
	BIT(WORD_MAP, MAP_FIXED, MAP_NUMBER_FIXED),
	BIT(WORD_MAP, MAP_ANONYMOUS, MAP_NUMBER_ANONYMOUS),
	BIT(WORD_MAP, MAP_32BIT, MAP_NUMBER_32BIT),
	BIT(WORD_MAP, MAP_ABOVE4G, MAP_NUMBER_ABOVE4G),
	BIT(WORD_MAP, MAP_NORESERVE, MAP_NUMBER_NORESERVE),
	BIT(WORD_MAP, MAP_POPULATE, MAP_NUMBER_POPULATE),
	BIT(WORD_MAP, MAP_NONBLOCK, MAP_NUMBER_NONBLOCK),
	BIT(WORD_MAP, MAP_GROWSDOWN, MAP_NUMBER_GROWSDOWN),
	BIT(WORD_MAP, MAP_DENYWRITE, MAP_NUMBER_DENYWRITE),
	BIT(WORD_MAP, MAP_EXECUTABLE, MAP_NUMBER_EXECUTABLE),
	BIT(WORD_MAP, MAP_LOCKED, MAP_NUMBER_LOCKED),
	BIT(WORD_MAP, MAP_STACK, MAP_NUMBER_STACK),
	BIT(WORD_MAP, MAP_HUGETLB, MAP_NUMBER_HUGETLB),
	BIT(WORD_MAP, MAP_SYNC, MAP_NUMBER_SYNC),
	BIT(WORD_MAP, MAP_FIXED_NOREPLACE, MAP_NUMBER_FIXED_NOREPLACE),
	BIT(WORD_MAP, MAP_UNINITIALIZED, MAP_NUMBER_UNINITIALIZED),
	BIT(WORD_MAP, MAP_ANON, MAP_NUMBER_ANONYMOUS),
	BIT(WORD_MAP, MAP_FILE, 0),
	BIT(WORD_MAP, MAP_HUGE_SHIFT, 26), /* as in 21<<MAP_HUGE_SHIFT */

	BIT(WORD_REMAP, MREMAP_MAYMOVE, 1),
	BIT(WORD_REMAP, MREMAP_FIXED, 2),
	BIT(WORD_REMAP, MREMAP_DONTUNMAP, 4),

	BIT(WORD_ADVICE, MADV_NORMAL, 0),
	BIT(WORD_ADVICE, MADV_RANDOM, 1),
	BIT(WORD_ADVICE, MADV_SEQUENTIAL, 2),
	BIT(WORD_ADVICE, MADV_WILLNEED, 3),
	BIT(WORD_ADVICE, MADV_DONTNEED, 4),
	BIT(WORD_ADVICE, MADV_FREE, 8),
	BIT(WORD_ADVICE, MADV_REMOVE, 9),
	BIT(WORD_ADVICE, MADV_DONTFORK, 10),
	BIT(WORD_ADVICE, MADV_DOFORK, 11),
	BIT(WORD_ADVICE, MADV_MERGEABLE, 12),
	BIT(WORD_ADVICE, MADV_UNMERGEABLE, 13),
	BIT(WORD_ADVICE, MADV_HUGEPAGE, 14),
	BIT(WORD_ADVICE, MADV_NOHUGEPAGE, 15),
	BIT(WORD_ADVICE, MADV_DONTDUMP, 16),
	BIT(WORD_ADVICE, MADV_DODUMP, 17),
	BIT(WORD_ADVICE, MADV_WIPEONFORK, 18),
	BIT(WORD_ADVICE, MADV_KEEPONFORK, 19),
	BIT(WORD_ADVICE, MADV_COLD, 20),
	BIT(WORD_ADVICE, MADV_PAGEOUT, 21),
	BIT(WORD_ADVICE, MADV_POPULATE_READ, 22),
	BIT(WORD_ADVICE, MADV_POPULATE_WRITE, 23),
	BIT(WORD_ADVICE, MADV_DONTNEED_LOCKED, 24),
	BIT(WORD_ADVICE, MADV_COLLAPSE, 25),
	BIT(WORD_ADVICE, MADV_HWPOISON, 100),
	BIT(WORD_ADVICE, MADV_SOFT_OFFLINE, 101),
	BIT(WORD_ADVICE, MADV_GUARD_INSTALL, 102),
	BIT(WORD_ADVICE, MADV_GUARD_REMOVE, 103),

	BIT(WORD_LOCK, MLOCK_ONFAULT, 1),
	BIT(WORD_LOCK_ALL, MCL_CURRENT, 1),
	BIT(WORD_LOCK_ALL, MCL_FUTURE, 2),
	BIT(WORD_LOCK_ALL, MCL_ONFAULT, 4),

	BIT(WORD_LIMIT, RLIMIT_AS, MODEL_AS),
	BIT(WORD_LIMIT, RLIMIT_DATA, MODEL_DATA),
	BIT(WORD_LIMIT, RLIMIT_STACK, MODEL_STACK),
	BIT(WORD_LIMIT, RLIMIT_MEMLOCK, MODEL_MEMLOCK),
	BIT(WORD_NUMBER, RLIM64_INFINITY, MODEL_INFINITE),
	BIT(WORD_NUMBER, RLIM_INFINITY, MODEL_INFINITE),
	{"unlimited", MODEL_INFINITE, WORD_NUMBER, NULL},
	BIT(WORD_NUMBER, NULL, 0),
	{"yes", 1, WORD_YES, NULL},
	{"no", 0, WORD_YES, NULL},

	BIT(WORD_PERSONALITY, ADDR_NO_RANDOMIZE, PERSONALITY_NO_ASLR),
	BIT(WORD_PERSONALITY, ADDR_COMPAT_LAYOUT, PERSONALITY_LEGACY_LAYOUT),
	BIT(WORD_PERSONALITY, READ_IMPLIES_EXEC, PERSONALITY_READ_IMPLIES_EXEC),
	BIT(WORD_PERSONALITY, ADDR_LIMIT_3GB, PERSONALITY_LIMIT_3GB),
	BIT(WORD_PERSONALITY, PER_LINUX, 0),
	BIT(WORD_PERSONALITY, PER_LINUX32, 8),
	BIT(WORD_PERSONALITY, ADDR_LIMIT_32BIT, 0x0800000),
	BIT(WORD_PERSONALITY, MMAP_PAGE_ZERO, 0x0100000),
	BIT(WORD_PERSONALITY, SHORT_INODE, 0x1000000),
	BIT(WORD_PERSONALITY, WHOLE_SECONDS, 0x2000000),
	BIT(WORD_PERSONALITY, STICKY_TIMEOUTS, 0x4000000),
	BIT(WORD_PERSONALITY, UNAME26, 0x0020000),
	BIT(WORD_PERSONALITY, FDPIC_FUNCPTRS, 0x0080000),

	ERRNO(EPERM, "Operation not permitted"),
	ERRNO(ENOENT, "No such file or directory"),
	ERRNO(ESRCH, "No such process"),
	ERRNO(EINTR, "Interrupted system call"),
	ERRNO(EIO, "Input/output error"),
	ERRNO(ENXIO, "No such device or address"),
	ERRNO(E2BIG, "Argument list too long"),
	ERRNO(EBADF, "Bad file descriptor"),
	ERRNO(EAGAIN, "Resource temporarily unavailable"),
	ERRNO(ENOMEM, "Cannot allocate memory"),
	ERRNO(EACCES, "Permission denied"),
	ERRNO(EFAULT, "Bad address"),
	ERRNO(EBUSY, "Device or resource busy"),
	ERRNO(EEXIST, "File exists"),
	ERRNO(ENODEV, "No such device"),
	ERRNO(EINVAL, "Invalid argument"),
	ERRNO(ENFILE, "Too many open files in system"),
	ERRNO(EMFILE, "Too many open files"),
	ERRNO(ETXTBSY, "Text file busy"),
	ERRNO(ENOSPC, "No space left on device"),
	ERRNO(ENOSYS, "Function not implemented"),
	ERRNO(EOVERFLOW, "Value too large for defined data type"),
	ERRNO(EOPNOTSUPP, "Operation not supported"),
	{"ENOTSUP", EOPNOTSUPP, WORD_ERRNO, NULL},
	{"EWOULDBLOCK", EAGAIN, WORD_ERRNO, NULL},

	BIT(WORD_FAULT, SEGV_MAPERR, FAULT_UNMAPPED),
	BIT(WORD_FAULT, SEGV_ACCERR, FAULT_RIGHTS),
	BIT(WORD_FAULT, SEGV_PKUERR, FAULT_KEY),
	BIT(WORD_FAULT, BUS_ADRERR, FAULT_BUS),
};

const struct word *word_find(const char *word, size_t size, unsigned groups, bool *known)
{
	size_t i;

	*known = false;
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i].word) != size || memcmp(words[i].word, word, size) != 0)
			continue;
		if (words[i].groups & groups)
			return &words[i];
		*known = true;
	}
	return NULL;
}

const struct word *word_of(uint64_t value, enum word_group group)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].groups == group && words[i].value == value)
			return &words[i];
	return NULL;
}

static void put_number(struct text *text, uint64_t number)
{
	if (number >= 10)
		text_put(text, "0x");
	text_hex(text, number, 1);
}

void put_bits(struct text *text, uint64_t bits, enum word_group group, const char *nothing)
{
	const char *bar = "";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		const struct word *word = &words[i];
		bool is_bit = word->value && (word->value & (word->value - 1)) == 0;

		if (word->groups != group || !is_bit || !(bits & word->value))
			continue;
		text_put(text, bar);
		text_put(text, word->word);
		bits &= ~word->value;
		bar = "|";
	}
	if (bits) {
		text_put(text, bar);
		put_number(text, bits);
	} else if (!*bar) {
		text_put(text, nothing);
	}
}

void put_word(struct text *text, uint64_t value, enum word_group group)
{
	const struct word *word = word_of(value, group);

	if (word)
		text_put(text, word->word);
	else
		put_number(text, value);
}

/* Of several names of a call the first is printed. */
static const struct script_call calls[] = {
	{"mmap",
	 CALL_MMAP,
	 6,
	 {FORM_ADDRESS, FORM_SIZE, FORM_PROT, FORM_MAP, FORM_DESCRIPTOR, FORM_OFFSET}},
	{"munmap", CALL_MUNMAP, 2, {FORM_ADDRESS, FORM_SIZE}},
	{"brk", CALL_BRK, 1, {FORM_ADDRESS}},
	{"mprotect", CALL_MPROTECT, 3, {FORM_ADDRESS, FORM_SIZE, FORM_PROT}},
	{"mremap", CALL_MREMAP, 4, {FORM_ADDRESS, FORM_SIZE, FORM_SIZE, FORM_REMAP, FORM_ADDRESS}},
	{"madvise", CALL_MADVISE, 3, {FORM_ADDRESS, FORM_SIZE, FORM_ADVICE}},
	{"mlock", CALL_MLOCK, 2, {FORM_ADDRESS, FORM_SIZE}},
	{"mlock2", CALL_MLOCK2, 3, {FORM_ADDRESS, FORM_SIZE, FORM_LOCK}},
	{"munlock", CALL_MUNLOCK, 2, {FORM_ADDRESS, FORM_SIZE}},
	{"mlockall", CALL_MLOCKALL, 1, {FORM_LOCK_ALL}},
	{"munlockall", CALL_MUNLOCKALL, 0, {0}},
	{"mseal", CALL_MSEAL, 3, {FORM_ADDRESS, FORM_SIZE, FORM_NUMBER}},
	/* With a vector 0 is returned; without one, how many pages it would show as resident. */
	{"mincore", CALL_MINCORE, 2, {FORM_ADDRESS, FORM_SIZE, FORM_VECTOR}},
	{"setrlimit", CALL_SETRLIMIT, 2, {FORM_LIMIT}},
	{"fork", CALL_FORK, 0, {0}},
	{"prctl", CALL_SET_MM, 3, {FORM_MM}},
	{"read", CALL_READ, 1, {FORM_ADDRESS}},
	{"write", CALL_WRITE, 1, {FORM_ADDRESS}},
	{"execute", CALL_EXECUTE, 1, {FORM_ADDRESS}},
	/* ia32, and straces that do not know mseal. */
	{"mmap2",
	 CALL_MMAP,
	 6,
	 {FORM_ADDRESS, FORM_SIZE, FORM_PROT, FORM_MAP, FORM_DESCRIPTOR, FORM_OFFSET}},
	{"syscall_0x1ce", CALL_MSEAL, 3, {FORM_ADDRESS, FORM_SIZE, FORM_NUMBER}},
};

const struct script_call *script_call_find(const char *name, size_t size)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		if (strlen(calls[i].name) == size && memcmp(calls[i].name, name, size) == 0)
			return &calls[i];
	return NULL;
}

const struct script_call *script_call_of(enum model_call call)
{
	size_t i = 0;

	while (calls[i].call != call)
		i++;
	return &calls[i];
}
