/*
 * Shared memory: objects with a name in /dev/shm, which are those of shm_open(3), and memory
 * without a name (memfd_create(2)) that is passed on by its descriptor, and can be sealed.
 *
 *	struct plat_shm_new how = {sizeof(struct board), 0600, prepare, NULL};
 *	struct plat_shm shm;
 *	int r = plat_shm_open("/board", PLAT_SHM_CREATE, &how, &shm);
 *
 *	struct board *board = shm.map.data;
 *
 * An object gets its name when it is ready: of its full size, with its memory set aside, and
 * prepared. So nobody ever sees one that is half made, and a program that is killed while it makes
 * one leaves nothing behind. If several make one at the same time, one of theirs gets the name, and
 * all use that.
 *
 * Who has an object open holds a lock on it (F_OFD_SETLK on its first byte, for reading), which the
 * kernel takes away with the last process, descriptor and mapping that came of this plat_shm_open,
 * however that ends. By the locks it is known who is the last, and which objects nobody has open.
 * A program that locks parts of an object itself does so by F_OFD_SETLK, too: locks of F_SETLK end
 * when a process closes any descriptor of the file, as all functions here do that look at it,
 * plat_shm_list at every one.
 *
 * Errors, threads, signals and fork are as with plat/map.h, but for this: plat_shm_open may have to
 * wait for a moment, and calls the program back; so it is not for signal handlers. The child of a
 * fork has its parent's objects open as well: they are held until both have closed them or ended.
 */
#ifndef PLAT_SHM_H
#define PLAT_SHM_H

#include "map.h"

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct plat_shm {
	struct plat_map map; /* all of the object; plat_map_resize and so on may be used with it */
	char name[256];	     /* the library's */
};

/* Of nothing, which plat_shm_close accepts. */
#define PLAT_SHM_NONE                                                                              \
	{                                                                                          \
		PLAT_MAP_NONE, ""                                                                  \
	}

enum plat_shm_flags {
	/* Make the object if there is none. */
	PLAT_SHM_CREATE = 1,
	/* With PLAT_SHM_CREATE: -EEXIST if there is one. */
	PLAT_SHM_EXCLUSIVE = 2,
	/* Map it to read; without PLAT_SHM_CREATE. */
	PLAT_SHM_READ = 4,
	/*
	 * The object lives as long as somebody has it open: the last who closes it removes the
	 * name. If the last one was killed, the next plat_shm_open with this flag finds that nobody
	 * holds it, and takes it for gone. All who open it have to say so; who may not remove it
	 * (another user's, or opened to read without the right to write) leaves that to the others.
	 */
	PLAT_SHM_TEMPORARY = 8,
	/* -EPERM if it belongs to another user than the effective one: anybody can make an object
	 * of the name that you expect. */
	PLAT_SHM_OWN = 16,
	/* Memory is not set aside when an object is made, or made longer: a full /dev/shm is SIGBUS
	 * later, instead of -ENOSPC now. */
	PLAT_SHM_SPARSE = 32,
	/* Of plat_shm_memory: it may be made executable, as a program or a library. */
	PLAT_SHM_EXECUTABLE = 64
};

/* What an object is made as. */
struct plat_shm_new {
	size_t size; /* in bytes, not 0. One that exists has to be at least as long. */
	mode_t mode; /* its rights, as they stand here: umask does not take any away */
	/*
	 * Prepares the memory, which is zeros, before anybody else can see it. NULL: nothing to do.
	 * 0 or a negative errno, which plat_shm_open then returns; there is no object then. If
	 * several make an object at the same time, it may be called in each of them; what all but
	 * one have made is dropped.
	 */
	int (*prepare)(void *data, size_t size, void *arg);
	void *arg;
};

/*
 * Opens the object `name`, which begins with a slash and has no other, with at most 254 bytes
 * behind it. Returns 1 if it was made by this call, which is so for exactly one of several that
 * come at the same time, and 0 if it was there. `how` may be NULL without PLAT_SHM_CREATE.
 *
 * -EINVAL	no name for an object; flags that do not go together; nothing to make it as
 * -ENAMETOOLONG
 * -ENOENT	there is none, and PLAT_SHM_CREATE is not among the flags; or no /dev/shm
 * -EEXIST	PLAT_SHM_EXCLUSIVE, and there is one
 * -ERANGE	there is one, and it is shorter than how->size: another program's, or half made by
 *		one that uses shm_open and ftruncate
 * -EACCES	its rights; or PLAT_SHM_TEMPORARY, and one that nobody holds is not ours to remove
 * -EPERM	PLAT_SHM_OWN, and it is another user's
 * -ELOOP, -ENODEV, -EISDIR	the name is that of something else
 * -EBUSY	somebody has kept others from opening it for five seconds: he was stopped while he
 *		removed the name, or means ill
 * -ENOSPC	/dev/shm is full
 * -ENOMEM	it is more than all the memory that the machine can give now (a control group is
 *		not asked), or than the address space has room for; -EOVERFLOW: no program can
 *		map as much
 * -EOPNOTSUPP	/dev/shm is no tmpfs, nor another file system with O_TMPFILE
 */
int plat_shm_open(const char *name, int flags, const struct plat_shm_new *how,
		  struct plat_shm *ret);

/*
 * Unmaps it, and lets go of it; of PLAT_SHM_TEMPORARY, the last one removes the name. -EINVAL as
 * with plat_map_close, which does not close it.
 */
int plat_shm_close(struct plat_shm *shm);

/* Removes the name. Who has the object open keeps it; who opens the name from now on gets another.
 */
int plat_shm_unlink(const char *name);

enum plat_shm_held {
	PLAT_SHM_NOT_HELD, /* by nobody who uses this library */
	PLAT_SHM_HELD,
	PLAT_SHM_UNKNOWN /* we may not open it */
};

/* An object, as plat_shm_list finds it. A later version may add to the end. */
struct plat_shm_info {
	const char *name; /* with its slash */
	uint64_t size;
	uint64_t in_memory; /* how much of it takes memory or swap */
	uid_t owner;
	mode_t mode;
	enum plat_shm_held held;
};

/*
 * Calls each() for every object that there is, in no order, until it returns something other than
 * 0, which is returned then. What is made or removed meanwhile may be missing. Nothing is changed.
 */
int plat_shm_list(int (*each)(const struct plat_shm_info *info, void *arg), void *arg);

/*
 * Removes the objects whose name begins with `prefix`, a slash and at least one byte more, and that
 * nobody has open or mapped any more, be it by this library or by shm_open; returns how many.
 * Objects that are meant to wait for the next who opens them are removed as well, so the prefix has
 * to be one that stands for none. Objects of other users, and what is no shared memory, stay; of
 * root's calls, other users' are removed, too. Not at the same time in several threads of a program
 * that uses SIGURG: one may come to it.
 */
int plat_shm_clean(const char *prefix);

/* --- without a name --- */

/*
 * Memory that others get by its descriptor, plat_map_descriptor(ret): over a socket (SCM_RIGHTS),
 * or as children. It is mapped PLAT_MAP_SHARED and can grow by plat_map_resize; plat_map_close
 * closes it, and with its last user it is gone. `name` is for those who look at the process
 * (/proc/PID/maps, plat map), at most 249 bytes. Of the flags, PLAT_SHM_SPARSE and
 * PLAT_SHM_EXECUTABLE are understood. Without the latter it cannot be executed, where the kernel
 * knows that (Linux 6.3).
 *
 * -EINVAL: flags, or a name that is too long. -ENOMEM, -ENOSPC: no memory; -EMFILE.
 */
int plat_shm_memory(const char *name, size_t size, int flags, struct plat_map *ret);

/* What nobody can do from now on. The numbers are F_SEAL_*, fcntl(2). */
enum plat_seals {
	PLAT_SEAL_SEAL = 1, /* add seals */
	PLAT_SEAL_SHRINK = 2,
	PLAT_SEAL_GROW = 4,
	PLAT_SEAL_WRITE = 8,
	/* Write by other maps than those that there are (Linux 5.1). */
	PLAT_SEAL_FUTURE_WRITE = 16,
	PLAT_SEAL_EXECUTABLE = 32 /* change whether it is executable (6.3) */
};

/*
 * Seals memory of plat_shm_memory, or another memfd that is mapped with PLAT_MAP_KEEP. With
 * PLAT_SEAL_WRITE the map itself becomes one to read, at the same place; it must not be used
 * meanwhile.
 *
 * -EBUSY: PLAT_SEAL_WRITE, and others have mapped it to write; the map is as it was. -EPERM: no
 * more seals may be added. -EINVAL: no memfd, or the kernel does not know the seal. -EBADF: nothing
 * kept.
 */
int plat_shm_seal(struct plat_map *map, int seals);

/*
 * The seals of a descriptor, PLAT_SEAL_... in one number; -EINVAL if it cannot have any. Who gets
 * memory from somebody he does not trust asks for PLAT_SEAL_SHRINK before he maps it: without it, a
 * read may end in SIGBUS at any time; and without PLAT_SEAL_WRITE what was checked can change.
 */
int plat_shm_seals(int fd);

#ifdef __cplusplus
}
#endif

#endif
