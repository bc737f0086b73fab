/* The list that rules.h makes its names from: RULE(NAME, words), in the order of the subjects. */
#ifndef MODEL_RULES_LIST_H
#define MODEL_RULES_LIST_H

/* clang-format off */
#define MODEL_RULES(RULE) \
	/* Limits */ \
	RULE(LIMIT_AS, "the address space would exceed RLIMIT_AS") \
	RULE(LIMIT_DATA, "private writable memory would exceed RLIMIT_DATA") \
	RULE(LIMIT_DATA_SOFT_0, "with a soft RLIMIT_DATA of 0 the hard one counts, except for brk") \
	RULE(LIMIT_STACK, "the stack would exceed RLIMIT_STACK, measured from its own end") \
	RULE(LIMIT_MEMLOCK, "locked memory would exceed RLIMIT_MEMLOCK") \
	RULE(COMMIT_HEURISTIC, "vm.overcommit_memory is 0, and this request alone is larger than memory and swap") \
	RULE(COMMIT_STRICT, "vm.overcommit_memory is 2, and the commit limit would be exceeded") \
	RULE(REPLACED_CREDIT, "pages that MAP_FIXED replaces are not counted twice") \
	RULE(SHARED_CHARGED, "shared anonymous memory is charged as a whole, whatever its rights") \
	/* What is counted */ \
	RULE(COUNT_STACK, "what grows down counts as stack, whatever its rights") \
	RULE(COUNT_LOCKED, "a locked mapping counts in VmLck") \
	RULE(COUNT_UNLOCKED, "unmapping takes its pages from VmLck") \
	RULE(DATA_GROWSDOWN, "what grows down is not data: RLIMIT_DATA does not stop it") \
	/* How many mappings */ \
	RULE(MAP_COUNT, "there are more mappings than vm.max_map_count") \
	RULE(MAP_COUNT_SPLIT, "cutting a mapping would make more than vm.max_map_count") \
	RULE(MAP_COUNT_HOLE, "a hole inside one mapping would make more than vm.max_map_count") \
	RULE(MAP_COUNT_REMAP, "moving a mapping can need three more, and vm.max_map_count is near") \
	RULE(MAP_COUNT_REMAP_FIXED, "moving to a given place can need five more, and vm.max_map_count is near") \
	/* Placement */ \
	RULE(LENGTH_TOO_LARGE, "it is longer than user space") \
	RULE(BEHIND_USER_SPACE, "it would reach behind the end of user space") \
	RULE(FIXED_UNALIGNED, "a fixed address must be a multiple of the page size") \
	RULE(MIN_ADDR, "below vm.mmap_min_addr only CAP_SYS_RAWIO may map") \
	RULE(NO_GAP, "no gap is large enough") \
	RULE(STACK_GAP, "searches and hints keep the stack guard gap free below what grows down") \
	RULE(STACK_GAP_BELOW_0, "a stack guard gap that reaches below 0 ends the search in an address behind user space") \
	RULE(FROM_BELOW_WHEN_FULL, "where nothing fits from above, the search begins anew from below") \
	RULE(HINT_ROUNDED_UP, "a hint below the lowest address is taken as that address") \
	RULE(MAP_32BIT, "MAP_32BIT searches from below between 1 and 2 GiB") \
	RULE(MAP_ABOVE4G, "MAP_ABOVE4G searches above 4 GiB") \
	RULE(HUGE_ANONYMOUS, "private anonymous memory of a multiple of 2 MiB is placed at a multiple of 2 MiB") \
	RULE(HUGE_FILE, "files of some file systems are placed so that huge pages fit their offset") \
	RULE(HUGE_TOP, "a place found from above that fits already is moved up by 2 MiB") \
	RULE(NOREPLACE, "MAP_FIXED_NOREPLACE does not replace what is there") \
	/* Arguments */ \
	RULE(UNALIGNED, "an address must be a multiple of the page size") \
	RULE(OFFSET_UNALIGNED, "an offset must be a multiple of the page size") \
	RULE(DESCRIPTOR, "the file descriptor is not open") \
	RULE(LENGTH_0, "the length is 0") \
	RULE(LENGTH_WRAPS, "the length, rounded up to pages, is more than a number can hold") \
	RULE(OFFSET_WRAPS, "the end of the part of the file is more than a number can hold") \
	RULE(OFFSET_TOO_LARGE, "the end of the part is behind the largest file that can be") \
	RULE(TYPE, "it is neither shared nor private") \
	RULE(SHARED_VALIDATE, "MAP_SHARED_VALIDATE refuses flags that it does not know") \
	RULE(UNMAP_RANGE, "the range does not lie in user space") \
	RULE(RANGE_WRAPS, "the range wraps around") \
	RULE(EMPTY_IS_FINE, "an empty range needs no mapping") \
	RULE(HOLE, "a part of the range is not mapped") \
	/* Files and kinds of memory */ \
	RULE(FILE_NOT_WRITABLE, "shared and writable needs a file that was opened for writing") \
	RULE(FILE_NOT_READABLE, "a mapping needs a file that was opened for reading") \
	RULE(FILE_NOEXEC, "the file system is mounted without exec") \
	RULE(FILE_UNMAPPABLE, "this file cannot be mapped") \
	RULE(SHARED_READ_ONLY, "a shared mapping of a file opened for reading can never become writable") \
	RULE(GROWSDOWN_FILE, "a file's mapping cannot grow") \
	RULE(GROWSDOWN_SHARED, "shared memory cannot grow") \
	RULE(DROPPABLE, "droppable memory can be neither locked nor grow") \
	RULE(FLAG_NORESERVE, "MAP_NORESERVE memory is not charged, and does not merge with what is") \
	RULE(FLAG_STACK, "MAP_STACK memory gets no huge pages, and does not merge with other") \
	RULE(EXECUTE_ONLY, "PROT_EXEC alone gets a protection key of its own") \
	/* Merging */ \
	RULE(MERGE_FLAGS, "mappings merge only if all their flags are equal") \
	RULE(MERGE_FILE, "mappings merge only if they are of one open file") \
	RULE(MERGE_OFFSET, "mappings merge only if their offsets follow each other") \
	RULE(MERGE_SPECIAL, "mappings of devices and of the kernel never merge") \
	RULE(MERGE_IDENTITY, "mappings whose pages were made apart do not merge") \
	RULE(MERGE_INHERITED, "pages from before a fork do not merge with memory that has none yet") \
	RULE(MERGE_BOTH_SIDES, "between two that cannot be one, a mapping merges to the left") \
	RULE(SAME_FLAGS, "where no flag changes nothing is merged") \
	RULE(CUT_WHOLE, "vdso and vvar cannot be cut") \
	RULE(IDENTITY_WRITE, "the first write to private memory gives it an identity") \
	RULE(IDENTITY_POPULATE, "populating private writable memory gives it an identity") \
	RULE(IDENTITY_GROWTH, "a stack that tries to grow gets an identity, also if it cannot") \
	RULE(IDENTITY_SHARED, "the identity of a neighbour is taken where only rights differ") \
	/* The heap */ \
	RULE(BRK_START, "the break stays above the start of the heap") \
	RULE(BRK_DATA_LIMIT, "heap and data segment would exceed RLIMIT_DATA, also where the heap shrinks") \
	RULE(BRK_NOTHING_THERE, "what the heap would give back is not mapped") \
	RULE(BRK_NEIGHBOUR, "the next mapping above is in the way") \
	RULE(BRK_PAGE_GAP, "the heap keeps one page free below its neighbour") \
	RULE(BRK_BSS, "what ends at the start of the heap is no part of it") \
	RULE(SET_MM_RANGE, "an address lies outside user space") \
	RULE(SET_MM_ORDER, "an end lies below its start") \
	RULE(SET_MM_DATA_LIMIT, "heap and data segment would exceed RLIMIT_DATA") \
	/* Protection and seals */ \
	RULE(PROTECT_GROWS_BOTH, "a range cannot grow both ways") \
	RULE(PROTECT_GROWSDOWN, "PROT_GROWSDOWN needs a mapping that grows down") \
	RULE(PROTECT_GROWSUP, "nothing grows up on this processor") \
	RULE(PROTECT_BITS, "these rights are not known") \
	RULE(PROTECT_MAY, "the mapping can never have this right") \
	RULE(PROTECT_DATA_BYPASS, "RLIMIT_DATA is not asked where RLIMIT_AS is exhausted") \
	RULE(PROTECT_ACCOUNT, "private memory that becomes writable is charged") \
	RULE(PROTECT_UNACCOUNT, "memory never written to that becomes read-only is charged no more") \
	RULE(PROTECT_POPULATES, "locked memory that becomes writable is populated") \
	RULE(SEALED, "the mapping is sealed") \
	RULE(SEALED_DISCARD, "sealed memory that cannot be written to cannot be discarded") \
	RULE(SEAL_ARGUMENTS, "flags, address or length are not what mseal takes") \
	RULE(SEAL_HOLE, "a part of the range is not mapped, so nothing is sealed") \
	/* Moving */ \
	RULE(REMAP_FLAGS, "these flags are not known") \
	RULE(REMAP_NEW_0, "the new length is 0") \
	RULE(REMAP_TOO_LARGE, "the new length is longer than user space") \
	RULE(REMAP_TO_RANGE, "the destination does not lie in user space") \
	RULE(REMAP_MAYMOVE, "a place can only be named with MREMAP_MAYMOVE") \
	RULE(REMAP_DONTUNMAP_SIZE, "MREMAP_DONTUNMAP cannot change the size") \
	RULE(REMAP_OVERLAP, "source and destination overlap") \
	RULE(REMAP_NOTHING, "nothing is mapped at the address") \
	RULE(REMAP_OLD_0, "only shared memory can be doubled with an old length of 0") \
	RULE(REMAP_DONTUNMAP_SPECIAL, "mappings of devices and of the kernel cannot be left behind") \
	RULE(REMAP_ACROSS, "the range is not in one mapping") \
	RULE(REMAP_GROW_SPECIAL, "mappings of devices and of the kernel cannot grow") \
	RULE(REMAP_IN_PLACE, "what has room grows where it is") \
	RULE(REMAP_STAYS, "there is no room, and the mapping may not move") \
	RULE(REMAP_FRESH_OFFSET, "memory never written to is placed anew, and can merge where it arrives") \
	RULE(REMAP_MULTI, "equal lengths and MREMAP_FIXED move all mappings of the range (Linux 6.17)") \
	RULE(DONTUNMAP_LIMIT, "what is left behind counts against the limits") \
	RULE(DONTUNMAP_LOCK_LEAK, "what is left behind loses its lock, and VmLck is not told") \
	RULE(DONTUNMAP_IDENTITY, "what is left behind as a whole loses its identity") \
	/* Locking */ \
	RULE(LOCK_PERMISSION, "RLIMIT_MEMLOCK is 0, and CAP_IPC_LOCK is missing") \
	RULE(LOCK_FLAGS, "these flags are not known, or none is given") \
	RULE(LOCK_FUTURE, "new mappings are locked after mlockall(MCL_FUTURE)") \
	RULE(LOCK_ONFAULT, "locking on fault populates nothing") \
	RULE(LOCK_SPECIAL, "mappings of devices, of the kernel and droppable ones are passed over") \
	RULE(LOCK_COUNT_INT, "the pages of a mapping are counted in 32 bits") \
	RULE(LOCK_WRAPS, "the range wraps around") \
	RULE(LOCKED_CREDIT, "what is locked already is not counted twice") \
	RULE(LOCK_NO_PAGE, "a page could not be had; the range is locked all the same") \
	RULE(LOCK_ALL_LIMIT, "all memory would exceed RLIMIT_MEMLOCK") \
	/* Advice */ \
	RULE(ADVICE_UNKNOWN, "this advice is not known") \
	RULE(ADVICE_WRAPS, "the range wraps around") \
	RULE(ADVICE_NOT_HERE, "this advice makes no sense for such a mapping") \
	RULE(ADVICE_KSM, "shared and special memory is passed over") \
	RULE(ADVICE_EAGAIN, "what would be ENOMEM is EAGAIN") \
	RULE(ADVICE_DROP_LOCKED, "pages that are locked cannot be dropped") \
	RULE(ADVICE_FREE_FILE, "only private anonymous memory can be freed lazily") \
	RULE(ADVICE_REMOVE_PRIVATE, "a hole can only be made in an object that is not locked") \
	RULE(ADVICE_REMOVE_WRITE, "a hole needs a mapping that is shared and can be writable") \
	RULE(ADVICE_POPULATE_SPECIAL, "mappings of devices cannot be populated") \
	RULE(MINCORE_RANGE, "the range does not lie in user space") \
	/* Accesses */ \
	RULE(UNMAPPED, "nothing is mapped there, and nothing above can grow to it") \
	RULE(RIGHTS, "the mapping does not have this right") \
	RULE(EXECUTE_ONLY_ACCESS, "memory with PROT_EXEC alone cannot be read") \
	RULE(END_OF_FILE, "the file ends before this page") \
	RULE(GROWTH_LOWEST, "a stack does not grow below the lowest address") \
	RULE(GROWTH_GAP, "the stack guard gap to the mapping below would be used up") \
	RULE(GROWTH_NEXT_TO_STACK, "the gap is not kept to another stack") \
	RULE(GROWTH_NEXT_TO_NONE, "the gap is not kept to memory without rights") \
	RULE(GROWTH_OFFSET, "the stack was moved, and its offset does not reach further down") \
	/* Changing limits */ \
	RULE(LIMIT_ORDER, "the soft limit is above the hard one") \
	RULE(LIMIT_RAISE, "raising a hard limit needs CAP_SYS_RESOURCE") \
	/* fork */ \
	RULE(FORK_DONTCOPY, "memory with MADV_DONTFORK is not in the child") \
	RULE(FORK_WIPE, "memory with MADV_WIPEONFORK is empty in the child") \
	RULE(FORK_UNLOCKS, "locks are not inherited") \
	/* exec */ \
	RULE(EXEC_STRINGS, "arguments and environment, with 8 bytes for each of them, exceed their limit") \
	RULE(EXEC_STRINGS_MOST, "arguments and environment have 6 MiB at most") \
	RULE(EXEC_STRINGS_LEAST, "a quarter of RLIMIT_STACK is for arguments and environment, but 128 KiB at least") \
	RULE(EXEC_STRING, "one argument or variable is longer than 128 KiB") \
	RULE(EXEC_STACK_MORE, "the stack begins with 128 KiB more than its strings need, or with RLIMIT_STACK") \
	RULE(EXEC_STACK_OFFSET, "the stack keeps the offset of the place where exec has made it") \
	RULE(EXEC_READ_IMPLIES, "in an ia32 program without PT_GNU_STACK all that can be read can be executed") \
	RULE(EXEC_3GB, "an ia32 program with ADDR_LIMIT_3GB has 3 GiB") \
	RULE(EXEC_LEGACY, "ADDR_COMPAT_LAYOUT or vm.legacy_va_layout let the mmap zone grow up from a third") \
	RULE(EXEC_GAP_GUARD, "RLIMIT_STACK and the stack guard gap are kept free above the mmap zone") \
	RULE(EXEC_GAP_RANDOM, "the range of the stack's random end is kept free above the mmap zone, too") \
	RULE(EXEC_GAP_LEAST, "at least 128 MiB are kept free above the mmap zone") \
	RULE(EXEC_GAP_MOST, "at most 5/6 of user space are kept free above the mmap zone, also for an unlimited stack") \
	RULE(EXEC_WHOLE, "what can be moved is mapped whole before it is cut into segments") \
	RULE(EXEC_SEGMENT, "a segment reaches beyond user space, or its file is longer than its memory") \
	RULE(EXEC_CLEARED_PAGE, "the rest of the last page from the file is cleared, which writes to it") \
	RULE(EXEC_PIE_ALIGN, "a PIE is placed at a multiple of its segments' largest alignment") \
	RULE(EXEC_STATIC_PIE_ALIGN, "so is a static-PIE, below the place that the search has found") \
	RULE(EXEC_STATIC_PIE_HEAP, "the heap of a static-PIE begins where a PIE would") \
	RULE(EXEC_BRK_RANDOM, "kernel.randomize_va_space 2 moves the start of the heap") \
	RULE(EXEC_BRK_PAGE, "a heap whose start is moved keeps a page free behind the program") \
	RULE(EXEC_EMPTY, "a program that can be moved, or an interpreter, has nothing to map") \
	RULE(EXEC_INTERPRETER_HINT, "the interpreter of a program that cannot be moved goes where its file says, if that is free") \
	RULE(EXEC_VCLOCK, "the clocks' pages of virtual machines are a mapping of their own (Linux 6.13)")
/* clang-format on */

#endif
