/*
 * Places in which something is held: whoever calls what lies there lost is wrong.
 */
#include "build.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <search.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096
#define BSS_WORDS 1024
#define NKEYS 48
#define KEYS_EARLY 32 /* of glibc: those lie in the thread's descriptor */
#define COROUTINE_BYTES 32768

typedef void *volatile word;

/* To the first byte, or to any. */
static void *pointer_to(struct standing *standing, const struct structure *structure)
{
	size_t size = structure->sizes[0];

	if (structure->entry != structure->blocks[0] || size == 0 || draw_below(&standing->seed, 2))
		return structure->entry;
	return (char *)structure->entry + draw_below(&standing->seed, size);
}

static bool put_first_free(word *words, size_t n, void *p)
{
	void *none = NULL;
	size_t i;

	for (i = 0; i < n; i++, none = NULL)
		if (__atomic_compare_exchange_n(&words[i], &none, p, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			return true;
	return false;
}

/*
 * Globals.
 */

static word bss[BSS_WORDS];
static struct {
	long first;
	word words[64];
} data = {.first = 1};

void hold_in_bss(void *p)
{
	if (!put_first_free(bss, BSS_WORDS, p))
		_exit(5);
}

static bool put_bss(struct standing *standing, struct structure *structure)
{
	hold_in_bss(pointer_to(standing, structure));
	return true;
}

static bool put_data(struct standing *standing, struct structure *structure)
{
	return put_first_free(data.words, sizeof(data.words) / sizeof(word),
			      pointer_to(standing, structure));
}

/*
 * What a thread has.
 */

static __thread word tls_bss[4];
static __thread struct {
	long first;
	word words[4];
} tls_data = {.first = 1};
static word *(*library_words)(size_t *n);
static pthread_key_t keys[NKEYS];

static bool put_stack(struct standing *standing, struct structure *structure)
{
	return put_first_free(standing->stack, STACK_WORDS, pointer_to(standing, structure));
}

static bool put_alternate(struct standing *standing, struct structure *structure)
{
	size_t i;

	for (i = 0; i < STACK_WORDS && standing->has_alternate; i++) {
		if (!unhide(&standing->alternate[i])) {
			standing->alternate[i] = hide(pointer_to(standing, structure));
			return true;
		}
	}
	return false;
}

static bool put_general(struct standing *standing, struct structure *structure)
{
	return registers_put_general(&standing->registers, (unsigned)draw(&standing->seed),
				     pointer_to(standing, structure));
}

static bool put_vector(struct standing *standing, struct structure *structure)
{
	return registers_put_vector(&standing->registers, (unsigned)draw(&standing->seed),
				    pointer_to(standing, structure));
}

static bool put_upper(struct standing *standing, struct structure *structure)
{
	return registers_put_upper(&standing->registers, (unsigned)draw(&standing->seed),
				   pointer_to(standing, structure));
}

static bool put_further(struct standing *standing, struct structure *structure)
{
	return registers_put_further(&standing->registers, (unsigned)draw(&standing->seed),
				     pointer_to(standing, structure));
}

static bool put_tls(struct standing *standing, struct structure *structure)
{
	return put_first_free(tls_bss, 4, pointer_to(standing, structure));
}

static bool put_tls_data(struct standing *standing, struct structure *structure)
{
	return put_first_free(tls_data.words, 4, pointer_to(standing, structure));
}

/* By a block that could be what glibc has cached for a thread: as large, and otherwise zeros. */
static bool put_tls_zeros(struct standing *standing, struct structure *structure)
{
	static const size_t words[] = {0x250 / 8 - 1, 0x290 / 8 - 1, 0x300 / 8 - 1,
				       0x150 / 4 - 1, 0x190 / 4 - 1, 0x1d0 / 4 - 1};
	size_t n = words[draw_below(&standing->seed, 3) + (sizeof(void *) == 4 ? 3 : 0)];
	static __thread word holders[2];
	word *holder = calloc(n, sizeof(*holder));

	if (!holder)
		return false;
	if (!put_first_free(holders, 2, (void *)holder)) {
		free(forget((void *)holder));
		return false;
	}
	holder[n - 2 - draw_below(&standing->seed, n / 4)] = pointer_to(standing, structure);
	note_block(holder, n * sizeof(*holder), NOTE_HELD, "tls_zeros");
	return true;
}

static bool put_tls_library(struct standing *standing, struct structure *structure)
{
	size_t n;
	word *words = library_words ? library_words(&n) : NULL;

	return words && put_first_free(words, n, pointer_to(standing, structure));
}

static bool put_key(unsigned first, unsigned n, void *p)
{
	unsigned i;

	for (i = first; i < first + n; i++)
		if (!pthread_getspecific(keys[i]))
			return pthread_setspecific(keys[i], p) == 0;
	return false;
}

static bool put_specific(struct standing *standing, struct structure *structure)
{
	return put_key(0, 4, pointer_to(standing, structure));
}

static bool put_specific_late(struct standing *standing, struct structure *structure)
{
	return put_key(KEYS_EARLY + 4, 4, pointer_to(standing, structure));
}

/* The C library's list of those that this thread has locked leads into the block. */
static bool put_robust(struct standing *standing, struct structure *structure)
{
	pthread_mutex_t *mutex = structure->entry;
	pthread_mutexattr_t attributes;

	(void)standing;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	return pthread_mutex_init(mutex, &attributes) == 0 && pthread_mutex_lock(mutex) == 0;
}

/*
 * Memory that is nobody's.
 */

static bool put_mapped(struct standing *standing, struct structure *structure, int flags, int fd,
		       int protection)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
	size_t i = draw_below(&standing->seed, PAGE / sizeof(word));

	if (page == MAP_FAILED)
		return false;
	((word *)page)[i] = pointer_to(standing, structure);
	return mprotect(page, PAGE, protection) == 0;
}

static bool put_private(struct standing *standing, struct structure *structure)
{
	return put_mapped(standing, structure, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  PROT_READ | PROT_WRITE);
}

static bool put_executable(struct standing *standing, struct structure *structure)
{
	return put_mapped(standing, structure, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  PROT_READ | PROT_WRITE | PROT_EXEC);
}

static bool put_read_only(struct standing *standing, struct structure *structure)
{
	return put_mapped(standing, structure, MAP_PRIVATE | MAP_ANONYMOUS, -1, PROT_READ);
}

static bool put_shared(struct standing *standing, struct structure *structure)
{
	return put_mapped(standing, structure, MAP_SHARED | MAP_ANONYMOUS, -1,
			  PROT_READ | PROT_WRITE);
}

static bool put_file(struct standing *standing, struct structure *structure, int flags)
{
	int fd = memfd_create("held", MFD_CLOEXEC);
	bool is_put = fd >= 0 && ftruncate(fd, PAGE) == 0 &&
		      put_mapped(standing, structure, flags, fd, PROT_READ | PROT_WRITE);

	close(fd);
	return is_put;
}

static bool put_shared_file(struct standing *standing, struct structure *structure)
{
	return put_file(standing, structure, MAP_SHARED);
}

static bool put_private_file(struct standing *standing, struct structure *structure)
{
	return put_file(standing, structure, MAP_PRIVATE);
}

/* What lies between the allocator's parts of the heap. */
static bool put_break(struct standing *standing, struct structure *structure)
{
	word *words = sbrk(PAGE);

	if (words == (void *)-1)
		return false;
	words[PAGE / 2 / sizeof(word)] = pointer_to(standing, structure);
	return true;
}

/*
 * What the C library keeps for us, mangled or not.
 */

static bool put_jump(struct standing *standing, struct structure *structure)
{
#ifdef __x86_64__
	static jmp_buf buffers[64];
	static unsigned n;
	unsigned i = __atomic_fetch_add(&n, 1, __ATOMIC_SEQ_CST);
	void *p = pointer_to(standing, structure);

	if (i >= 64)
		return false;
	__asm__ volatile("movq %%rsp, %%rbx\n\tleaq -256(%%rsp), %%rsp\n\tandq $-16, %%rsp\n\t"
			 "movq %%rbp, %%r12\n\tmovq %%rax, %%rbp\n\tcall _setjmp@PLT\n\t"
			 "movq %%r12, %%rbp\n\tmovq %%rbx, %%rsp"
			 : "+a"(p)
			 : "D"(buffers[i])
			 : "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "memory",
			   "cc");
	return true;
#else
	(void)standing;
	(void)structure;
	return false;
#endif
}

extern int __cxa_atexit(void (*function)(void *), void *argument, void *library);
extern int __cxa_thread_atexit_impl(void (*function)(void *), void *argument, void *library)
	__attribute__((weak));
extern void *__dso_handle;

static void nothing(void *argument)
{
	(void)argument;
}

static bool put_exit_argument(struct standing *standing, struct structure *structure)
{
	return __cxa_atexit(nothing, pointer_to(standing, structure), NULL) == 0;
}

static bool put_exit_function(struct standing *standing, struct structure *structure)
{
	void (*function)(void *);
	void *p = pointer_to(standing, structure);

	memcpy(&function, &p, sizeof(p));
	return __cxa_atexit(function, NULL, NULL) == 0;
}

static bool put_thread_exit_argument(struct standing *standing, struct structure *structure)
{
	return __cxa_thread_atexit_impl &&
	       __cxa_thread_atexit_impl(nothing, pointer_to(standing, structure), &__dso_handle) ==
		       0;
}

static bool put_thread_exit_function(struct standing *standing, struct structure *structure)
{
	void (*function)(void *);
	void *p = pointer_to(standing, structure);

	memcpy(&function, &p, sizeof(p));
	return __cxa_thread_atexit_impl &&
	       __cxa_thread_atexit_impl(function, NULL, &__dso_handle) == 0;
}

static bool put_environment(struct standing *standing, struct structure *structure)
{
	static unsigned n;

	(void)standing;
	snprintf(structure->entry, structure->sizes[0], "held_%u=here", n++);
	return putenv(structure->entry) == 0;
}

/*
 * Nobody has the FILE but the C library's list of all. musl's has a buffer of its own in its block,
 * in which the pointers of whoever had that memory before would stay.
 */
static bool put_stream(struct standing *standing, struct structure *structure)
{
	FILE *file = fopen("/dev/null", "w");
	(void)standing;
	if (!file)
		return false;
#ifndef __GLIBC__
	for (size_t i = 0; i < BUFSIZ - 1; i++)
		putc(0, file);
#endif
	return setvbuf(file, structure->entry, _IOFBF, structure->sizes[0]) == 0;
}

static int compare(const void *a, const void *b)
{
	return a < b ? -1 : a > b;
}

/* glibc's nodes have a bit of colour in their pointers. */
static bool put_search_tree(struct standing *standing, struct structure *structure)
{
	static void *root;

	return tsearch(pointer_to(standing, structure), &root, compare) != NULL;
}

#ifdef __GLIBC__
static void wait_in_context(unsigned low, unsigned high)
{
	void *p = (void *)(uintptr_t)(low | (uint64_t)high << 32);
	ucontext_t *pair = p;
	word here = (void *)~(uintptr_t)pair[0].uc_link; /* hidden by who made it */

	pair[0].uc_link = NULL;
	swapcontext(&pair[0], &pair[1]);
	(void)here;
}

/* A coroutine that waits has it on its stack, which is a block. */
static bool put_context(struct standing *standing, struct structure *structure)
{
	ucontext_t *pair = mmap(NULL, 2 * sizeof(*pair), PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = (uintptr_t)pair;
	void *stack;

	if (pair == MAP_FAILED)
		return false;
	stack = block_make(COROUTINE_BYTES, &standing->seed);
	note_block(stack, COROUTINE_BYTES, NOTE_HELD, "context_stack");
	getcontext(&pair[0]);
	pair[0].uc_stack.ss_sp = stack;
	pair[0].uc_stack.ss_size = COROUTINE_BYTES;
	makecontext(&pair[0], (void (*)(void))wait_in_context, 2, (unsigned)at,
		    (unsigned)(at >> 32));
	pair[0].uc_link = (void *)~(uintptr_t)pointer_to(standing, structure);
	swapcontext(&pair[1], &pair[0]);
	return true;
}
#else
static bool put_context(struct standing *standing, struct structure *structure)
{
	(void)standing;
	(void)structure;
	return false;
}
#endif

/* Only the kernel has it. */
static bool put_kernel(struct standing *standing, struct structure *structure)
{
	static int poll = -1;
	int pipe_ends[2];
	struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = structure->entry}};

	(void)standing;
	if (poll < 0)
		poll = epoll_create1(EPOLL_CLOEXEC);
	return pipe(pipe_ends) == 0 && epoll_ctl(poll, EPOLL_CTL_ADD, pipe_ends[0], &event) == 0;
}

/* In 32 bits, who undoes what glibc has mangled finds pointers everywhere. */
#if defined(__GLIBC__) && !defined(__LP64__)
#define MANGLED NOTE_HIDDEN
#else
#define MANGLED NOTE_HELD
#endif

const struct place hold_places[] = {
	{.name = "bss", .put = put_bss},
	{.name = "context", .put = put_context},
	{.name = "data", .put = put_data},
	{.name = "environment",
	 .put = put_environment,
	 .single = 64,
	 .is_early = true,
	 .is_main = true},
	{.name = "executable", .put = put_executable},
	{.name = "exit_argument", .put = put_exit_argument, .is_early = true},
	{.name = "exit_function", .put = put_exit_function, .is_early = true, .state = MANGLED},
	{.name = "jump", .put = put_jump},
	{.name = "kernel", .put = put_kernel, .state = NOTE_HIDDEN, .is_main = true},
	{.name = "private", .put = put_private},
	{.name = "private_file", .put = put_private_file},
	{.name = "program_break", .put = put_break, .is_early = true, .is_main = true},
	{.name = "read_only", .put = put_read_only},
	{.name = "register_further", .put = put_further},
	{.name = "register_general", .put = put_general},
	{.name = "register_upper", .put = put_upper},
	{.name = "register_vector", .put = put_vector},
	{.name = "robust_mutex", .put = put_robust, .single = 64},
	{.name = "search_tree", .put = put_search_tree, .is_early = true, .is_main = true},
	{.name = "shared", .put = put_shared},
	{.name = "shared_file", .put = put_shared_file},
	{.name = "signal_stack", .put = put_alternate},
	{.name = "specific", .put = put_specific},
	{.name = "specific_late", .put = put_specific_late, .is_early = true},
	{.name = "stack", .put = put_stack},
	{.name = "stream", .put = put_stream, .single = 64, .is_early = true, .is_main = true},
	{.name = "thread_exit_argument", .put = put_thread_exit_argument, .is_early = true},
	{.name = "thread_exit_function",
	 .put = put_thread_exit_function,
	 .is_early = true,
	 .state = MANGLED},
	{.name = "tls", .put = put_tls},
	{.name = "tls_data", .put = put_tls_data},
	{.name = "tls_zeros", .put = put_tls_zeros},
	{.name = "tls_library", .put = put_tls_library, .is_early = true},
};
const size_t nhold_places = sizeof(hold_places) / sizeof(hold_places[0]);

/*
 * What the C library keeps for itself: first those that do not clear what they get from the
 * allocator, while nothing has been freed.
 */
static void use_library(void)
{
	static char *line;
	size_t size = 0;
	FILE *file = fopen("/proc/self/maps", "r");

	fopen("/dev/null", "r");
	popen("exit", "r");
	setlocale(LC_ALL, "C.UTF-8");
	setenv("HELD_BY_THE_LIBRARY", "1", 1);
	if (!file)
		return;
	while (getline(&line, &size, file) > 0)
		;
}

void hold_init(const char *library)
{
	void *loaded = library && library[0] ? dlopen(library, RTLD_NOW) : NULL;
	unsigned i;

	use_library();
	for (i = 0; i < NKEYS; i++)
		pthread_key_create(&keys[i], NULL);
	if (loaded)
		*(void **)&library_words = dlsym(loaded, "library_words");
}
