/*
 * A symbol is found by the hash table that the dynamic linker uses:
 *
 *     DT_GNU_HASH  | nbuckets | first | nblooms | shift | blooms ... | buckets ... | chains ... |
 *     DT_HASH      | nbuckets | nchains | buckets ... | chains ... |
 *
 * In a GNU table all symbols below `first` are such as the module takes from others.
 */
#include "space/dynamic.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#define TAGS_MOST 1024
#define CHAIN_MOST 65536
#define SYMBOLS_MOST (1u << 20)
#define RELOCATIONS_MOST (1u << 22)
#define LINKS_MOST 8192
#define NOTES_MOST 256
#define NAME_MOST 64
#define AT_ONCE 64 /* entries of a table that are read together */

/* A symbol of either class. */
struct symbol_entry {
	uint32_t name;
	uint16_t section;
	uint64_t value, size;
};

static int read_u32(struct reader *reader, plat_addr at, uint32_t *ret)
{
	return reader_read(reader, at, ret, sizeof(*ret));
}

/* A word of the module's class. */
static int read_word(struct reader *reader, bool is_64, plat_addr at, uint64_t *ret)
{
	*ret = 0; /* little-endian: a short word fills the low bytes */
	return reader_read(reader, at, ret, is_64 ? 8 : 4);
}

static bool is_inside(const struct module *module, plat_addr addr)
{
	size_t i;

	for (i = 0; i < module->nsegments; i++)
		if (module->segments[i].start <= addr && addr < module->segments[i].end)
			return true;
	return false;
}

/* glibc adds the bias to addresses in the section, musl does not: one of both lies inside. */
static plat_addr address_of(const struct module *module, uint64_t value)
{
	if (is_inside(module, value))
		return value;
	return is_inside(module, module->bias + value) ? module->bias + value : 0;
}

static void take_tag(struct dynamic *dynamic, uint64_t tag, uint64_t value)
{
	plat_addr at = address_of(dynamic->module, value);

	switch (tag) {
	case DT_SYMTAB:
		dynamic->symbols = at;
		break;
	case DT_STRTAB:
		dynamic->strings = at;
		break;
	case DT_STRSZ:
		dynamic->strings_size = value;
		break;
	case DT_HASH:
		dynamic->hash = at;
		break;
	case DT_GNU_HASH:
		dynamic->gnu_hash = at;
		break;
	case DT_JMPREL:
		dynamic->relocations[0].start = at;
		break;
	case DT_PLTRELSZ:
		dynamic->relocations[0].size = value;
		break;
	case DT_PLTREL:
		dynamic->relocations[0].has_addend = value == DT_RELA;
		break;
	case DT_RELA:
		dynamic->relocations[1].start = at;
		break;
	case DT_RELASZ:
		dynamic->relocations[1].size = value;
		break;
	case DT_REL:
		dynamic->relocations[2].start = at;
		break;
	case DT_RELSZ:
		dynamic->relocations[2].size = value;
		break;
	case DT_DEBUG:
		dynamic->debug = value;
		break;
	case DT_SONAME:
		dynamic->soname = value; /* an offset, until all tags are read */
		break;
	default:
		break;
	}
}

int dynamic_read(struct reader *reader, const struct module *module, struct dynamic *ret)
{
	unsigned word = module->is_64 ? 8 : 4, i;
	plat_addr at = module->dynamic_start;
	uint64_t tag = DT_NULL, value;
	int r;

	*ret = (struct dynamic){.module = module, .relocations[1].has_addend = true};
	if (module->dynamic_start >= module->dynamic_end)
		return -ENOENT;
	for (i = 0; i < TAGS_MOST && at < module->dynamic_end; i++, at += 2 * word) {
		r = read_word(reader, module->is_64, at, &tag);
		if (r == 0)
			r = read_word(reader, module->is_64, at + word, &value);
		if (r < 0)
			return r;
		if (tag == DT_NULL)
			break;
		take_tag(ret, tag, value);
	}
	ret->soname = ret->soname && ret->soname < ret->strings_size && ret->strings
			      ? ret->strings + ret->soname
			      : 0;
	return 0;
}

/*
 * Symbols.
 */

static int read_symbol(struct reader *reader, const struct dynamic *dynamic, uint32_t i,
		       struct symbol_entry *ret)
{
	Elf64_Sym wide;
	Elf32_Sym narrow;
	int r;

	if (dynamic->module->is_64) {
		r = reader_read(reader, dynamic->symbols + (uint64_t)i * sizeof(wide), &wide,
				sizeof(wide));
		*ret = (struct symbol_entry){wide.st_name, wide.st_shndx, wide.st_value,
					     wide.st_size};
	} else {
		r = reader_read(reader, dynamic->symbols + (uint64_t)i * sizeof(narrow), &narrow,
				sizeof(narrow));
		*ret = (struct symbol_entry){narrow.st_name, narrow.st_shndx, narrow.st_value,
					     narrow.st_size};
	}
	return r;
}

static bool has_name(struct reader *reader, const struct dynamic *dynamic, uint32_t offset,
		     const char *name)
{
	size_t size = strlen(name) + 1;
	char there[NAME_MOST];

	if (size > sizeof(there) || offset >= dynamic->strings_size ||
	    size > dynamic->strings_size - offset)
		return false;
	return reader_read(reader, dynamic->strings + offset, there, size) == 0 &&
	       memcmp(there, name, size) == 0;
}

/* What is looked for: a symbol that the module defines, or one that it takes from others. */
struct wanted {
	const char *name;
	bool is_taken;
	struct symbol_entry symbol; /* as it was found */
};

/* 0 if symbol i is the one; -ENOENT; or as the reader. */
static int try_symbol(struct reader *reader, const struct dynamic *dynamic, uint32_t i,
		      struct wanted *wanted)
{
	int r = read_symbol(reader, dynamic, i, &wanted->symbol);

	if (r < 0)
		return r;
	if ((wanted->symbol.section == SHN_UNDEF) != wanted->is_taken ||
	    !has_name(reader, dynamic, wanted->symbol.name, wanted->name))
		return -ENOENT;
	return 0;
}

/* The System V ABI's hash, and GNU's. */
static uint32_t old_hash(const char *name)
{
	uint32_t hash = 0;

	for (; *name; name++) {
		hash = (hash << 4) + (unsigned char)*name;
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
	}
	return hash;
}

static uint32_t new_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static int find_by_old_hash(struct reader *reader, const struct dynamic *dynamic,
			    struct wanted *wanted, uint32_t *ret)
{
	uint32_t head[2], i, n;
	int r = reader_read(reader, dynamic->hash, head, sizeof(head));

	if (r < 0 || head[0] == 0)
		return r < 0 ? r : -ENOENT;
	r = read_u32(reader, dynamic->hash + 8 + (uint64_t)(old_hash(wanted->name) % head[0]) * 4,
		     &i);
	for (n = 0; r == 0 && i != 0 && i < head[1] && n < CHAIN_MOST; n++) {
		*ret = i;
		r = try_symbol(reader, dynamic, i, wanted);
		if (r != -ENOENT)
			return r;
		r = read_u32(reader, dynamic->hash + 8 + ((uint64_t)head[0] + i) * 4, &i);
	}
	return r < 0 ? r : -ENOENT;
}

/* A GNU table, taken apart. */
struct gnu_table {
	uint32_t nbuckets, first;
	plat_addr buckets, chains;
};

static int read_gnu_table(struct reader *reader, const struct dynamic *dynamic,
			  struct gnu_table *ret)
{
	uint32_t head[4];
	int r = reader_read(reader, dynamic->gnu_hash, head, sizeof(head));

	if (r < 0)
		return r;
	ret->nbuckets = head[0];
	ret->first = head[1];
	ret->buckets = dynamic->gnu_hash + sizeof(head) +
		       (uint64_t)head[2] * (dynamic->module->is_64 ? 8 : 4);
	ret->chains = ret->buckets + (uint64_t)head[0] * 4;
	return ret->nbuckets ? 0 : -ENOENT;
}

static int find_by_gnu_hash(struct reader *reader, const struct dynamic *dynamic,
			    struct wanted *wanted, uint32_t *ret)
{
	uint32_t hash = new_hash(wanted->name), i, n, entry;
	struct gnu_table table;
	int r = read_gnu_table(reader, dynamic, &table);

	if (r == 0)
		r = read_u32(reader, table.buckets + (uint64_t)(hash % table.nbuckets) * 4, &i);
	if (r < 0)
		return r;
	for (n = 0; i >= table.first && n < CHAIN_MOST; n++, i++) {
		r = read_u32(reader, table.chains + ((uint64_t)i - table.first) * 4, &entry);
		if (r < 0)
			return r;
		if ((entry | 1) == (hash | 1)) {
			*ret = i;
			r = try_symbol(reader, dynamic, i, wanted);
			if (r != -ENOENT)
				return r;
		}
		if (entry & 1)
			break;
	}
	return -ENOENT;
}

static int find_by_hash(struct reader *reader, const struct dynamic *dynamic, struct wanted *wanted,
			uint32_t *ret)
{
	if (!dynamic->symbols || !dynamic->strings)
		return -ENOENT;
	if (dynamic->gnu_hash)
		return find_by_gnu_hash(reader, dynamic, wanted, ret);
	return dynamic->hash ? find_by_old_hash(reader, dynamic, wanted, ret) : -ENOENT;
}

int dynamic_find(struct reader *reader, const struct dynamic *dynamic, const char *name,
		 plat_addr *ret)
{
	struct wanted wanted = {.name = name};
	uint32_t i;
	int r = find_by_hash(reader, dynamic, &wanted, &i);

	if (r == 0)
		*ret = wanted.symbol.section == SHN_ABS
			       ? wanted.symbol.value
			       : dynamic->module->bias + wanted.symbol.value;
	return r;
}

/*
 * All that it defines.
 */

/* Where the last symbol's number stands in a GNU table: at the end of the highest bucket's chain.
 */
static int count_gnu(struct reader *reader, const struct dynamic *dynamic, uint32_t *ret)
{
	struct gnu_table table;
	uint32_t buckets[AT_ONCE], entry = 0, i, k, n, last = 0;
	int r = read_gnu_table(reader, dynamic, &table);

	for (i = 0; r == 0 && i < table.nbuckets && i < SYMBOLS_MOST; i += n) {
		n = table.nbuckets - i < AT_ONCE ? table.nbuckets - i : AT_ONCE;
		r = reader_read(reader, table.buckets + (uint64_t)i * 4, buckets, n * 4);
		for (k = 0; r == 0 && k < n; k++)
			last = buckets[k] > last ? buckets[k] : last;
	}
	for (n = 0; r == 0 && last >= table.first && !(entry & 1) && n < CHAIN_MOST; n++)
		r = read_u32(reader, table.chains + ((uint64_t)last++ - table.first) * 4, &entry);
	*ret = last;
	return r;
}

int dynamic_below(struct reader *reader, const struct dynamic *dynamic, plat_addr at,
		  plat_addr *ret_start, plat_addr *ret_end)
{
	struct symbol_entry symbol;
	plat_addr start;
	bool found = false;
	uint32_t n = 0, i;
	int r = -ENOENT;

	if (dynamic->symbols && dynamic->gnu_hash)
		r = count_gnu(reader, dynamic, &n);
	else if (dynamic->symbols && dynamic->hash)
		r = read_u32(reader, dynamic->hash + 4, &n);
	for (i = 0; r == 0 && i < n && i < SYMBOLS_MOST; i++) {
		r = read_symbol(reader, dynamic, i, &symbol);
		start = dynamic->module->bias + symbol.value;
		if (r < 0 || symbol.section == SHN_UNDEF || symbol.section == SHN_ABS ||
		    !is_inside(dynamic->module, start) || start >= at ||
		    (found && start < *ret_start))
			continue;
		found = true;
		*ret_start = start;
		*ret_end = add_capped(start, symbol.size);
	}
	return r == 0 && !found ? -ENOENT : r;
}

/*
 * Bindings.
 */

/* How many symbols there are at least, with those taken from others that no table names. */
static int count_symbols(struct reader *reader, const struct dynamic *dynamic, uint32_t *ret)
{
	struct gnu_table table;
	int r;

	if (dynamic->hash) {
		r = read_u32(reader, dynamic->hash + 4, ret);
	} else if (dynamic->gnu_hash) {
		r = read_gnu_table(reader, dynamic, &table);
		*ret = table.first;
	} else {
		r = -ENOENT;
	}
	if (r == 0 && *ret > SYMBOLS_MOST)
		*ret = SYMBOLS_MOST;
	return r;
}

/*
 * The number of the symbol that the module takes from others under this name. A program whose own
 * way to a function serves as the function's address for all has it in the table.
 */
static int find_taken(struct reader *reader, const struct dynamic *dynamic, const char *name,
		      uint32_t *ret)
{
	struct wanted wanted = {.name = name, .is_taken = true};
	uint32_t n;
	int r = find_by_hash(reader, dynamic, &wanted, ret);

	if (r != -ENOENT)
		return r;
	r = count_symbols(reader, dynamic, &n);
	if (r < 0)
		return r;
	for (*ret = 1; *ret < n; ++*ret) {
		r = try_symbol(reader, dynamic, *ret, &wanted);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

/* Of a relocation, the symbol's number and the place. */
static void read_relocation(const struct dynamic *dynamic, const unsigned char *entry,
			    uint64_t *symbol, uint64_t *place)
{
	Elf64_Rel wide;
	Elf32_Rel narrow;

	if (dynamic->module->is_64) {
		memcpy(&wide, entry, sizeof(wide));
		*symbol = ELF64_R_SYM(wide.r_info);
		*place = wide.r_offset;
	} else {
		memcpy(&narrow, entry, sizeof(narrow));
		*symbol = ELF32_R_SYM(narrow.r_info);
		*place = narrow.r_offset;
	}
}

/* Bindings found so far. */
struct bindings {
	struct reader *reader;
	const struct dynamic *dynamic;
	uint32_t symbol;
	struct binding *items;
	size_t n, most;
};

static void take_relocations(struct bindings *found, const unsigned char *entries, size_t n,
			     size_t size)
{
	const struct module *module = found->dynamic->module;
	uint64_t symbol, place, target;
	size_t i;

	for (i = 0; i < n && found->n < found->most; i++) {
		read_relocation(found->dynamic, entries + i * size, &symbol, &place);
		place += module->bias;
		if (symbol == found->symbol &&
		    read_word(found->reader, module->is_64, place, &target) == 0)
			found->items[found->n++] = (struct binding){place, target};
	}
}

static int search_relocations(struct bindings *found, unsigned table)
{
	bool is_64 = found->dynamic->module->is_64;
	bool has_addend = found->dynamic->relocations[table].has_addend;
	size_t size =
		(is_64 ? sizeof(Elf64_Rel) : sizeof(Elf32_Rel)) + has_addend * (is_64 ? 8 : 4);
	uint64_t n = found->dynamic->relocations[table].size / size, i, part;
	plat_addr at = found->dynamic->relocations[table].start;
	unsigned char entries[AT_ONCE * sizeof(Elf64_Rela)];
	int r = 0;

	if (!at || n > RELOCATIONS_MOST)
		return 0;
	for (i = 0; r == 0 && i < n && found->n < found->most; i += part) {
		part = min_u64(n - i, AT_ONCE);
		r = reader_read(found->reader, at + i * size, entries, part * size);
		if (r == 0)
			take_relocations(found, entries, part, size);
	}
	return r;
}

int dynamic_bindings(struct reader *reader, const struct dynamic *dynamic, const char *name,
		     struct binding *ret, size_t most)
{
	struct bindings found = {.reader = reader, .dynamic = dynamic, .items = ret, .most = most};
	unsigned table;
	int r;

	if (!dynamic->symbols || !dynamic->strings)
		return 0;
	r = find_taken(reader, dynamic, name, &found.symbol);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (table = 0; r == 0 && table < 3; table++)
		r = search_relocations(&found, table);
	return r < 0 && found.n == 0 ? r : (int)found.n;
}

/*
 * The order of modules. glibc and musl: r_debug { int version; link_map *map; ... }, and of each
 * link_map { addr, name, dynamic section, next, ... }, a word each.
 */

static uint32_t module_of(const struct space *space, plat_addr bias, plat_addr dynamic)
{
	uint32_t i;

	for (i = 0; i < space->nmodules; i++)
		if (space->modules[i].dynamic_start == dynamic && space->modules[i].bias == bias)
			return i;
	return NO_MODULE;
}

int dynamic_order(struct reader *reader, const struct space *space, const struct dynamic *program,
		  uint32_t *ret, size_t most)
{
	bool is_64 = program->module->is_64;
	unsigned word = is_64 ? 8 : 4;
	plat_addr at = 0, bias = 0, dynamic = 0;
	size_t n = 0;
	int r;

	if (!program->debug)
		return -ENOENT;
	r = read_word(reader, is_64, program->debug + word, &at);
	while (r == 0 && at != 0 && n < most && n < LINKS_MOST) {
		r = read_word(reader, is_64, at, &bias);
		if (r == 0)
			r = read_word(reader, is_64, at + 2 * word, &dynamic);
		if (r == 0)
			r = read_word(reader, is_64, at + 3 * word, &at);
		if (r == 0)
			ret[n++] = module_of(space, bias, dynamic);
	}
	if (r < 0)
		return r;
	return n ? (int)n : -ENOENT;
}

uint32_t dynamic_module_at(const struct space *space, plat_addr addr)
{
	uint32_t i;

	for (i = 0; i < space->nmodules; i++)
		if (is_inside(&space->modules[i], addr))
			return i;
	return NO_MODULE;
}

/*
 * Notes: lengths of name and words, type, name, words; both begin at a multiple of 4.
 */

static int search_notes(struct reader *reader, plat_addr at, plat_addr end, const char *owner,
			uint32_t type, void *to, size_t size, plat_addr *ret_at)
{
	size_t length = strlen(owner) + 1;
	char name[NAME_MOST];
	uint32_t head[3];
	unsigned n;
	int r;

	for (n = 0; n < NOTES_MOST && at < end && end - at >= sizeof(head); n++) {
		plat_addr words;

		r = reader_read(reader, at, head, sizeof(head));
		if (r < 0)
			return r;
		words = add_capped(at + sizeof(head), align_up(head[0], 4));
		if (head[2] == type && head[0] == length && length <= sizeof(name) &&
		    head[1] >= size && reader_read(reader, at + sizeof(head), name, length) == 0 &&
		    memcmp(name, owner, length) == 0) {
			*ret_at = words;
			return reader_read(reader, words, to, size);
		}
		at = add_capped(words, align_up(head[1], 4));
	}
	return -ENOENT;
}

int dynamic_note(struct reader *reader, const struct module *module, const char *owner,
		 uint32_t type, void *to, size_t size, plat_addr *ret_at)
{
	int r = -ENOENT;
	size_t i;

	for (i = 0; i < module->nnotes && r == -ENOENT; i++)
		r = search_notes(reader, module->notes[i].start, module->notes[i].end, owner, type,
				 to, size, ret_at);
	return r;
}
