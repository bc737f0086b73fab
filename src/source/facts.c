#include "source/facts.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const limit_texts[NLIMITS] = {
	[LIMIT_AS] = "Max address space", [LIMIT_DATA] = "Max data size",
	[LIMIT_STACK] = "Max stack size", [LIMIT_MEMLOCK] = "Max locked memory",
	[LIMIT_RSS] = "Max resident set", [LIMIT_CORE] = "Max core file size",
};

/* Reads a decimal number behind blanks. Returns what follows, or NULL. */
static const char *number(const char *s, uint64_t *ret)
{
	uint64_t value = 0;
	unsigned n;

	s += strspn(s, " \t");
	for (n = 0; *s >= '0' && *s <= '9'; n++, s++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (unsigned)(*s - '0'), &value))
			return NULL;
	*ret = value;
	return n ? s : NULL;
}

uint64_t facts_number(const char *text)
{
	uint64_t value;

	return number(text, &value) ? value : UNKNOWN;
}

/* The text behind "name" at the beginning of a line, or NULL. */
static const char *line_of(const char *text, const char *name)
{
	size_t length = strlen(name);

	while (text && *text) {
		const char *newline;

		if (strncmp(text, name, length) == 0)
			return text + length;
		newline = strchr(text, '\n');
		text = newline ? newline + 1 : NULL;
	}
	return NULL;
}

/* A mask in hexadecimal. */
static uint64_t mask_of(const char *text, const char *name)
{
	const char *s = line_of(text, name);
	uint64_t mask;
	char *end;

	if (!s)
		return UNKNOWN;
	mask = strtoull(s, &end, 16);
	return end == s ? UNKNOWN : mask;
}

/*
 * stat is "PID (comm) S field4 field5 ...". The command may hold blanks, brackets and newlines, so
 * it ends at the last bracket. Fields are numbered as in proc(5).
 */
#define STAT_FIELDS 52

struct stat_fields {
	char state;
	char command[THREAD_NAME_SIZE];
	uint64_t field[STAT_FIELDS + 1]; /* or UNKNOWN; negative numbers are UNKNOWN */
};

static int parse_stat(const char *text, struct stat_fields *ret)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	size_t length;
	unsigned i;

	if (!open || !close || close < open || close[1] != ' ' || close[2] == '\0')
		return -EINVAL;
	length = (size_t)(close - open - 1);
	if (length >= sizeof(ret->command))
		length = sizeof(ret->command) - 1;
	memcpy(ret->command, open + 1, length);
	ret->command[length] = '\0';
	ret->state = close[2];

	for (i = 0; i <= STAT_FIELDS; i++)
		ret->field[i] = UNKNOWN;
	text = close + 3;
	for (i = 4; i <= STAT_FIELDS && *text; i++) {
		const char *end;

		text += strspn(text, " ");
		end = number(text, &ret->field[i]);
		if (!end)
			ret->field[i] = UNKNOWN;
		text += strcspn(text, " \n");
		if (*text == '\n')
			break;
	}
	return 0;
}

/* To those who may not read them the kernel prints addresses as 0, and those of the code as 1. */
static plat_addr address_of(const struct stat_fields *stat, unsigned field)
{
	return stat->field[field] <= 1 ? UNKNOWN : stat->field[field];
}

int facts_stat(struct space *space, const char *text)
{
	struct process *process = &space->process;
	struct stat_fields stat;
	int r = parse_stat(text, &stat);

	if (r < 0)
		return r;
	memcpy(process->command, stat.command, sizeof(process->command));
	process->state = stat.state;
	if (stat.field[4] != UNKNOWN)
		process->ppid = (int)stat.field[4];
	/* Linux include/linux/sched.h PF_KTHREAD */
	process->is_kernel_thread = stat.field[9] != UNKNOWN && (stat.field[9] & 0x200000);
	/*
	 * Linux fs/binfmt_elf.c load_elf_binary sets it last, when all is mapped; the start of the
	 * stack is set before that, in fs/exec.c setup_arg_pages. Whoever may not read it sees 1.
	 */
	process->is_loading = stat.field[26] == 0;
	process->start_time = stat.field[22];
	process->start_code = address_of(&stat, 26);
	process->end_code = address_of(&stat, 27);
	process->start_stack = address_of(&stat, 28);
	process->start_data = address_of(&stat, 45);
	process->end_data = address_of(&stat, 46);
	space->start_brk = address_of(&stat, 47);
	process->arg_start = address_of(&stat, 48);
	process->arg_end = address_of(&stat, 49);
	process->env_start = address_of(&stat, 50);
	process->env_end = address_of(&stat, 51);
	return 0;
}

int facts_thread_stat(struct thread *thread, const char *text)
{
	struct stat_fields stat;
	int r = parse_stat(text, &stat);

	if (r < 0)
		return r;
	memcpy(thread->name, stat.command, sizeof(thread->name));
	thread->state = stat.state;
	return 0;
}

/*
 * A thread that is to end has SIGKILL pending; it takes it and gets a flag, or calls exit and gets
 * the other. Linux include/linux/sched.h PF_EXITING, PF_SIGNALED.
 */
bool facts_thread_goes_on(const char *status, const char *text)
{
	uint64_t pending = mask_of(status, "SigPnd:");
	struct stat_fields stat;

	if (parse_stat(text, &stat) < 0 || stat.state == 'Z' || stat.state == 'X')
		return false;
	if (pending != UNKNOWN && (pending & (1 << (SIGKILL - 1))))
		return false;
	return stat.field[9] == UNKNOWN || !(stat.field[9] & (0x4 | 0x400));
}

/* "running", or "NR ARGS... SP PC", or "-1 SP PC". */
void facts_thread_syscall(struct thread *thread, const char *text)
{
	const char *before = NULL, *last = NULL, *s;

	if (strncmp(text, "running", 7) == 0) {
		thread->sp_why = "running";
		return;
	}
	for (s = text; (s = strstr(s, "0x")) != NULL; s += 2) {
		before = last;
		last = s;
	}
	if (before) {
		thread->sp = strtoull(before + 2, NULL, 16);
		thread->pc = strtoull(last + 2, NULL, 16);
	}
	if (!before || thread->sp == 0 || thread->sp == UNKNOWN) {
		thread->sp = UNKNOWN;
		thread->pc = 0;
		thread->sp_why = "the kernel does not say";
	}
}

/* Behind a line's name, the first number; or UNKNOWN. */
static uint64_t number_of(const char *text, const char *name)
{
	const char *s = line_of(text, name);
	uint64_t value;

	return s && number(s, &value) ? value : UNKNOWN;
}

int facts_inner_pid(const char *text)
{
	const char *s = line_of(text, "NSpid:");
	uint64_t pid = 0, next;

	while (s && (s = number(s, &next)) != NULL)
		pid = next;
	return pid <= INT32_MAX ? (int)pid : 0;
}

/* "Name:   1234 kB" in bytes, or UNKNOWN. */
static uint64_t kib_of(const char *text, const char *name)
{
	const char *s = line_of(text, name);
	uint64_t kib;

	if (!s || *s != ':' || !number(s + 1, &kib) || kib > UINT64_MAX / 1024)
		return UNKNOWN;
	return kib * 1024;
}

void facts_status(struct space *space, const char *text)
{
	struct process *process = &space->process;
	uint64_t uid = number_of(text, "Uid:");
	uint64_t pid = number_of(text, "Tgid:"); /* of a thread: whose it is */
	unsigned i;

	for (i = 0; i < NFIGURES; i++)
		space->figures[i] = kib_of(text, figure_name(i));
	process->capabilities = mask_of(text, "CapEff:");
	if (uid != UNKNOWN)
		process->uid = (unsigned)uid;
	if (pid <= INT32_MAX)
		process->pid = (int)pid;
	process->inner_pid = facts_inner_pid(text);
}

void facts_meminfo(struct space *space, const char *text)
{
	struct machine *machine = &space->machine;

	machine->ram = kib_of(text, "MemTotal");
	machine->swap = kib_of(text, "SwapTotal");
	machine->available = kib_of(text, "MemAvailable");
	machine->swap_free = kib_of(text, "SwapFree");
	machine->commit_limit = kib_of(text, "CommitLimit");
	machine->committed = kib_of(text, "Committed_AS");
}

unsigned facts_release(const char *text)
{
	uint64_t major, minor;
	const char *s = number(text, &major);

	if (!s || *s != '.' || !number(s + 1, &minor) || major > 1000 || minor > 999)
		return 0;
	return VERSION(major, (unsigned)minor);
}

/*
 *	Limit                     Soft Limit           Hard Limit           Units
 *	Max data size             unlimited            unlimited            bytes
 */
static const char *limit_value(const char *s, uint64_t *ret)
{
	s += strspn(s, " \t");
	if (strncmp(s, "unlimited", 9) == 0) {
		*ret = LIMIT_INFINITE;
		return s + 9;
	}
	return number(s, ret);
}

void facts_limits(struct space *space, const char *text)
{
	unsigned i;

	for (i = 0; i < NLIMITS; i++) {
		const char *s = line_of(text, limit_texts[i]);
		struct limit limit = {.known = true};

		s = s ? limit_value(s, &limit.soft) : NULL;
		s = s ? limit_value(s, &limit.hard) : NULL;
		if (s)
			space->limits[i] = limit;
	}
}

/* Reads pair i of the vector. */
static bool auxv_pair(const unsigned char *data, size_t size, unsigned word, size_t i,
		      uint64_t *type, uint64_t *value)
{
	if ((i + 1) * 2 * word > size)
		return false;
	*type = *value = 0;
	memcpy(type, data + i * 2 * word, word);
	memcpy(value, data + i * 2 * word + word, word);
	return true;
}

static bool auxv_find(const unsigned char *data, size_t size, unsigned word, uint64_t wanted,
		      uint64_t *ret)
{
	uint64_t type, value;
	size_t i;

	for (i = 0; auxv_pair(data, size, word, i, &type, &value) && type != AT_NULL; i++)
		if (type == wanted) {
			*ret = value;
			return true;
		}
	return false;
}

/* The vector does not say how long its words are; the size of a program header does. */
static unsigned auxv_word(const unsigned char *data, size_t size)
{
	uint64_t phent;

	if (auxv_find(data, size, 8, AT_PHENT, &phent) && phent == sizeof(Elf64_Phdr))
		return 8;
	if (auxv_find(data, size, 4, AT_PHENT, &phent) && phent == sizeof(Elf32_Phdr))
		return 4;
	return 0;
}

void facts_auxv(struct space *space, const void *data, size_t size)
{
	struct process *process = &space->process;
	unsigned word = auxv_word(data, size);
	uint64_t page;

	if (word == 0)
		return;
	process->bits = word * 8;
	auxv_find(data, size, word, AT_PHDR, &process->phdr);
	auxv_find(data, size, word, AT_BASE, &process->base);
	auxv_find(data, size, word, AT_ENTRY, &process->entry);
	auxv_find(data, size, word, AT_SYSINFO_EHDR, &process->vdso);
	auxv_find(data, size, word, AT_SECURE, &process->secure);
	if (auxv_find(data, size, word, AT_PAGESZ, &page) && page >= 4096 && page <= 1 << 20 &&
	    is_aligned(page, page & -page) && (page & (page - 1)) == 0)
		space->machine.page_size = page;
}

void facts_personality(struct space *space, const char *text)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 16);

	if (end != text)
		space->process.personality = value;
}
