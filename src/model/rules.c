#include "model/rules.h"

#include "base/compiler.h"

#ifdef MODEL_MUTANTS
enum rule model_mutant;
#endif

#define RULE_ROW_(name, words) {#name, words},

static const struct {
	const char *name, *words;
} rules[] = {{"NONE", ""}, MODEL_RULES(RULE_ROW_)};

const char *rule_name(enum rule rule)
{
	return (unsigned)rule < ARRAY_SIZE(rules) ? rules[rule].name : "?";
}

const char *rule_words(enum rule rule)
{
	return (unsigned)rule < ARRAY_SIZE(rules) ? rules[rule].words : "";
}
