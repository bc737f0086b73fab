/*
 * The process whose address space is tested: it does what the ring asks and nothing else.
 *
 * A freestanding program without a C library, linked to a fixed low address, with its stack in
 * .bss: whatever lies outside [RING_ADDRESS, end of .bss) can be mapped, unmapped and sealed by the
 * requests, the main stack included, and this program goes on. Accesses that fault are caught on a
 * stack of their own; the handler leaves by jumping back, never by sigreturn.
 *
 *	0x3f0000	0x400000
 *	| ring		| text | .bss: stack, signal stack, vector | heap ...
 */
#include "protocol.h"

#include "base/compiler.h"

#ifdef __x86_64__
enum {
	NR_MMAP = 9,
	NR_MPROTECT = 10,
	NR_MUNMAP = 11,
	NR_BRK = 12,
	NR_SIGACTION = 13,
	NR_MREMAP = 25,
	NR_MINCORE = 27,
	NR_MADVISE = 28,
	NR_GETPID = 39,
	NR_CLOSE = 3,
	NR_FORK = 57,
	NR_EXIT = 231,
	NR_GETPPID = 110,
	NR_SIGALTSTACK = 131,
	NR_MLOCK = 149,
	NR_MUNLOCK = 150,
	NR_MLOCKALL = 151,
	NR_MUNLOCKALL = 152,
	NR_PRCTL = 157,
	NR_FUTEX = 202,
	NR_PRLIMIT = 302,
	NR_MLOCK2 = 325,
	NR_MSEAL = 462,
};
#else
enum {
	NR_OLD_MMAP = 90,
	NR_MMAP = 192,
	NR_MPROTECT = 125,
	NR_MUNMAP = 91,
	NR_BRK = 45,
	NR_SIGACTION = 174,
	NR_MREMAP = 163,
	NR_MINCORE = 218,
	NR_MADVISE = 219,
	NR_GETPID = 20,
	NR_CLOSE = 6,
	NR_FORK = 2,
	NR_EXIT = 252,
	NR_GETPPID = 64,
	NR_SIGALTSTACK = 186,
	NR_MLOCK = 150,
	NR_MUNLOCK = 151,
	NR_MLOCKALL = 152,
	NR_MUNLOCKALL = 153,
	NR_PRCTL = 172,
	NR_FUTEX = 240,
	NR_PRLIMIT = 340,
	NR_MLOCK2 = 376,
	NR_MSEAL = 462,
};
#endif

#define WAKE_SECONDS 2
#define SA_SIGINFO_ 4ul
#define SA_RESTORER_ 0x04000000ul
#define SA_ONSTACK_ 0x08000000ul
#define SA_NODEFER_ 0x40000000ul

struct child_stack {
	void *sp;
	int flags;
	unsigned long size;
};

struct child_action {
	void (*handler)(int, const int32_t *);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

/* Written and read by the assembler below. */
char child_own_stack[32768] __attribute__((aligned(64)));
unsigned long child_saved_sp;
static char signal_stack[32768] __attribute__((aligned(64)));
static unsigned char vector[MINCORE_PAGES];
static struct ring_entry *current;

#define RING ((struct ring *)(uintptr_t)RING_ADDRESS)

void child_main(unsigned long *start);
void child_resume(void);
long child_syscall(long number, const unsigned long arg[6]);
void child_access(unsigned kind, unsigned long address);

/*
 * child_access() does one access: kind 0 reads, 1 writes a zero, 2 jumps there. What is jumped to
 * are zeros, "add %al, (%rax)", with an address in %rax that faults in its own way. All that a
 * function must keep is on the stack when the access is made; child_resume() takes it back.
 */
#ifdef __x86_64__
__asm__(".text\n"
	".globl _start\n"
	"_start:\n"
	"	mov %rsp, %rdi\n"
	"	lea child_own_stack+32768(%rip), %rsp\n"
	"	xor %ebp, %ebp\n"
	"	call child_main\n"
	"child_syscall:\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %r11\n"
	"	mov 0(%r11), %rdi\n"
	"	mov 8(%r11), %rsi\n"
	"	mov 16(%r11), %rdx\n"
	"	mov 24(%r11), %r10\n"
	"	mov 32(%r11), %r8\n"
	"	mov 40(%r11), %r9\n"
	"	syscall\n"
	"	ret\n"
	"child_access:\n"
	"	push %rbx\n"
	"	push %rbp\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, child_saved_sp(%rip)\n"
	"	cmp $1, %edi\n"
	"	je 1f\n"
	"	ja 2f\n"
	"	movb (%rsi), %al\n"
	"	jmp child_resume\n"
	"1:	movb $0, (%rsi)\n"
	"	jmp child_resume\n"
	"2:	movabs $0xffff800000000000, %rax\n"
	"	jmp *%rsi\n"
	"child_resume:\n"
	"	mov child_saved_sp(%rip), %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbp\n"
	"	pop %rbx\n"
	"	ret\n");
#else
__asm__(".text\n"
	".globl _start\n"
	"_start:\n"
	"	mov %esp, %eax\n"
	"	mov $child_own_stack+32768-12, %esp\n"
	"	xor %ebp, %ebp\n"
	"	push %eax\n"
	"	call child_main\n"
	"child_syscall:\n"
	"	push %ebx\n"
	"	push %esi\n"
	"	push %edi\n"
	"	push %ebp\n"
	"	mov 20(%esp), %eax\n"
	"	mov 24(%esp), %ebp\n"
	"	mov 0(%ebp), %ebx\n"
	"	mov 4(%ebp), %ecx\n"
	"	mov 8(%ebp), %edx\n"
	"	mov 12(%ebp), %esi\n"
	"	mov 16(%ebp), %edi\n"
	"	mov 20(%ebp), %ebp\n"
	"	int $0x80\n"
	"	pop %ebp\n"
	"	pop %edi\n"
	"	pop %esi\n"
	"	pop %ebx\n"
	"	ret\n"
	"child_access:\n"
	"	mov 4(%esp), %ecx\n"
	"	mov 8(%esp), %edx\n"
	"	push %ebx\n"
	"	push %esi\n"
	"	push %edi\n"
	"	push %ebp\n"
	"	mov %esp, child_saved_sp\n"
	"	cmp $1, %ecx\n"
	"	je 1f\n"
	"	ja 2f\n"
	"	movb (%edx), %al\n"
	"	jmp child_resume\n"
	"1:	movb $0, (%edx)\n"
	"	jmp child_resume\n"
	"2:	mov $0xfffffffe, %eax\n"
	"	jmp *%edx\n"
	"child_resume:\n"
	"	mov child_saved_sp, %esp\n"
	"	pop %ebp\n"
	"	pop %edi\n"
	"	pop %esi\n"
	"	pop %ebx\n"
	"	ret\n");
#endif

#define CALL(number, ...) child_syscall(number, (const unsigned long[6]){__VA_ARGS__})
#define WORD(pointer) ((unsigned long)(uintptr_t)(pointer))

/* What the fields of siginfo_t are: signo, errno, code, and the address behind them. */
static void on_fault(int signal, const int32_t *info)
{
#ifdef __x86_64__
	uint64_t address = ((const uint64_t *)info)[2], trap = TRAP64;
#else
	uint32_t address = (uint32_t)info[3], trap = TRAP32;
#endif
	if (!current) /* a fault of ours */
		CALL(NR_EXIT, 101);
	if (current->call != CALL_EXECUTE || address != trap) {
		current->signal = signal;
		current->code = info[2];
	}
	child_resume();
}

static void access_memory(struct ring_entry *entry, unsigned kind)
{
	current = entry;
	child_access(kind, (unsigned long)entry->arg[0]);
	current = NULL;
}

static long do_mmap(const uint64_t *arg)
{
#ifndef __x86_64__
	/* mmap2 takes the offset in pages, and cannot be asked for one that is not whole. */
	if (arg[5] % 4096 != 0) {
		uint32_t words[6] = {(uint32_t)arg[0], (uint32_t)arg[1], (uint32_t)arg[2],
				     (uint32_t)arg[3], (uint32_t)arg[4], (uint32_t)arg[5]};

		return CALL(NR_OLD_MMAP, WORD(words));
	}
#endif
	return CALL(NR_MMAP, (unsigned long)arg[0], (unsigned long)arg[1], (unsigned long)arg[2],
		    (unsigned long)arg[3], (unsigned long)arg[4],
#ifdef __x86_64__
		    arg[5]
#else
		    (unsigned long)(arg[5] / 4096)
#endif
	);
}

static long do_mincore(const uint64_t *arg)
{
	long r = CALL(NR_MINCORE, (unsigned long)arg[0], (unsigned long)arg[1], WORD(vector));
	unsigned long i, pages = (unsigned long)(arg[1] / 4096 + (arg[1] % 4096 != 0));

	for (i = 0; r >= 0 && i < pages; i++)
		r += vector[i] & 1;
	return r;
}

static long do_setrlimit(const uint64_t *arg)
{
	static const unsigned char numbers[NMODEL_LIMITS] = {
		[MODEL_AS] = 9, [MODEL_DATA] = 2, [MODEL_STACK] = 3, [MODEL_MEMLOCK] = 8};
	uint64_t limit[2] = {arg[1], arg[2]};

	return CALL(NR_PRLIMIT, 0, numbers[arg[0] % NMODEL_LIMITS], WORD(limit));
}

/* The process that asked steps aside; the one that was born goes on with the ring. */
static long do_fork(void)
{
	long r = CALL(NR_FORK, 0);

	if (r > 0)
		CALL(NR_EXIT, 0);
	if (r == 0)
		RING->pid = (int32_t)CALL(NR_GETPID, 0);
	return r;
}

static long do_set_mm(const uint64_t *arg)
{
	struct ring_mm mm = RING->mm;

	mm.start_brk = arg[0];
	mm.brk = arg[1];
	mm.start_data = arg[2];
	mm.end_data = arg[3];
	return CALL(NR_PRCTL, 35, 14, WORD(&mm), sizeof(mm));
}

static long do_call(uint32_t call, const uint64_t *arg)
{
	static const unsigned short numbers[NCALLS] = {
		[CALL_MUNMAP] = NR_MUNMAP,     [CALL_BRK] = NR_BRK,
		[CALL_MPROTECT] = NR_MPROTECT, [CALL_MREMAP] = NR_MREMAP,
		[CALL_MADVISE] = NR_MADVISE,   [CALL_MLOCK] = NR_MLOCK,
		[CALL_MLOCK2] = NR_MLOCK2,     [CALL_MUNLOCK] = NR_MUNLOCK,
		[CALL_MLOCKALL] = NR_MLOCKALL, [CALL_MUNLOCKALL] = NR_MUNLOCKALL,
		[CALL_MSEAL] = NR_MSEAL};

	if (call >= NCALLS || !numbers[call])
		return -38; /* ENOSYS */
	return CALL(numbers[call], (unsigned long)arg[0], (unsigned long)arg[1],
		    (unsigned long)arg[2], (unsigned long)arg[3], (unsigned long)arg[4],
		    (unsigned long)arg[5]);
}

static long carry_out(struct ring_entry *entry)
{
	switch (entry->call) {
	case CALL_MMAP:
		return do_mmap(entry->arg);
	case CALL_MINCORE:
		return do_mincore(entry->arg);
	case CALL_SETRLIMIT:
		return do_setrlimit(entry->arg);
	case CALL_FORK:
		return do_fork();
	case CALL_SET_MM:
		return do_set_mm(entry->arg);
	case CALL_READ:
		access_memory(entry, 0);
		return 0;
	case CALL_WRITE:
		access_memory(entry, 1);
		return 0;
	case CALL_EXECUTE:
		access_memory(entry, 2);
		return 0;
	default:
		return do_call(entry->call, entry->arg);
	}
}

/* An address is unsigned: of a 32-bit program it must not be taken for an errno. */
static int64_t value_of(long r)
{
#ifndef __x86_64__
	if (r < 0 && r < -4095)
		return (int64_t)(unsigned long)r;
#endif
	return r;
}

static void wait_for_post(uint32_t done)
{
	long timeout[2] = {WAKE_SECONDS, 0};

	while (__atomic_load_n(&RING->posted, __ATOMIC_ACQUIRE) == done) {
		long r = CALL(NR_FUTEX, WORD(&RING->posted), 0, done, WORD(timeout));

		if (r == -110 && CALL(NR_GETPPID, 0) != RING->parent) /* ETIMEDOUT */
			CALL(NR_EXIT, 0);
	}
}

static void serve(void)
{
	uint32_t done = RING->done;

	for (;;) {
		struct ring_entry *entry = &RING->entries[done % RING_ENTRIES];

		wait_for_post(done);
		entry->signal = entry->code = 0;
		entry->value = value_of(carry_out(entry));
		done++;
		__atomic_store_n(&RING->done, done, __ATOMIC_RELEASE);
		if (__atomic_load_n(&RING->posted, __ATOMIC_ACQUIRE) == done)
			CALL(NR_FUTEX, WORD(&RING->done), 1, 1);
	}
}

static void set_up_signals(void)
{
	struct child_stack stack = {.sp = signal_stack, .size = sizeof(signal_stack)};
	struct child_action action = {
		.handler = on_fault,
		.flags = SA_SIGINFO_ | SA_RESTORER_ | SA_ONSTACK_ | SA_NODEFER_,
		.restorer = child_resume, /* never used */
	};
	unsigned i;

	CALL(NR_SIGALTSTACK, WORD(&stack));
	for (i = 0; i < 2; i++)
		CALL(NR_SIGACTION, i ? 7 : 11, WORD(&action), 0, 8); /* SIGBUS, SIGSEGV */
}

/*
 * What exec has left on the main stack is overwritten with zeros: a jump there must find what a
 * jump finds elsewhere. The name of the program is the last of it.
 */
static void clear_main_stack(unsigned long *start)
{
	unsigned long *words = start + 1 + start[0] + 1; /* behind the count and the arguments */
	volatile char *at;
	const char *end = NULL;

	while (*words++) /* the environment */
		;
	for (; words[0]; words += 2) {
		if (words[0] == 31) /* AT_EXECFN */
			end = (const char *)(uintptr_t)words[1];
	}
	while (end && *end)
		end++;
	for (at = (volatile char *)start; at < end; at++)
		*at = 0;
}

void child_main(unsigned long *start)
{
	uint64_t arg[6] = {RING_ADDRESS, RING_SIZE, 3, 0x11, RING_DESCRIPTOR, 0};

	/* PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED */
	if (do_mmap(arg) != (long)RING_ADDRESS)
		CALL(NR_EXIT, 100);
	CALL(NR_CLOSE, RING_DESCRIPTOR);
	clear_main_stack(start);
	set_up_signals();
	RING->pid = (int32_t)CALL(NR_GETPID, 0);
	serve();
}
