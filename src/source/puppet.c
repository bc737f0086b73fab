/*
 * The program is an ELF file of headers and a few bytes of code, made in memory:
 *
 *	0          CODE       DATA                    start + size
 *	| headers | call, trap | structs | zeros ... |
 *
 * All of it is one segment, so that executing it makes exactly one mapping.
 */
#include "source/puppet_parts.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CODE 256
#define DATA 512
#define IMAGE (DATA + PUPPET_DATA_MOST)

static void fill_64(const struct puppet_start *start, uint16_t machine, unsigned char *image)
{
	const Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = machine,
		.e_version = EV_CURRENT,
		.e_entry = start->start + CODE,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	const Elf64_Phdr segments[2] = {
		{.p_type = PT_LOAD,
		 .p_flags = PF_R | PF_X,
		 .p_vaddr = start->start,
		 .p_filesz = start->end - start->start,
		 .p_memsz = start->end - start->start,
		 .p_align = 4096},
		{.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W},
	};

	memcpy(image, &header, sizeof(header));
	memcpy(image + sizeof(header), segments, sizeof(segments));
}

static void fill_32(const struct puppet_start *start, uint16_t machine, unsigned char *image)
{
	const Elf32_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = machine,
		.e_version = EV_CURRENT,
		.e_entry = (Elf32_Addr)(start->start + CODE),
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 2,
	};
	const Elf32_Phdr segments[2] = {
		{.p_type = PT_LOAD,
		 .p_flags = PF_R | PF_X,
		 .p_vaddr = (Elf32_Addr)start->start,
		 .p_filesz = (Elf32_Word)(start->end - start->start),
		 .p_memsz = (Elf32_Word)(start->end - start->start),
		 .p_align = 4096},
		{.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W},
	};

	memcpy(image, &header, sizeof(header));
	memcpy(image + sizeof(header), segments, sizeof(segments));
}

/* A descriptor, or -errno. */
static int make_program(const struct puppet_start *start, const struct puppet_machine *machine)
{
	unsigned char image[IMAGE] = {0};
	int fd = memfd_create("plat-probe", MFD_CLOEXEC), error;

	if (fd < 0)
		return -errno;
	if (start->bits == 32)
		fill_32(start, machine->elf_machine, image);
	else
		fill_64(start, machine->elf_machine, image);
	memcpy(image + CODE, machine->code, machine->code_size);
	if (ftruncate(fd, (off_t)(start->end - start->start)) == 0 &&
	    pwrite(fd, image, sizeof(image), 0) == (ssize_t)sizeof(image))
		return fd;
	error = errno;
	close(fd);
	return -error;
}

static int set_stack_limit(uint64_t size)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) < 0)
		return -errno;
	limit.rlim_cur = (rlim_t)size;
	if (limit.rlim_max < limit.rlim_cur)
		limit.rlim_max = limit.rlim_cur;
	return setrlimit(RLIMIT_STACK, &limit) < 0 ? -errno : 0;
}

/* Executing closes the pipe; before, it takes the reason why not. */
_Noreturn static void become_puppet(const struct puppet_start *start, int program, int report)
{
	static char name[] = "plat-probe";
	char *argv[] = {name, NULL}, *envp[] = {NULL};
	int error = -set_stack_limit(start->stack_limit);
	ssize_t n;

	if (!error && personality(start->personality) < 0)
		error = errno;
	if (!error && ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		error = errno;
	if (!error) {
		syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
		error = errno;
	}
	n = write(report, &error, sizeof(error));
	(void)n;
	_exit(EXIT_FAILURE);
}

/* Until it stops. 0 if by a trap; -ESRCH if it has ended, or something else has stopped it. */
static int await_trap(struct puppet *puppet)
{
	int status;
	pid_t pid;

	do
		pid = waitpid(puppet->pid, &status, __WALL);
	while (pid < 0 && errno == EINTR);
	if (pid > 0 && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP)
		return 0;
	if (pid < 0 || !WIFSTOPPED(status))
		*puppet = PUPPET_NONE; /* its number may be another's by now */
	return -ESRCH;
}

static int await_exec(struct puppet *puppet, int report)
{
	int error = 0;
	ssize_t n = read(report, &error, sizeof(error));

	if (n == (ssize_t)sizeof(error))
		return -error;
	if (await_trap(puppet) < 0)
		return -ESRCH;
	if (ptrace(PTRACE_SETOPTIONS, puppet->pid, NULL, (void *)PTRACE_O_EXITKILL) < 0)
		return -errno;
	return 0;
}

static int start_child(const struct puppet_start *start, int program, struct puppet *ret)
{
	struct puppet puppet = {
		.bits = start->bits, .code = start->start + CODE, .data = start->start + DATA};
	int report[2], r;

	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	puppet.pid = fork();
	if (puppet.pid == 0)
		become_puppet(start, program, report[1]);
	r = puppet.pid < 0 ? -errno : 0;
	close(report[1]);
	if (r == 0)
		r = await_exec(&puppet, report[0]);
	close(report[0]);
	if (r < 0)
		puppet_end(&puppet);
	else
		*ret = puppet;
	return r;
}

int puppet_start(const struct puppet_start *start, struct puppet *ret, struct error *err)
{
	const struct puppet_machine *machine = puppet_machine(start->bits);
	int program, r;

	if (!machine)
		return fail(err, -ENOTSUP, "no probe can be made for this processor");
	program = make_program(start, machine);
	if (program < 0)
		return fail(err, -program, "the probe's program");
	r = start_child(start, program, ret);
	close(program);
	return r < 0 ? fail(err, -r, "the probe cannot be started") : 0;
}

void puppet_end(struct puppet *puppet)
{
	if (puppet->pid > 0) {
		kill(puppet->pid, SIGKILL);
		while (waitpid(puppet->pid, NULL, __WALL) < 0 && errno == EINTR)
			;
	}
	*puppet = PUPPET_NONE;
}

int64_t puppet_call(struct puppet *puppet, enum puppet_call call, const uint64_t arg[6])
{
	int64_t value;

	if (puppet->pid < 0)
		return -ESRCH;
	if (puppet_set_registers(puppet, call, arg) == 0 &&
	    ptrace(PTRACE_CONT, puppet->pid, NULL, NULL) == 0 && await_trap(puppet) == 0 &&
	    puppet_get_result(puppet, &value) == 0)
		return value;
	puppet_end(puppet);
	return -ESRCH;
}

int64_t puppet_call3(struct puppet *puppet, enum puppet_call call, uint64_t a, uint64_t b,
		     uint64_t c)
{
	return puppet_call(puppet, call, (uint64_t[6]){a, b, c});
}

int64_t puppet_map(struct puppet *puppet, plat_addr addr, uint64_t size, uint64_t prot,
		   uint64_t flags)
{
	const uint64_t no_file = UINT64_MAX;

	return puppet_call(puppet, PUPPET_MMAP,
			   (uint64_t[6]){addr, size, prot, flags | MAP_ANONYMOUS, no_file});
}

int puppet_put(struct puppet *puppet, const void *from, unsigned size)
{
	unsigned i;
	long word;

	if (puppet->pid < 0)
		return -ESRCH;
	for (i = 0; i < size; i += (unsigned)sizeof(word)) {
		memcpy(&word, (const char *)from + i, sizeof(word));
		if (ptrace(PTRACE_POKEDATA, puppet->pid, (void *)(uintptr_t)(puppet->data + i),
			   (void *)word) < 0)
			return -errno;
	}
	return 0;
}
