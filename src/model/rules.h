/*
 * Every rule of the kernel that the model knows, by name and in words.
 *
 * A rule that refuses says in its words why the call failed. The others say how something is
 * placed, merged or counted. docs/kernel-rules.md has the origin and the test of each.
 */
#ifndef MODEL_RULES_H
#define MODEL_RULES_H

#include <stdbool.h>

#include "model/rules_list.h"

#define RULE_NAME_(name, words) RULE_##name,
enum rule { RULE_NONE, MODEL_RULES(RULE_NAME_) NRULES };
#undef RULE_NAME_

/* "BRK_PAGE_GAP"; and its sentence, without a full stop. RULE_NONE: "". */
const char *rule_name(enum rule rule);
const char *rule_words(enum rule rule);

/*
 * Where a rule is applied: whether its condition holds. In a build for mutants one rule at a time
 * is taken away: its condition never holds, or where the model cannot go on without it, it refuses
 * with a wrong errno; and the tests must notice.
 */
#ifdef MODEL_MUTANTS
extern enum rule model_mutant;
#else
#define model_mutant RULE_NONE
#endif

static inline bool rule_holds(enum rule rule, bool condition)
{
	return condition && model_mutant != rule;
}

#endif
