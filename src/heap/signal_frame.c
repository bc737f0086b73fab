#include "heap/signal_frame.h"

#include "base/compiler.h"

#include <stddef.h>
#include <string.h>

/*
 * How sigreturn is called, and where the frame has the stack pointer then: Linux
 * arch/x86/include/asm/sigframe.h, uapi/asm/sigcontext.h. The code is the C library's or the
 * vDSO's; debuggers know it by its bytes, too, so that it does not change.
 */
static const struct form {
	unsigned width;
	unsigned char code[9];
	size_t ncode;
	unsigned sp, pc; /* from the frame's lowest word */
} forms[] = {
	/* mov $15, %rax; syscall */
	{8, {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05}, 9, 168, 176},
	/* mov $173, %eax; int $0x80 */
	{4, {0xb8, 0xad, 0, 0, 0, 0xcd, 0x80}, 7, 192, 220},
	/* pop %eax; mov $119, %eax; int $0x80: of handlers that are told the signal alone */
	{4, {0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80}, 8, 36, 64},
};

static uint64_t lowest_byte_first(const unsigned char bytes[8])
{
	uint64_t value = 0;
	unsigned i;

	for (i = 0; i < 8; i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return value;
}

static bool read_word(struct reader *reader, unsigned width, plat_addr at, uint64_t *ret)
{
	unsigned char word[8] = {0};

	if (reader_read(reader, at, word, width) < 0)
		return false;
	*ret = lowest_byte_first(word);
	return true;
}

bool signal_frame_at(struct reader *reader, unsigned width, plat_addr at, uint64_t value,
		     struct interrupted *ret)
{
	struct interrupted found;
	unsigned char code[9];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		const struct form *form = &forms[i];

		if (form->width != width || reader_read(reader, value, code, form->ncode) < 0 ||
		    memcmp(code, form->code, form->ncode) != 0 ||
		    !read_word(reader, width, add_capped(at, form->sp), &found.sp) ||
		    !read_word(reader, width, add_capped(at, form->pc), &found.pc))
			continue;
		*ret = found;
		return true;
	}
	return false;
}
