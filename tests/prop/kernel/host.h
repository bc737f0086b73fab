/*
 * The machine that the tests run on: what the model must be told of it, the files that the tested
 * processes map, and what cannot be tested here, with the reason.
 */
#ifndef KERNEL_HOST_H
#define KERNEL_HOST_H

#include "model/model.h"

struct error;

/* The descriptors that each tested process finds open. What is not here is closed. */
enum host_file {
	HOST_MEMFD = 3,	     /* 16 MiB, read and write */
	HOST_SMALL_MEMFD,    /* two pages and 100 bytes */
	HOST_DISK,	     /* 16 MiB of a file system on a disk, sparse */
	HOST_DISK_READ_ONLY, /* the same file */
	HOST_DISK_AGAIN,     /* the same file, opened a second time, read and write */
	HOST_SMALL_DISK,     /* three pages and 100 bytes */
	HOST_WRITE_ONLY,     /* the same as HOST_DISK */
	HOST_PIPE,	     /* cannot be mapped */
	HOST_NOEXEC,	     /* 64 KiB on a mount without exec; may be missing */
	HOST_FILES_END
};

#define HOST_LARGE UINT64_C(0x1000000)

struct host {
	struct model_machine machine;
	struct model_file files[HOST_FILES_END];
	int descriptors[HOST_FILES_END]; /* ours, or -1 */
	int noexec_mount;		 /* a tmpfs, or -1 */
	int child64, child32;		 /* programs; child32 is -1 where it cannot run */
	bool is_root;			 /* another user can be taken on, capabilities dropped */
	bool set_mm;			 /* PR_SET_MM_MAP is there */
	uint64_t capabilities;		 /* ours that are effective, as in /proc */
	uint64_t hard[NMODEL_LIMITS];
	const char *why_no_child32, *why_no_noexec, *why_no_nobody, *why_no_set_mm;
};

/*
 * Looks at the machine. `programs` is the directory of child64 and child32, `files` one on a disk
 * where a file can be made. 0, or a negative errno and a sentence.
 */
int host_init(struct host *host, const char *programs, const char *files,
	      struct error *err) MUST_CHECK;
void host_fini(struct host *host);

/*
 * Which pages of an object are in memory is seen by mincore(): these are made new for each process.
 * The descriptor, -errno, or -1 where there is none.
 */
int host_new_file(const struct host *host, enum host_file which);
bool host_is_new_file(enum host_file which);

#endif
