#include "machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

static uint64_t read_number(const char *path, uint64_t otherwise)
{
	FILE *file = fopen(path, "re");
	uint64_t x = otherwise;

	if (file && fscanf(file, "%" SCNu64, &x) != 1)
		x = otherwise;
	if (file)
		fclose(file);
	return x;
}

/* The number behind a word at the start of a line. */
static uint64_t read_field(const char *path, const char *word, int base)
{
	FILE *file = fopen(path, "re");
	char line[512];
	uint64_t x = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, word, strlen(word)) == 0) {
			x = strtoull(line + strlen(word), NULL, base);
			break;
		}
	}
	if (file)
		fclose(file);
	return x;
}

/* What a hint of one page is raised to: no file tells what a security module asks for. */
static uint64_t find_lowest_hint(void)
{
	uint64_t min = read_number("/proc/sys/vm/mmap_min_addr", 65536);
	void *p = mmap((void *)MODEL_PAGE, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return min;
	munmap(p, 1);
	return (uintptr_t)p < 0x1000000 ? (uintptr_t)p : min;
}

static unsigned running_version(void)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	uname(&name);
	sscanf(name.release, "%u.%u", &major, &minor);
	return VERSION(major, minor);
}

/* Only where keys exist has smaps this line, and the number of most mappings is 0. */
static bool has_protection_keys(void)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[512];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strncmp(line, "ProtectionKey:", 14) == 0;
	if (file)
		fclose(file);
	return found;
}

void machine_here(struct model_machine *ret)
{
	struct model model;

	model_init(&model);
	*ret = model.machine;
	model_fini(&model);
	ret->version = running_version();
	ret->lowest_hint = find_lowest_hint();
	ret->mmap_min_addr = read_number("/proc/sys/vm/mmap_min_addr", 0);
	ret->mmap_rnd_bits = (unsigned)read_number("/proc/sys/vm/mmap_rnd_bits", 28);
	ret->mmap_rnd_compat_bits = (unsigned)read_number("/proc/sys/vm/mmap_rnd_compat_bits", 8);
	ret->randomize_va_space = (unsigned)read_number("/proc/sys/kernel/randomize_va_space", 2);
	ret->legacy_va_layout = read_number("/proc/sys/vm/legacy_va_layout", 0) != 0;
	ret->max_map_count = read_number("/proc/sys/vm/max_map_count", 65530);
	ret->overcommit_mode = (unsigned)read_number("/proc/sys/vm/overcommit_memory", 0);
	ret->ram = read_field("/proc/meminfo", "MemTotal:", 10) * 1024;
	ret->swap = read_field("/proc/meminfo", "SwapTotal:", 10) * 1024;
	ret->commit_limit = read_field("/proc/meminfo", "CommitLimit:", 10) * 1024;
	ret->committed = read_field("/proc/meminfo", "Committed_AS:", 10) * 1024;
	ret->admin_reserve = read_number("/proc/sys/vm/admin_reserve_kbytes", 0) * 1024;
	ret->user_reserve = read_number("/proc/sys/vm/user_reserve_kbytes", 0) * 1024;
	ret->huge_pages = access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) == 0;
	ret->protection_keys = has_protection_keys();
}

uint64_t machine_capabilities(void)
{
	return read_field("/proc/self/status", "CapEff:", 16);
}

unsigned machine_capabilities_of_model(uint64_t bits)
{
	return (bits >> 14 & 1 ? MODEL_CAP_IPC_LOCK : 0) |
	       (bits >> 17 & 1 ? MODEL_CAP_SYS_RAWIO : 0) |
	       (bits >> 21 & 1 ? MODEL_CAP_SYS_ADMIN : 0) |
	       (bits >> 24 & 1 ? MODEL_CAP_SYS_RESOURCE : 0);
}
