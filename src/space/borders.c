/*
 * The rule, for A below B, Linux 6.12 and 6.18 mm/vma.c is_mergeable_vma, can_vma_merge_before and
 * _after (until 6.10 mm/mmap.c): they touch; all flags but soft-dirty are equal; the same open
 * file, and B's offset goes on where A's ends; neither is special; anonymous identities (anon_vma)
 * are equal, or one has none; memory policy, userfaultfd and the name of anonymous memory are
 * equal.
 *
 *     | A: flags, file, identity |B: flags, file, identity |
 *                                ^ all equal and going on: one mapping
 */
#include "space/borders.h"

#include "space/vmflags.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RIGHTS_RWX (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC)

const char border_rules[] = "Linux 6.12 and 6.18, mm/vma.c: is_mergeable_vma()";

/* The last region of the mapping below the border, and the first above it. */
struct sides {
	const struct space *space;
	const struct region *low, *high;
	const struct detail *low_detail, *high_detail; /* or NULL */
};

static void add(struct border *border, enum border_cause cause, bool certain, const char *format,
		...) PRINTF_LIKE(4, 5);

static void add(struct border *border, enum border_cause cause, bool certain, const char *format,
		...)
{
	struct border_reason *reason = &border->reasons[border->nreasons];
	va_list args;

	if (border->nreasons == BORDER_REASONS_MOST)
		return;
	border->nreasons++;
	reason->cause = cause;
	reason->certain = certain;
	va_start(args, format);
	vsnprintf(reason->text, sizeof(reason->text), format, args);
	va_end(args);
}

static const struct detail *detail_of(const struct space *space, const struct region *region)
{
	const struct detail *detail = space->details ? &space->details[region->mapping] : NULL;

	return detail && detail->known ? detail : NULL;
}

static bool has_inode(const struct file *file)
{
	return file && file->inode;
}

static bool is_kernels(const struct region *region)
{
	return region->kind == KIND_VDSO || region->kind == KIND_VVAR ||
	       region->kind == KIND_VSYSCALL;
}

static void compare_rights(const struct sides *s, struct border *border)
{
	static const char letters[] = "rwx";
	unsigned low = s->low->rights, high = s->high->rights, i;
	char text[2][4];

	for (i = 0; i < 3; i++) {
		text[0][i] = low & 1u << i ? letters[i] : '-';
		text[1][i] = high & 1u << i ? letters[i] : '-';
	}
	text[0][3] = text[1][3] = '\0';
	if ((low ^ high) & RIGHTS_RWX)
		add(border, CAUSE_RIGHTS, true, "different permissions: %s below, %s above",
		    text[0], text[1]);
	if ((low ^ high) & RIGHT_SHARED)
		add(border, CAUSE_SHARING, true, "one is private, the other shared");
}

/* Offsets of anonymous memory are not to be seen; those of files are. */
static void compare_offsets(const struct sides *s, struct border *border)
{
	uint64_t ends = s->low->offset + region_size(s->low);

	if (ends != s->high->offset)
		add(border, CAUSE_OFFSET, true,
		    "the same file, but not going on: the lower one ends at offset 0x%" PRIx64
		    ", the upper one begins at 0x%" PRIx64,
		    ends, s->high->offset);
}

static void compare_names(const struct file *low, const struct file *high, struct border *border)
{
	bool low_named = low && strncmp(low->name, "[anon", 5) == 0;
	bool high_named = high && strncmp(high->name, "[anon", 5) == 0;

	if (low_named != high_named || (low_named && strcmp(low->name, high->name) != 0))
		add(border, CAUSE_NAME, true,
		    "different names of anonymous memory, given by prctl(PR_SET_VMA)");
}

static void compare_files(const struct sides *s, struct border *border)
{
	const struct file *low = region_file(s->space, s->low);
	const struct file *high = region_file(s->space, s->high);

	if (!has_inode(low) && !has_inode(high)) {
		compare_names(low, high, border);
		return;
	}
	if (!has_inode(low) || !has_inode(high)) {
		add(border, CAUSE_FILE, true, "the %s one is of a file, the other is not",
		    has_inode(low) ? "lower" : "upper");
		return;
	}
	if (low->inode == high->inode && low->major == high->major && low->minor == high->minor) {
		compare_offsets(s, border);
		return;
	}
	if (low->type == FILE_SHARED_ANON && high->type == FILE_SHARED_ANON)
		add(border, CAUSE_OBJECT, true,
		    "two objects: each mmap() of shared anonymous memory makes one of its own");
	else
		add(border, CAUSE_FILE, true, "two different files");
}

static void look_for_break(const struct sides *s, struct border *border)
{
	const struct space *space = s->space;

	if (has_inode(region_file(space, s->low)) || has_inode(region_file(space, s->high)))
		return;
	if (border->at == space->start_brk)
		add(border, CAUSE_BREAK, true,
		    "the heap begins here: brk() extends only a mapping that ends above start_brk, "
		    "so .bss that ends at start_brk is never joined with the heap");
	else if (space->brk != UNKNOWN && s->low->kind == KIND_HEAP &&
		 border->at == align_up(space->brk, space->machine.page_size))
		add(border, CAUSE_BREAK, false,
		    "the heap ends here: brk() joins only with the mapping below, never above");
}

static void look_for_special(const struct sides *s, struct border *border)
{
	static const char *const special[] = {"io", "de", "pf", "mm"};
	size_t i;

	if (is_kernels(s->low) || is_kernels(s->high)) {
		add(border, CAUSE_SPECIAL, true,
		    "mappings that the kernel made (vdso, vvar, vsyscall) are never joined");
		return;
	}
	for (i = 0; border->flags_known && i < ARRAY_SIZE(special); i++)
		if (vmflags_have(s->low_detail->flags, special[i]) ||
		    vmflags_have(s->high_detail->flags, special[i])) {
			add(border, CAUSE_SPECIAL, true,
			    "special mappings are never joined (VmFlags %s: %s)", special[i],
			    vmflag_find(special[i])->words);
			return;
		}
}

/* The flags of `flags` that `other` lacks, in words. Rights were compared before. */
static size_t list_missing(const char *flags, const char *other, char *to, size_t size)
{
	static const char rights[] = "rd wr ex sh";
	size_t used = 0;
	char letters[3];

	to[0] = '\0';
	while (vmflags_next(&flags, letters)) {
		const struct vmflag *flag = vmflag_find(letters);
		int n;

		if (vmflags_have(other, letters) || vmflags_have(rights, letters) ||
		    (flag && flag->merges))
			continue;
		n = snprintf(to + used, size - used, "%s%s (%s)", used ? ", " : "",
			     flag ? flag->words : "a flag we do not know", letters);
		if (n < 0 || (size_t)n >= size - used) {
			to[used] = '\0';
			break;
		}
		used += (size_t)n;
	}
	return used;
}

static void compare_flags(const struct sides *s, struct border *border)
{
	char low[200], high[200];
	size_t nlow, nhigh;

	if (!border->flags_known)
		return;
	nlow = list_missing(s->low_detail->flags, s->high_detail->flags, low, sizeof(low));
	nhigh = list_missing(s->high_detail->flags, s->low_detail->flags, high, sizeof(high));
	if (nlow && nhigh)
		add(border, CAUSE_FLAGS, true,
		    "different flags: only the lower one is %s; only the upper one is %s", low,
		    high);
	else if (nlow || nhigh)
		add(border, CAUSE_FLAGS, true, "different flags: only the %s one is %s",
		    nlow ? "lower" : "upper", nlow ? low : high);
	if (s->low_detail->protection_key != s->high_detail->protection_key)
		add(border, CAUSE_KEY, true, "different protection keys: %d below, %d above",
		    s->low_detail->protection_key, s->high_detail->protection_key);
}

static bool has_anonymous(const struct detail *detail)
{
	return detail->anonymous || detail->swap_pss;
}

/* Nothing that can be seen differs: say what is left, and how likely it is. */
static void conclude(const struct sides *s, struct border *border)
{
	bool file = has_inode(region_file(s->space, s->low));

	if (file && (s->low->rights & RIGHT_SHARED)) {
		add(border, CAUSE_DESCRIPTION, false,
		    "nothing visible differs: most likely the file was opened twice; mappings made "
		    "through separate open file descriptions are never joined");
		return;
	}
	if (file)
		add(border, CAUSE_DESCRIPTION, false,
		    "nothing visible differs: the file may have been opened twice; mappings made "
		    "through separate open file descriptions are never joined");
	if (!border->flags_known)
		add(border, CAUSE_IDENTITY, false,
		    "smaps could not be read: the flags that it shows may differ; if not, their "
		    "pages were written separately (anonymous identity)");
	else if (has_anonymous(s->low_detail) && has_anonymous(s->high_detail))
		add(border, CAUSE_IDENTITY, false,
		    "%s most likely both were written to before they became neighbours or alike: "
		    "each then has an anonymous identity (anon_vma) of its own, and different ones "
		    "are never joined",
		    file ? "or" : "nothing visible differs:");
	else
		add(border, CAUSE_IDENTITY, false,
		    "%s most likely anonymous identities (anon_vma) that outlived their pages or a "
		    "fork, memory moved by mremap(), a NUMA policy, or a piece left by a call that "
		    "failed half-way: the kernel joins only when something changes",
		    file ? "or" : "nothing visible differs:");
}

static void find_reasons(struct sides *s, struct border *border)
{
	s->low_detail = detail_of(s->space, s->low);
	s->high_detail = detail_of(s->space, s->high);
	border->flags_known = s->low_detail && s->high_detail;
	compare_rights(s, border);
	compare_files(s, border);
	look_for_break(s, border);
	look_for_special(s, border);
	compare_flags(s, border);
	if (border->nreasons == 0)
		conclude(s, border);
}

void border_explain(const struct space *space, plat_addr a, plat_addr b, struct border *ret)
{
	struct sides s = {.space = space};
	plat_addr start, end, high_start, high_end;
	size_t low, high, i;

	*ret = (struct border){.type = BORDER_UNMAPPED};
	s.low = space_find(space, min_u64(a, b));
	s.high = space_find(space, max_u64(a, b));
	if (!s.low || !s.high)
		return;
	low = (size_t)(s.low - space->regions);
	high = (size_t)(s.high - space->regions);
	space_mapping_range(space, low, &start, &end);
	space_mapping_range(space, high, &high_start, &high_end);
	ret->at = end;
	if (s.low->mapping == s.high->mapping) {
		ret->type = low == high ? BORDER_SAME_REGION : BORDER_SAME_MAPPING;
		return;
	}
	ret->nbetween = s.high->mapping - s.low->mapping - 1;
	for (i = low; i < high; i++)
		ret->gap += space->regions[i + 1].start - space->regions[i].end;
	if (ret->nbetween) {
		ret->type = BORDER_OTHERS;
		return;
	}
	ret->type = ret->gap ? BORDER_GAP : BORDER_TOUCHING;
	if (ret->type == BORDER_GAP)
		return;
	while (s.low[1].mapping == s.low->mapping)
		s.low++;
	while (s.high[-1].mapping == s.high->mapping)
		s.high--;
	find_reasons(&s, ret);
}

const char *border_type_name(enum border_type type)
{
	static const char *const names[] = {
		[BORDER_UNMAPPED] = "unmapped",		[BORDER_SAME_REGION] = "same-region",
		[BORDER_SAME_MAPPING] = "same-mapping", [BORDER_GAP] = "gap",
		[BORDER_OTHERS] = "others-between",	[BORDER_TOUCHING] = "touching",
	};

	return names[type];
}

const char *border_cause_name(enum border_cause cause)
{
	static const char *const names[NCAUSES] = {
		[CAUSE_RIGHTS] = "rights",
		[CAUSE_SHARING] = "sharing",
		[CAUSE_FILE] = "file",
		[CAUSE_OBJECT] = "shared-object",
		[CAUSE_OFFSET] = "offset",
		[CAUSE_NAME] = "anonymous-name",
		[CAUSE_BREAK] = "break",
		[CAUSE_SPECIAL] = "special",
		[CAUSE_FLAGS] = "flags",
		[CAUSE_KEY] = "protection-key",
		[CAUSE_DESCRIPTION] = "open-file-description",
		[CAUSE_IDENTITY] = "anonymous-identity",
	};

	return names[cause];
}
