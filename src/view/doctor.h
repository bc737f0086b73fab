/* Which allocator a process uses, what was to change that, and what it was told. */
#ifndef VIEW_DOCTOR_H
#define VIEW_DOCTOR_H

#include "heap/allocator.h"
#include "heap/own.h"
#include "view/paint.h"

/* A library that was to be loaded before all others. */
struct doctor_preload {
	char *name;	  /* as it was written */
	const char *from; /* "LD_PRELOAD", or the path of a file */
	uint32_t module;  /* or NO_MODULE */
	char why[200];	  /* why it is not there; "" if it is */
};

struct doctor_setting {
	char *name, *value;
	const char *from; /* "environment", "default", ... */
	char note[160];	  /* what keeps it from having an effect, or "" */
};

struct doctor_finding {
	const char *code; /* stable, for scripts */
	char text[600];
};

struct doctor_report {
	const struct space *space;
	const struct allocator *allocator;
	const struct own *own;	     /* NULL: it is not plat's */
	const char *environment_why; /* why it is not known, or NULL */
	struct doctor_preload *preloads;
	size_t npreloads, preloads_room;
	struct doctor_setting *settings;
	size_t nsettings, settings_room;
	struct doctor_finding *findings;
	size_t nfindings, findings_room;
};

/* How many bindings lead to the process's malloc, elsewhere, and nowhere yet. */
struct doctor_bindings {
	size_t there, elsewhere, lazy;
};

struct doctor_bindings doctor_bindings_of(const struct allocator *allocator);

void doctor_draw(const struct doctor_report *report, const struct paint *paint, struct text *text);
void doctor_json(const struct doctor_report *report, struct text *text);

#endif
