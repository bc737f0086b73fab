/*
 * plat: what each byte of a process's memory is. The files, in the order in which they build on
 * each other; a room only knows rooms above it.
 *
 * base/    addr.h        addresses, and sums that cannot wrap
 *          assert        judgements of our own state
 *          compiler.h    the compiler's extensions
 *          error         the sentence behind a negative errno
 *          list          lists that grow; search.h among what is sorted
 *          crew.h        workers that do one job together
 *          reader.h      bytes of the process we look at
 *          reader_cache  the same, remembered
 *          ranges        sets of addresses; a reader that notes what is read
 *          slots         things found again by their hashes
 *          names         strings, each kept once
 *          text          text on its way out; names made harmless
 *          pagemap.h     the kernel's words for the state of pages, procmap.h for mappings
 * space/   space         an address space as plain data: regions, files, threads, gaps
 *          layout        which way the mmap zone grows
 *          modules       ELF headers as memory holds them
 *          dynamic       how modules are linked: symbols, bindings, order, notes
 *          stacks        thread stacks: the C library's descriptors
 *          kinds         which kind each byte is
 *          figures       page figures, given to regions
 *          cgroups       what control groups limit
 *          limit_change.h a limit that is to be changed
 *          borders       why two neighbouring mappings are two
 *          vmflags       the flags of smaps in words
 *          mangle        pointers that the C library hides
 *          symbol.h      what symbol tables say of an address
 *          rollup        what a process shares, in sum
 * model/   rules         what the kernel does, by name and in words; rules_list.h has them all
 *          vmas          the VMAs of a model, and the gaps between them
 *          pages         sets of pages
 *          model         the kernel's rules as a program; parts.h is what its files share
 *          limits        what is counted, and how much more may be
 *          files         open files, and the descriptors that name them
 *          place         where a mapping goes
 *          merge         how VMAs become one, and are cut
 *          access        accesses to memory: faults, stacks that grow, identities
 *          mmap          mmap and munmap
 *          brk           the heap
 *          protect       mprotect and mseal
 *          remap         mremap
 *          lock          mlock and its family
 *          advise        madvise and mincore
 *          chance        numbers that are drawn, counted
 *          exec          the space that exec makes; exec_load, _places, _ranges, _space its parts
 *          from_space    a model of a process that was looked at
 *          to_space      and back
 *          headroom      how much more there can be
 *          limits_table  what limits a process's memory; limits_rows its rows
 *          script        calls as text, as strace prints them; script_parser.h is what its parts
 *                        share: _calls, _names, _number, _own, _print, _settings, _words
 *          replay        a script carried out and checked; replay_follow, _learn its parts
 * source/  procdir       the folder /proc/PID, live or captured
 *          maps          the text of maps and smaps
 *          facts         the text of stat, status, limits, auxv, personality
 *          mem           a process's memory by its file mem, or quicker
 *          memory        the process's memory, without changing it
 *          content       the same, with what pages that are not there would hold
 *          files         the files behind mappings
 *          new_file      a file that is there as a whole, or not at all
 *          pages         the state of pages
 *          snapshot      a snapshot, opened; snapshot_format.h what it is made of
 *          snapshot_take taking one: snapshot_write its file, _pack memory, _filter what of that is
 *                        kept, _scrub what of /proc; snapshot_files mapped files
 *          crew          a crew of threads
 *          threads       threads and their stack pointers
 *          clock.h       what time has passed
 *          registers     those of a thread that stands still; a file for each processor
 *          thread_registers those of all threads, also of a snapshot or a core
 *          stop          stops all threads of a process, and lets them go on
 *          unwind        the frames of a thread that stands still; a file for each processor
 *          inject        calls that a process makes for us, by a helper; a file for each processor
 *          track         which pages of a process are written to from now on
 *          private_pages the pages that a process has for itself
 *          copy          a process's own memory as it was at one moment
 *          freeze        whether a process stands still while it is looked at, and how long
 *          rollup        smaps_rollup
 *          cgroups       the memory limits of control groups
 *          core          a core: headers and memory; core_notes its notes, core_unpack zstd,
 *                        core_files mapped files, core_space a space of it
 *          cache         how much of a file the page cache holds
 *          children      a process and its descendants
 *          query         single addresses: PROCMAP_QUERY, smaps of one mapping
 *          image         a module's ELF file made anew from memory
 *          elf_file      an ELF file's headers, as exec reads them
 *          exact         reads of a file that may become shorter meanwhile
 *          errand        work on a stranger's bytes, done by a child process
 *          demangle      names as the source has them
 *          objects       the variables that many addresses lie in
 *          frames        the frames of threads that stand still
 *          symbol_file   a module's symbols, opened by elfutils
 *          symbols       names of functions and variables, from ELF and DWARF
 *          proc          all of these: a space from a process
 *          here          this machine and our own process, for the model
 *          spawn         a command, started in two steps
 *          launch        the same, watched to its end
 *          preload       a library that is loaded before a command: whether that can work
 *          puppet        a process that does system calls for us; a file for each processor
 *          probe_space   an address space made like a model's
 *          probe         and really grown
 *          set_limits    prlimit: changes limits of a process
 *          poke          changes a process's memory: one number of plat's malloc, nothing else
 * heap/    heap.h        blocks, sums, proofs: what all readers tell
 *          survey        a walk seen together with pages; survey_pages, survey_sizes its parts
 *          locate        what is at one address
 *          ladder        from RSS down to live bytes
 *          block_log     blocks put aside in few bytes
 *          portrait      what there was at one moment, and what differs at another
 *          folds         sums by stacks of calls; block_folds those of a walk's blocks
 *          own           the heap of plat's own malloc, by src/alloc/state.h; own_layout its
 *                        header, own_heaps, own_threads and own_slab its parts, own_parts.h
 *                        what they share
 *          own_state     where it keeps what it knows
 *          own_profile   its sampling profile; own_trim how far it has given back what was asked
 *          allocator     which malloc a process uses, by its dynamic linker's tables
 *          find          all allocators of a process, opened by who can read them
 *          ptmalloc      glibc's heaps: _find, _par and _arenas where they are, _lists, _tcache and
 *                        _shelves what is free, _mapped blocks that stand alone, _chain, _chunk,
 *                        _seek and _witness the way from chunk to chunk, _call who is in the
 *                        middle of a call, _proofs what adds up, _show what is told of it
 *          signal_frame  where a thread was when a signal came
 *          musl          what is common to musl's: mallocng from 1.2.1 on, oldmalloc before
 *          window        memory that is read in order
 *          trim_function what trims a heap when the process calls it
 *          block_index   which block an address is in; blocks makes it
 *          scan          words that point to blocks; a file for each processor
 *          graph         who points to whom; edges how that is kept
 *          flood         along edges, level by level: reach what has a mark, lost what has none,
 *                        owners who holds what
 *          leaks         what is lost, in groups
 *          suppressions  what of that is not to be told
 *          roots         what a program can get at by itself; roots_threads its threads' part
 *          anchors       where exactly the words stand that point to blocks
 *          holdings      what each of many owners holds
 *          types         the C++ type of a block, by its first word
 * view/    units         sizes for people
 *          paint         colours, letters, lines that fit
 *          rows          regions merged into rows
 *          picture       the picture on a terminal; picture_head, _body, _foot, _pair its parts
 *          svg           the picture as a drawing
 *          columns       what can be said of a region
 *          table         --list
 *          document      pieces of JSON documents
 *          json          --json
 *          usage         plat usage
 *          resident      plat resident
 *          headroom      plat headroom
 *          limits        plat limits
 *          layout        plat model layout, below the picture
 *          heap          plat heap; heap_sizes, _pages, _proofs, _blocks, _json its parts
 *          leaks         plat leaks; leaks_json its document
 *          owner_list    who holds how much, as plain data
 *          owners        plat owners
 *          diff          plat diff
 *          calls         the frames of a site, with their names
 *          export.h      folds for the tools of others: folded, and pprof by protobuf and gzip
 *          profile       plat profile
 *          snapshot      plat snapshot
 *          trim          plat trim
 *          doctor        plat doctor
 *          ties          who points to a block, and what it holds; ties_json
 *          explain       plat explain; explain_json, explain_ties, explain_words its parts
 *          holder        what holds a block, in words and as JSON
 * cli/     commands.h    the subcommands
 *          terminal      what the terminal can show
 *          report        complaints and exit codes
 *          options       option tables: parsing, --help; options of several commands
 *          target        what an operand means, and opening it
 *          map           plat map
 *          map_command   plat map -- COMMAND
 *          explain       plat explain; ties who points to a block
 *          usage         plat usage
 *          resident      plat resident
 *          headroom      plat headroom
 *          limits        plat limits
 *          model         plat model
 *          model_layout  plat model layout
 *          model_run     plat model run; model_steps what it says of each call
 *          heap_look     a process's allocators, found and opened
 *          heap_survey   all of them, walked and seen together with pages
 *          graph_look    who points to whom in what an operand names
 *          root_names    words of roots: variables, frames, registers
 *          type_names    names of C++ types
 *          sites         where blocks are made, with names of calls
 *          export        files for the tools of others
 *          leaks_since   blocks of an earlier snapshot
 *          leaks         what is lost; leaks_command plat leaks, leaks_export its files for others
 *          owners        plat owners; owner_look who holds how much
 *          heap          plat heap; heap_export --folded and --pprof
 *          diff          plat diff; portray one side of it
 *          profile       plat profile; profile_export the same
 *          snapshot      plat snapshot
 *          trim          plat trim
 *          library       where libplat-malloc is
 *          run           plat run
 *          doctor        plat doctor; doctor_preload why a library was not loaded
 *          completion    plat completion
 *          main          this file
 */
#include "cli/commands.h"
#include "cli/report.h"

#include <locale.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#ifndef PLAT_VERSION
#define PLAT_VERSION "unknown"
#endif

const struct command *const commands[] = {
	&map_command,	   &explain_command,	&usage_command,
	&resident_command, &headroom_command,	&limits_command,
	&model_command,	   &heap_command,	&leaks_command,
	&owners_command,   &diff_command,	&profile_command,
	&snapshot_command, &trim_command,	&run_command,
	&doctor_command,   &completion_command, NULL,
};

static void help(void)
{
	size_t i;

	printf("Usage: plat COMMAND [options] [operands]\n\n"
	       "Shows what each byte of a process's memory is.\n\nCommands:\n");
	for (i = 0; commands[i]; i++)
		printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
	printf("\n'plat COMMAND --help' explains one. 'plat map $$' is a good beginning.\n");
}

/* What could not be written is lost: say so, unless the reader just went away. */
static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	perror("plat: standard output");
	return code == EXIT_FINE ? EXIT_NO_LOOK : code;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct options options = {.command = command, .argc = argc, .argv = argv};
	int code = command->run(&options);

	return finish(code == OPTION_HELP ? EXIT_FINE : code);
}

/*
 * Lists with an entry for each block of a process take most of our memory. glibc would raise its
 * threshold as they are freed, and take the next ones from its heap: there a list that grows is
 * copied, and leaves a hole. In mappings of their own the kernel moves them.
 */
static void keep_lists_in_mappings(void)
{
#ifdef M_MMAP_THRESHOLD
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

int main(int argc, char **argv)
{
	size_t i;

	keep_lists_in_mappings();
	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C");
	if (argc < 2) {
		help();
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		help();
		return finish(EXIT_FINE);
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("plat %s\n", PLAT_VERSION);
		return finish(EXIT_FINE);
	}
	for (i = 0; commands[i]; i++)
		if (strcmp(commands[i]->name, argv[1]) == 0)
			return run(commands[i], argc - 1, argv + 1);
	return usage_error(NULL, "%s: no such command", argv[1]);
}
