/*
 * A command for plat to run, which ends in one of many ways:
 *
 *     endings thread STATUS        a second thread ends the process, the main thread waits
 *     endings threads STATUS       the main thread does, while three named threads wait
 *     endings main-leaves STATUS   the main thread has left; the last thread ends the process
 *     endings thread-exec COMMAND  a second thread executes it
 *     endings peak                 64 MiB resident and a bit more, then unmapped
 *     endings clone                a child by clone() that sends no signal when it ends
 *     endings churn                many threads, one behind the other
 *     endings churns               the same by four creators at a time, then a block of 20 MiB
 *     endings untraced COMMAND     executes it where ptrace is forbidden
 *     endings seen STATUS          waits to be looked at, then ends
 *
 * Waiting to be looked at is done by watching plat, our parent: no test depends on time.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char **arguments;
static pthread_barrier_t barrier;

static int status(void)
{
	return arguments[0] ? atoi(arguments[0]) : 0;
}

static void check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(99);
}

static void wait_forever(void)
{
	for (;;)
		pause();
}

static void start(void *(*body)(void *), void *argument)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, body, argument);

	errno = error;
	check(error == 0, "pthread_create");
}

/* The number that a line of a file of plat holds. */
static long of_parent(const char *file, const char *format)
{
	char path[64], line[256];
	long value = -1;
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/%d/%s", getppid(), file);
	stream = fopen(path, "r");
	check(stream != NULL, path);
	while (value < 0 && fgets(line, sizeof(line), stream))
		sscanf(line, format, &value);
	fclose(stream);
	return value;
}

static int parent_sleeps(void)
{
	char path[64], text[512], *bracket;
	size_t n;
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/%d/stat", getppid());
	stream = fopen(path, "r");
	check(stream != NULL, path);
	n = fread(text, 1, sizeof(text) - 1, stream);
	fclose(stream);
	text[n] = '\0';
	bracket = strrchr(text, ')');
	return bracket && bracket[2] == 'S';
}

static long parent_has_read(void)
{
	return of_parent("io", "rchar: %ld");
}

/* A look reads kilobytes, a sample a few bytes. */
static void wait_for_look(long before)
{
	while (parent_has_read() < before + 6000 || !parent_sleeps())
		usleep(1000);
}

static void *end_all(void *unused)
{
	(void)unused;
	exit(status());
}

static int thread(void)
{
	start(end_all, NULL);
	wait_forever();
	return 99;
}

static void *wait_named(void *name)
{
	pthread_setname_np(pthread_self(), name);
	pthread_barrier_wait(&barrier);
	wait_forever();
	return NULL;
}

static int threads(void)
{
	pthread_barrier_init(&barrier, NULL, 4);
	start(wait_named, (char[]){"first"});
	start(wait_named, (char[]){"second"});
	start(wait_named, (char[]){"third"});
	pthread_barrier_wait(&barrier);
	return status();
}

/* Until the main thread is a zombie. */
static void *outlive(void *unused)
{
	char path[64], state = 0;

	(void)unused;
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	while (state != 'Z') {
		FILE *stream = fopen(path, "r");

		check(stream != NULL && fscanf(stream, "%*d (%*[^)]) %c", &state) == 1, path);
		fclose(stream);
		usleep(1000);
	}
	exit(status());
}

static int main_leaves(void)
{
	start(outlive, NULL);
	pthread_exit(NULL);
}

static void *execute(void *unused)
{
	(void)unused;
	execvp(arguments[0], arguments);
	check(0, arguments[0]);
	return NULL;
}

static int thread_exec(void)
{
	start(execute, NULL);
	wait_forever();
	return 99;
}

/* A look while memory is filled may be so high already that no other follows: fill more after it.
 */
static int peak(void)
{
	size_t size = (size_t)64 << 20, more = (size_t)8 << 20;
	char *memory =
		mmap(NULL, size + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long before;

	check(memory != MAP_FAILED, "mmap");
	memset(memory, 1, size);
	while (!parent_sleeps())
		usleep(1000);
	before = parent_has_read();
	memset(memory + size, 1, more);
	wait_for_look(before);
	munmap(memory, size + more);
	return 0;
}

static int child_body(void *unused)
{
	(void)unused;
	return 5;
}

static int by_clone(void)
{
	static char stack[64 * 1024] __attribute__((aligned(16)));
	int pid = clone(child_body, stack + sizeof(stack), 0, NULL), result;

	check(pid > 0, "clone");
	check(waitpid(pid, &result, __WALL) == pid, "waitpid");
	printf("child %d\n", WEXITSTATUS(result));
	return 0;
}

static void *nothing(void *unused)
{
	return unused;
}

static int churn(void)
{
	pthread_t one;
	int i;

	for (i = 0; i < 500; i++) {
		check(pthread_create(&one, NULL, nothing, NULL) == 0, "pthread_create");
		pthread_join(one, NULL);
	}
	return 0;
}

static void *churn_on(void *unused)
{
	churn();
	return unused;
}

/* Threads that end at once, by several creators at a time; then a block of 20 MiB. */
static int churns(void)
{
	pthread_t creators[4];
	size_t i;

	for (i = 0; i < 4; i++)
		check(pthread_create(&creators[i], NULL, churn_on, NULL) == 0, "pthread_create");
	for (i = 0; i < 4; i++)
		pthread_join(creators[i], NULL);
	return malloc(20 << 20) == NULL;
}

static int untraced(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "seccomp");
	execute(NULL);
	return 99;
}

static int seen(void)
{
	wait_for_look(parent_has_read());
	return status();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} all[] = {
		{"thread", thread},
		{"threads", threads},
		{"main-leaves", main_leaves},
		{"thread-exec", thread_exec},
		{"peak", peak},
		{"clone", by_clone},
		{"churn", churn},
		{"churns", churns},
		{"untraced", untraced},
		{"seen", seen},
	};
	size_t i;

	arguments = argv + 2;
	for (i = 0; argc > 1 && i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(argv[1], all[i].name) == 0)
			return all[i].run();
	fprintf(stderr, "endings: read the head of endings.c\n");
	return 64;
}
