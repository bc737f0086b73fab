#include "source/thread_registers.h"

#include "base/list.h"
#include "source/core.h"
#include "source/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES_MOST ((size_t)65536)  /* of one thread */
#define ALL_MOST ((size_t)64 << 20) /* of all: a file can claim to have any */

struct loading {
	struct thread_registers all;
	size_t bytes;
};

/* Takes what registers->bytes points to over, or frees it. */
static int add(struct loading *loading, int tid, struct registers *registers)
{
	struct thread_registers *all = &loading->all;
	int r = list_reserve(&all->list, &all->room, all->n, 1);

	if (r < 0) {
		registers_fini(registers);
		return r;
	}
	loading->bytes += registers->size;
	all->list[all->n++] = (struct one_thread){tid, *registers};
	return 0;
}

static bool has_room(const struct loading *loading, size_t size)
{
	return size <= BYTES_MOST && loading->bytes + size <= ALL_MOST;
}

/*
 * A process that was stopped.
 */

static int add_stopped(struct loading *loading, const struct stop_thread *thread)
{
	struct registers registers = thread->registers;

	if (!registers.bytes)
		return 0;
	registers.bytes = malloc(registers.size + 1);
	if (!registers.bytes)
		return -ENOMEM;
	memcpy(registers.bytes, thread->registers.bytes, registers.size);
	return add(loading, thread->tid, &registers);
}

static int load_stopped(const struct freeze *freeze, struct loading *loading)
{
	size_t n, i;
	const struct stop_thread *threads = freeze_threads(freeze, &n);
	int r = 0;

	for (i = 0; r == 0 && i < n; i++)
		r = add_stopped(loading, &threads[i]);
	return r;
}

/*
 * A snapshot.
 */

static int add_kept(struct loading *loading, int tid, const char *answer, size_t size)
{
	struct registers registers = REGISTERS_NONE;
	struct snapshot_registers head;

	if (size < sizeof(head))
		return 0;
	memcpy(&head, answer, sizeof(head));
	if (head.size != size - sizeof(head) || head.general > head.size ||
	    !has_room(loading, (size_t)head.size))
		return 0;
	registers.pc = head.pc;
	registers.sp = head.sp;
	registers.tls = head.tls;
	registers.general = (size_t)head.general;
	registers.size = (size_t)head.size;
	registers.bytes = malloc(registers.size + 1);
	if (!registers.bytes)
		return -ENOMEM;
	memcpy(registers.bytes, answer + sizeof(head), registers.size);
	return add(loading, tid, &registers);
}

static int load_snapshot(struct snapshot *snapshot, const struct space *space,
			 struct loading *loading)
{
	size_t i, size;
	char name[16], *answer;
	int r = 0;

	for (i = 0; r == 0 && i < space->nthreads; i++) {
		if (!space->threads[i].tid)
			continue;
		snprintf(name, sizeof(name), "%d", space->threads[i].tid);
		r = snapshot_answer(snapshot, ANSWER_REGISTERS, name,
				    sizeof(struct snapshot_registers) + BYTES_MOST, &answer, &size);
		if (r < 0) {
			r = r == -ENOMEM ? r : 0;
			continue;
		}
		r = add_kept(loading, space->threads[i].tid, answer, size);
		free(answer);
	}
	return r;
}

/*
 * A core.
 */

static bool read_bytes(const struct core *core, const struct core_bytes *from, unsigned char *to)
{
	return pread(core->fd, to, (size_t)from->size, (off_t)from->at) == (ssize_t)from->size;
}

static int add_noted(struct loading *loading, const struct core *core,
		     const struct core_thread *thread)
{
	struct registers registers = REGISTERS_NONE;
	size_t vector = (size_t)min_u64(thread->vector.size, BYTES_MOST);

	if (!thread->general.size || !has_room(loading, (size_t)thread->general.size))
		return 0;
	if (!has_room(loading, (size_t)thread->general.size + vector))
		vector = 0;
	registers.sp = thread->sp;
	registers.general = registers.size = (size_t)thread->general.size;
	registers.bytes = malloc(registers.size + vector + 1);
	if (!registers.bytes)
		return -ENOMEM;
	if (!read_bytes(core, &thread->general, registers.bytes)) {
		registers_fini(&registers);
		return 0;
	}
	if (vector && read_bytes(core, &(struct core_bytes){thread->vector.at, vector},
				 registers.bytes + registers.general))
		registers.size += vector;
	return add(loading, thread->tid, &registers);
}

static int load_core(const struct core *core, struct loading *loading)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < core->nthreads; i++)
		r = add_noted(loading, core, &core->threads[i]);
	return r;
}

int thread_registers_load(const struct procdir *dir, const struct space *space,
			  const struct freeze *freeze, struct thread_registers *ret)
{
	struct loading loading = {.bytes = 0};
	int r;

	if (dir->core)
		r = load_core(dir->core, &loading);
	else if (dir->snapshot)
		r = load_snapshot(dir->snapshot, space, &loading);
	else
		r = load_stopped(freeze, &loading);
	if (r < 0)
		thread_registers_fini(&loading.all);
	else
		*ret = loading.all;
	return r;
}

void thread_registers_fini(struct thread_registers *registers)
{
	while (registers->n > 0)
		registers_fini(&registers->list[--registers->n].registers);
	free(registers->list);
	*registers = (struct thread_registers){NULL, 0, 0};
}
