/*
 * libplat: the memory calls of a C program, hard to misuse. This header includes all others of the
 * library; each is one subject, and can be included alone.
 *
 *	plat/brk.h	where the heap ends, and how far it can go
 *	plat/checked.h	memcpy and its like, within the heap block that they begin in
 *	plat/lock.h	memory that stays in memory
 *	plat/map.h	maps of files, devices and anonymous memory
 *	plat/ops.h	copies, fills, compares and searches of bytes
 *	plat/protect.h	rights of pages, and ranges where any access faults
 *	plat/residency.h	which pages are in memory, also of a file
 *	plat/scratch.h	memory for the duration of a function, instead of alloca
 *	plat/secret.h	memory for keys
 *	plat/shm.h	shared memory, with names and without
 *	plat/stack.h	stacks with guards, what is left of one, and which thread's overflows
 *	plat/usage.h	how much memory the program uses, and its limits
 *
 * What holds for every function, unless it says otherwise:
 *
 * - It returns 0 or a positive answer, or a negative errno, and leaves errno alone. An answer by
 *   pointer is the parameter `ret`, written only on success.
 * - Sizes and offsets are in bytes. What the kernel counts in pages or KiB is converted.
 * - It may be called from any thread. In the child of a fork it works as in the parent.
 * - It prints nothing. It needs libc only, and works with any malloc.
 *
 * Link with -lplat. Linking it never replaces malloc; that is libplat-malloc's.
 */
#ifndef PLAT_MEM_H
#define PLAT_MEM_H

#include <plat/brk.h>
#include <plat/checked.h>
#include <plat/lock.h>
#include <plat/map.h>
#include <plat/ops.h>
#include <plat/protect.h>
#include <plat/residency.h>
#include <plat/scratch.h>
#include <plat/secret.h>
#include <plat/shm.h>
#include <plat/stack.h>
#include <plat/usage.h>

#endif
