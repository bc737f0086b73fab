#include "hand.h"

#include "unit.h"

#include "base/list.h"

#include <stdio.h>

void begin_town(struct space *space)
{
	space_init(space);
	space->process.pid = 4711;
	space->process.bits = 64;
	space->process.state = 'S';
	snprintf(space->process.command, sizeof(space->process.command), "town");
	space->machine.mmap_min_addr = 0x10000;
	space->user_end = USER_END;
}

struct region *add_region(struct space *space, plat_addr start, plat_addr end, enum kind kind,
			  unsigned rights)
{
	struct region *region = add_mapping(space, start, end, rights, NULL);

	region->kind = (uint8_t)kind;
	return region;
}

struct region *add_mapping(struct space *space, plat_addr start, plat_addr end, unsigned rights,
			   const char *name)
{
	uint32_t file = name ? add_file(space, name, INODE) : NO_FILE;

	assert_int_equal(space_add_mapping(space, start, end, rights, 0, file), 0);
	return &space->regions[space->nregions - 1];
}

uint32_t add_file(struct space *space, const char *name, uint64_t inode)
{
	uint32_t file;

	assert_int_equal(space_add_file(space, name, 8, 1, inode, &file), 0);
	return file;
}

struct module *add_module(struct space *space, plat_addr header, enum module_role role,
			  uint32_t file)
{
	struct module *module;

	assert_int_equal(list_reserve(&space->modules, &space->modules_room, space->nmodules, 1),
			 0);
	module = &space->modules[space->nmodules++];
	*module = (struct module){.file = file, .role = role, .header = header};
	return module;
}

struct thread *add_thread(struct space *space, int tid, const char *name)
{
	struct thread *thread;

	assert_int_equal(list_reserve(&space->threads, &space->threads_room, space->nthreads, 1),
			 0);
	thread = &space->threads[space->nthreads++];
	*thread = (struct thread){
		.tid = tid,
		.inner_tid = tid,
		.sp = UNKNOWN,
		.descriptor = UNKNOWN,
		.deepest = UNKNOWN,
	};
	snprintf(thread->name, sizeof(thread->name), "%s", name);
	return thread;
}
