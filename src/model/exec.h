/*
 * What exec makes of a program: an address space right before the first instruction. What the
 * interpreter does then, relro and libraries, is not here.
 *
 *   from above  | program | heap ->          <- mmap zone | vvar vdso | interpreter |  | <- stack |
 *   from below  |  | interpreter | vvar vdso | mmap zone ->   | program | heap ->      | <- stack |
 *
 * A program without an interpreter that can lie anywhere (static-PIE) lies in the mmap zone, where
 * the interpreter is drawn, and its heap where programs lie.
 *
 * The model's machine, personality, limits and capabilities say under which rules; chance is an
 * argument. Addresses of images are those of their headers until a bias is added.
 */
#ifndef MODEL_EXEC_H
#define MODEL_EXEC_H

#include "model/model.h"

/* A PT_LOAD header. */
struct exec_segment {
	uint64_t vaddr, offset, filesz, memsz, align;
	uint32_t rights; /* VMA_READ, VMA_WRITE, VMA_EXEC */
};

/* An ELF file. */
struct exec_image {
	bool fixed; /* ET_EXEC: it cannot be moved */
	const struct exec_segment *segments;
	size_t nsegments;
	uint64_t file_size;
	bool huge_aligned; /* as in struct model_file */
	uint32_t name;	   /* index in a space's files, or NO_FILE */
};

enum exec_stack { EXEC_STACK_DEFAULT /* no PT_GNU_STACK */, EXEC_STACK_DATA, EXEC_STACK_CODE };

struct exec_program {
	unsigned bits; /* 64 or 32 */
	struct exec_image image;
	bool has_interpreter;
	struct exec_image interpreter;
	enum exec_stack stack;
	/*
	 * The strings on the stack, each with its NUL. An exec without arguments has one, which is
	 * empty, since Linux 5.18.
	 */
	uint64_t filename_size, arg_size, env_size, longest;
	uint64_t nargs, nenvs;
	unsigned nauxv; /* entries of the auxiliary vector with its end, or 0: as Linux 6.18 */
	/* Indexes in a space's files for "[vdso]", "[vvar]" and "[vvar_vclock]", or NO_FILE. */
	uint32_t vdso_name, vvar_name, vvar_clock_name;
};

/* One argument, an empty environment, nothing else. */
void exec_program_init(struct exec_program *program);

/* Entries of the auxiliary vector, with its end. */
unsigned exec_nauxv(const struct exec_program *program);

/* What is drawn by chance. All 0 is one of the results, and also that without ASLR. */
struct exec_random {
	uint64_t stack_pages;	/* the stack's end lies this much lower */
	uint64_t stack_bytes;	/* and this much, before it is rounded up to a page */
	uint64_t pointer_bytes; /* between the strings and what the first stack pointer points to */
	uint64_t mmap_pages;	/* the mmap zone begins this much further in */
	uint64_t program_pages; /* a PIE lies this much higher */
	uint64_t brk_pages;	/* the heap begins this much higher */
};

/* How many values each has under the model's settings: 1 where nothing is drawn. */
struct exec_random exec_random_counts(const struct model *model, unsigned bits);

/* Where the parts lie, as far as chance and headers alone decide. */
struct exec_places {
	bool top_down;
	plat_addr task_size;
	plat_addr stack_top;
	plat_addr mmap_base, legacy_base;
	plat_addr dyn_base; /* where programs that can be moved lie at the lowest */
	/* Where the first segment's page lies; 0 for a static-PIE: a search finds it. */
	plat_addr program;
	plat_addr bias; /* of the program; static-PIE: before the search */
	plat_addr start_brk;
};

/* What is drawn beyond exec_random_counts(), or not drawn at all, is not looked at. */
struct exec_places exec_places_of(const struct model *model, const struct exec_program *program,
				  const struct exec_random *random);

/*
 * The largest alignment of the image's segments, at least a page; those that are no power of two do
 * not count. 0: there is none.
 */
uint64_t exec_alignment(const struct exec_image *image);

/* The sum of an address in a header and a size, as the loader makes it: of 32 bits for ia32. */
static inline plat_addr exec_end(unsigned bits, plat_addr addr, uint64_t size)
{
	return bits == 32 ? (uint32_t)(addr + size) : addr + size;
}

/* Bytes of the stack that exec makes, if nothing refuses them. */
uint64_t exec_stack_size(const struct model *model, const struct exec_program *program);

struct exec_result {
	int64_t value; /* 0, or the negative errno that stopped it */
	bool killed;   /* too late for an errno: the process gets SIGSEGV */
	enum rule refused;
	plat_addr bias, interpreter_bias;
	plat_addr vvar, vdso;
};

/*
 * Makes the model's space anew for the program. Descriptors stay. Where value is not 0 nothing that
 * the model then holds means anything; nor where model->out_of_memory is set.
 */
struct exec_result model_exec(struct model *model, const struct exec_program *program,
			      const struct exec_random *random);

#endif
