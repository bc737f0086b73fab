/* What a tested process is started with, and how scripts and reports write it down. */
#ifndef KERNEL_SETTING_H
#define KERNEL_SETTING_H

#include "model/model.h"

#define LIMIT_KEPT (UINT64_MAX - 1) /* as the test itself was started */

struct setting {
	unsigned bits;
	bool aslr, legacy, limit_3gb;
	bool nobody;		      /* another user without any capability */
	bool no_lock_cap;	      /* CAP_IPC_LOCK is taken away */
	uint64_t soft[NMODEL_LIMITS]; /* bytes, MODEL_INFINITE or LIMIT_KEPT; the hard ones stay */
};

/* 64 bits, no ASLR, top down, a stack limit of 8 MiB, the others infinite where they may be. */
struct setting setting_plain(void);

/* "32 bit, legacy, stack=8388608": as setting_parse() reads it. Cut to size; returns `to`. */
const char *setting_text(const struct setting *setting, char *to, size_t size);

/* Changes *setting by the words of the text. 0 or -EINVAL and a sentence. */
struct error;
int setting_parse(const char *text, struct setting *setting, struct error *err) MUST_CHECK;

#endif
