/* Where the stack pointer stood when a signal came. */
#ifndef MEM_STACK_POINTER_H
#define MEM_STACK_POINTER_H

#include <stdint.h>
#include <ucontext.h>

#if defined(__x86_64__)
#define PLAT__STACK_POINTER(machine) ((machine)->gregs[REG_RSP])
#elif defined(__i386__)
#define PLAT__STACK_POINTER(machine) ((machine)->gregs[REG_ESP])
#elif defined(__aarch64__)
#define PLAT__STACK_POINTER(machine) ((machine)->sp)
#elif defined(__arm__)
#define PLAT__STACK_POINTER(machine) ((machine)->arm_sp)
#elif defined(__riscv)
#define PLAT__STACK_POINTER(machine) ((machine)->__gregs[2])
#else
#define PLAT__STACK_POINTER(machine) 0 /* not known */
#endif

static inline uintptr_t plat__stack_pointer(const void *context)
{
	const ucontext_t *user = (const ucontext_t *)context;

	return (uintptr_t)PLAT__STACK_POINTER(&user->uc_mcontext);
}

#endif
