/* What a script can say of a model besides calls; for the files of script.h alone. */
#ifndef MODEL_SCRIPT_SETTINGS_H
#define MODEL_SCRIPT_SETTINGS_H

#include "model/model.h"

#include <stddef.h>

/* How a value is written. */
enum setting_type {
	SETTING_ADDRESS, /* 64 bits */
	SETTING_BYTES,
	SETTING_NUMBER,	     /* 32 bits */
	SETTING_COUNT,	     /* 64 bits */
	SETTING_YES,	     /* bool */
	SETTING_VERSION,     /* 32 bits */
	SETTING_PERSONALITY, /* 32 bits */
	SETTING_FLAGS,	     /* of VMAs; 32 bits */
	SETTING_LIMIT,	     /* struct model_limits */
};

struct setting {
	const char *group; /* the first word of its line */
	const char *name;  /* the second */
	size_t offset;	   /* in struct model */
	enum setting_type type;
};

extern const struct setting settings[];
extern const size_t nsettings;

uint64_t setting_get(const struct model *model, const struct setting *setting);

struct flag_word {
	const char *word;
	uint32_t flag; /* of enum vma_flag */
};

extern const struct flag_word flag_words[];
extern const size_t nflag_words;

/* What a VMA has that is written with just these rights, of PROT_..., and p or s. */
uint32_t flags_of_perms(unsigned rights, bool shared);

struct capability_word {
	const char *word;
	unsigned capability;
};

extern const struct capability_word capability_words[];
extern const size_t ncapability_words;

#define CAPABILITIES_ALL                                                                           \
	(MODEL_CAP_IPC_LOCK | MODEL_CAP_SYS_RAWIO | MODEL_CAP_SYS_ADMIN | MODEL_CAP_SYS_RESOURCE)

#endif
