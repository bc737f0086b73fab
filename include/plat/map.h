/*
 * Maps of files, devices and anonymous memory: what mmap(2) does, without its traps. Any offset and
 * any length will do, an empty file is an empty map, and what a map may not touch is told by an
 * error rather than by a signal.
 *
 *	struct plat_map map;
 *	int r = plat_map_open(AT_FDCWD, "words", PLAT_MAP_READ, 0, PLAT_MAP_ALL, &map);
 *
 *	if (r < 0)
 *		...
 *	use(map.data, map.size);
 *	plat_map_close(&map);
 *
 * The caller owns the structure and may copy and move it. The library keeps a list of its own of
 * what is mapped, and believes that: a structure that was closed (or a copy of it), that is of a
 * map that has changed since, or whose fields are no longer what they were, gives -EINVAL, and
 * nothing is done. So no call here unmaps, changes or gives away memory that is not a map's. What
 * cannot be seen is that somebody else called munmap(2) on a map's memory: leave that to
 * plat_map_close.
 *
 * Threads: each function may be called from any thread. Calls for one map that only look at it, or
 * advise, sync, populate, read and write, may come at the same time; plat_map_resize,
 * plat_map_refresh and plat_map_close need that nobody else uses the map, as free() does. Of two
 * threads that close one map, one gets -EINVAL.
 *
 * fork: the child has the same maps. Shared ones are the same memory in both, private ones are each
 * its own from then on. Each process closes, resizes and refreshes its own. No lock is held over a
 * fork, so the child of a program with threads may call everything here.
 *
 * Signals: all may be called in a signal handler.
 *
 * Errors are negative errnos. Besides those that are named below, each function passes on what the
 * kernel says.
 */
#ifndef PLAT_MAP_H
#define PLAT_MAP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct plat_map {
	void *data;	 /* the byte at `offset`; NULL where size is 0 */
	size_t size;	 /* how many bytes there are from `data` on */
	uint64_t offset; /* where they begin in the file; 0 of anonymous memory */
	uint64_t token;	 /* the library's: how it knows the map */
};

/* A map of nothing, which plat_map_close accepts. */
#define PLAT_MAP_NONE                                                                              \
	{                                                                                          \
		NULL, 0, 0, 0                                                                      \
	}

/* As a size: to the end of the file. */
#define PLAT_MAP_ALL SIZE_MAX

/* The first three say what may be done with the memory: one of them, with any of the others. */
enum plat_map_flags {
	/* To read. Others' changes to the file are seen. */
	PLAT_MAP_READ = 0,
	/* To read and write: what is written goes to the file, and is seen by all who map it. */
	PLAT_MAP_SHARED = 1,
	/* To read and write: what is written stays here. A page that was not yet written to shows
	 * what the file has, also when that changes. */
	PLAT_MAP_PRIVATE = 2,

	/* A descriptor of the file stays open with the map, close-on-exec: plat_map_resize,
	 * plat_map_refresh, plat_map_descriptor and PLAT_SYNC_FILE need it. */
	PLAT_MAP_KEEP = 4,
	/* Of files, with PLAT_MAP_SHARED: a file that is too short for the window is made as long.
	 */
	PLAT_MAP_EXTEND = 8,
	/* Nothing is set aside. Where a file becomes longer: no blocks, so that writing may end in
	 * SIGBUS when the disk is full; without this flag that is -ENOSPC when it is made longer.
	 * Of anonymous memory: it does not count against vm.overcommit_memory. */
	PLAT_MAP_SPARSE = 16,
	/* Huge pages, as far as they are to be had; plat_map_huge tells. */
	PLAT_MAP_HUGE = 32
};

/*
 * Maps `size` bytes of a file from `offset` on, neither of which has to be a multiple of anything.
 * `path` is looked up from `dirfd` as openat(2) does, AT_FDCWD for the working directory, and
 * opened for no more than the flags need; a FIFO does not hang. *ret is written only on success,
 * and not read.
 *
 * With PLAT_MAP_ALL the map ends where the file does; of an empty file, or from its end on, it is
 * empty: data NULL, size 0, nothing mapped. A window (any other size) has to lie in the file. A
 * character device has no length: it needs a window.
 *
 * -EINVAL	flags that do not go together; PLAT_MAP_ALL of a device without length
 * -ERANGE	the window ends after the file does, or begins after its end
 * -EOVERFLOW	it does not fit into the address space, or offset + size into an off_t
 * -EISDIR	a directory
 * -ENODEV	what cannot be mapped: a FIFO, a socket, a file of /proc or /sys
 * -EACCES	the file may not be opened so, or the descriptor was not
 * -EPERM	a seal or a mount forbids it
 * -ENOMEM	no address space is left (RLIMIT_AS), no memory may be promised (overcommit,
 *		RLIMIT_DATA for private maps), or the process has too many mappings
 * -ENOSPC	PLAT_MAP_EXTEND: the file cannot become so long, and stays as it was; also -EDQUOT,
 *		-EFBIG (RLIMIT_FSIZE; a signal SIGXFSZ comes with it)
 * -EOPNOTSUPP	the file system cannot set blocks aside: PLAT_MAP_SPARSE does without
 */
int plat_map_open(int dirfd, const char *path, int flags, uint64_t offset, size_t size,
		  struct plat_map *ret);

/* The same of an open file. The descriptor remains the caller's, and may be closed at once; with
 * PLAT_MAP_KEEP it is duplicated. */
int plat_map_fd(int fd, int flags, uint64_t offset, size_t size, struct plat_map *ret);

/*
 * Anonymous memory, of zeros. PLAT_MAP_PRIVATE: as malloc's; PLAT_MAP_SHARED: the children of a
 * fork share it. Of the other flags PLAT_MAP_SPARSE and PLAT_MAP_HUGE are understood. A size of 0
 * is an empty map, which plat_map_resize can make larger.
 */
int plat_map_memory(size_t size, int flags, struct plat_map *ret);

/*
 * Unmaps it, and closes what was kept; what was written to a shared map is in the file, though not
 * yet on disk (plat_map_sync). The structure is empty afterwards. A map that was never made, by
 * PLAT_MAP_NONE, is fine.
 *
 * -EINVAL	it is no map: closed before, or not as it was given out
 * -ENOMEM	the kernel would have to cut a mapping in two, and there are too many: the map stays
 */
int plat_map_close(struct plat_map *map);

/* --- following the file --- */

enum plat_resize_flags {
	/* The data stay where they are, or nothing happens, and -ENOMEM. */
	PLAT_RESIZE_STAY = 1,
	/* The file is cut off where the map now ends. */
	PLAT_RESIZE_CUT = 2
};

/*
 * Makes the map `size` bytes long, from the same offset on. map->data may be another pointer
 * afterwards, unless PLAT_RESIZE_STAY is among the flags: pointers into the map are lost. Returns 1
 * if it has moved, 0 if not.
 *
 * A file that is too short is made longer if the map is shared; its new bytes are zeros, and their
 * blocks set aside unless the map is PLAT_MAP_SPARSE. Several processes that make one file longer
 * at the same time have to take turns where the file system is not tmpfs, or the map is
 * PLAT_MAP_SPARSE. A file is cut only with PLAT_RESIZE_CUT: whoever else has it mapped meets SIGBUS
 * behind its end then.
 *
 * A smaller map gives up its last bytes: what was written there privately is lost, and when the map
 * becomes larger again, anonymous memory is zeros. Of shared memory nothing is lost while others
 * have it.
 *
 * On an error the map and the length of the file are what they were; only where the disk fails
 * while a file is cut, for a map that has become larger, map->data may be another pointer.
 *
 * -EBADF	a map of a file without PLAT_MAP_KEEP
 * -ERANGE	a map that is read-only or private, and a file that is shorter; or a device that is,
 *		or has no length
 * -EINVAL	PLAT_RESIZE_CUT of a map that is not shared, or is of anonymous memory
 * -EOPNOTSUPP	shared anonymous memory, which cannot grow (plat_shm_memory's can); or huge pages
 *		of the pool
 * -EFAULT	parts of the map have rights or advice of their own, and it cannot grow
 * -EPERM	a seal forbids to make the file longer, or to cut it
 * -ENOSPC	as with plat_map_open; so are -EOPNOTSUPP of the file system, and -ENOMEM
 */
int plat_map_resize(struct plat_map *map, size_t size, int flags);

/*
 * Makes the map as long as the file is now: one of PLAT_MAP_ALL to its end, a window as much of
 * what was asked for as there is, which may be nothing. Returns 1 if map->data has moved, 0 if not.
 * The file is the one that was opened, also if its name has gone to another.
 *
 * -EBADF	a map without PLAT_MAP_KEEP
 */
int plat_map_refresh(struct plat_map *map);

/* The descriptor that PLAT_MAP_KEEP has kept, as for locks, or to pass it on; it is closed with the
 * map. -EBADF: there is none. */
int plat_map_descriptor(const struct plat_map *map);

/* --- ranges of a map: from the byte `at` on, `size` of them, PLAT_MAP_ALL for the rest ---
 *
 * -EINVAL: the range does not lie in the map.
 */

enum plat_sync {
	/* The bytes of the range, and of the file what is needed to read them again: its length and
	 * where its blocks are. What fdatasync(2) does. */
	PLAT_SYNC_DATA,
	/* The whole file with all that is known of it, as its times. What fsync(2) does; needs
	 * PLAT_MAP_KEEP. */
	PLAT_SYNC_FILE
};

/*
 * Waits until what was written to the range of a shared map has reached the disk.
 *
 * After it has returned 0, the bytes survive a crash of the kernel and a loss of power, if the disk
 * does what it is told: they were written, and the disk's own cache was flushed. Also after a file
 * was made longer. It does not make these durable: the name of a new file, which is its directory's
 * (fsync that); an order among pages that were written to without a sync between them, which may
 * reach the disk in any order, each as a whole or in parts, if power fails before it has returned.
 *
 * -EIO, -ENOSPC, -EDQUOT: some bytes could not be written, and the kernel may have dropped them; it
 * says so once, so that a second call may return 0. Then the file holds neither for certain.
 * -EINVAL: the map is private or anonymous, and nothing of it ever reaches a disk.
 */
int plat_map_sync(const struct plat_map *map, size_t at, size_t size, enum plat_sync what);

/* None of these changes what memory holds; plat_map_discard does. madvise(2) has more of each. */
enum plat_advice {
	PLAT_ADVICE_NORMAL,
	PLAT_ADVICE_SEQUENTIAL, /* read far ahead */
	PLAT_ADVICE_RANDOM,	/* do not read ahead */
	PLAT_ADVICE_SOON,	/* begin to read it in */
	PLAT_ADVICE_COLD,	/* the first to go when memory is short (Linux 5.4) */
	PLAT_ADVICE_OUT,	/* out of memory now, to disk or swap (5.4) */
	PLAT_ADVICE_UNMAP,	/* of maps that are not private: out of our page tables */
	PLAT_ADVICE_HUGE,	/* huge pages if there are any */
	PLAT_ADVICE_NOT_HUGE,
	PLAT_ADVICE_NO_DUMP, /* leave it out of core dumps */
	PLAT_ADVICE_DUMP
};

/*
 * Tells the kernel what will be done with a range; it applies to all pages that the range touches.
 *
 * -EOPNOTSUPP: this kernel has no such advice. -EINVAL: not for such a map.
 */
int plat_map_advise(const struct plat_map *map, size_t at, size_t size, enum plat_advice advice);

/*
 * Destroys what the pages hold that lie in the range as a whole; bytes of a page that is only
 * partly in it stay. Anonymous memory is zeros then; a private map shows what the file has; a
 * shared map's file has a hole, zeros for everybody who reads it, and its blocks are free again.
 *
 * -EINVAL: the map is PLAT_MAP_READ, or pages are locked. -EOPNOTSUPP: the file system has no
 * holes.
 */
int plat_map_discard(const struct plat_map *map, size_t at, size_t size);

enum plat_populate {
	PLAT_POPULATE_READ, /* as if each page were read */
	/* As if each were written to: shared pages get their blocks, private ones their copies. */
	PLAT_POPULATE_WRITE
};

/*
 * Brings the range into memory, so that using it waits for nothing. Where that fails there is an
 * error instead of a signal. Before Linux 5.14, PLAT_POPULATE_WRITE of a file only reads.
 *
 * -EFAULT: a page cannot be had: the file has become shorter, the disk is full or cannot be read.
 * -EINVAL: PLAT_POPULATE_WRITE of a map that is read-only.
 * -ENOMEM: no memory.
 */
int plat_map_populate(const struct plat_map *map, size_t at, size_t size, enum plat_populate how);

/*
 * Copies `size` bytes of the map, from the byte `at` on, to `to`; or, for a map that is not
 * read-only, from `from` into it. Where memory cannot be had there is an error, and no signal: the
 * kernel copies. No signal handler is used or changed, so none of the program's is in the way. It
 * costs about a microsecond, and for much four to five times what memcpy takes (bench/mem maps).
 *
 * -EFAULT: a page is not there: the file has become shorter than the map, the disk cannot be read,
 * or is full. Some bytes may have been copied. Behind the end of a file, but in its last page,
 * there are zeros, as in any map.
 */
int plat_map_read(const struct plat_map *map, size_t at, void *to, size_t size);
int plat_map_write(const struct plat_map *map, size_t at, const void *from, size_t size);

/* --- huge pages --- */

enum plat_huge {
	PLAT_HUGE_NONE,	   /* none: the kernel has none, or was told never to use them */
	PLAT_HUGE_ADVISED, /* transparent ones, as the kernel finds them */
	PLAT_HUGE_POOL	   /* of the pool (hugetlb): all of the map, and for sure */
};

/*
 * What PLAT_MAP_HUGE has got. Anonymous memory is of the pool's pages if it has as many, else it is
 * aligned for transparent ones and the kernel is asked for them; a file is advised. Pages of the
 * pool are the map's own in this process; a child of a fork that writes to private ones, when the
 * pool is empty, is killed (SIGBUS).
 */
int plat_map_huge(const struct plat_map *map);

#ifdef __cplusplus
}
#endif

#endif
