/* The first byte chooses the file: stat, status, syscall, personality, or a number. */
#include "fuzz.h"

#include "base/assert.h"
#include "source/facts.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct thread thread = {.sp = UNKNOWN};
	struct space space;
	char *text;

	if (size == 0)
		return 0;
	text = input_string(data + 1, size - 1);
	space_init(&space);
	switch (*data) {
	case 's':
		if (facts_stat(&space, text) == 0)
			must(memchr(space.process.command, '\0', sizeof(space.process.command)));
		if (facts_thread_stat(&thread, text) == 0)
			must(memchr(thread.name, '\0', sizeof(thread.name)));
		else
			must(!facts_thread_goes_on(text, text));
		break;
	case 't':
		facts_status(&space, text);
		must(space.process.inner_pid == facts_inner_pid(text));
		must(space.process.inner_pid >= 0);
		break;
	case 'c':
		facts_thread_syscall(&thread, text);
		must(thread.sp != UNKNOWN || thread.sp_why);
		break;
	case 'p':
		facts_personality(&space, text);
		break;
	default:
		facts_number(text);
		break;
	}
	space_fini(&space);
	free(text);
	return 0;
}
