#include "view/ties_json.h"

#include "view/document.h"

#include <stdio.h>

static json_t *block_object(const struct tied_block *block)
{
	json_t *object = json_object();

	document_address(object, "addr", block->address, NULL);
	document_size(object, "size", block->size, NULL);
	document_name(object, "type", block->type);
	return object;
}

static json_t *tie_object(const struct tie *tie)
{
	json_t *object = json_object();

	json_object_set_new(object, "interior", json_boolean(tie->is_interior));
	if (tie->is_root) {
		json_object_set_new(object, "root", holder_object(&tie->holder));
		return object;
	}
	json_object_set_new(object, "block", block_object(&tie->block));
	document_size(object, "byte", tie->at, "it was gone when it was looked at again");
	return object;
}

static json_t *ties_array(const struct tie *list, size_t n)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_array_append_new(array, tie_object(&list[i]));
	return array;
}

static json_t *word_object(const struct tied_word *word)
{
	json_t *object = json_object();

	document_count(object, "byte", word->at);
	document_address(object, "value", word->value, NULL);
	json_object_set_new(object, "block",
			    word->is_block ? block_object(&word->block) : json_null());
	document_name(object, "symbol", word->symbol);
	document_name(object, "module", word->module);
	document_count(object, "offset", word->offset);
	return object;
}

static void set_made(json_t *object, const struct ties *ties, const struct space *space)
{
	if (ties->nmade)
		json_object_set_new(object, "made_by",
				    calls_array(space, &ties->calls, ties->made, ties->nmade));
	else
		document_unknown(object, "made_by",
				 "only known of samples and guarded blocks of plat's malloc");
}

static json_t *content_object(const struct ties *ties)
{
	json_t *object = json_object(), *words = json_array();
	char hex[2 * TIES_BYTES + 1] = "";
	size_t i;

	for (i = 0; i < ties->nbytes; i++)
		snprintf(hex + 2 * i, 3, "%02x", ties->bytes[i]);
	for (i = 0; i < ties->nwords; i++)
		json_array_append_new(words, word_object(&ties->words[i]));
	json_object_set_new(object, "bytes", json_string(hex));
	json_object_set_new(object, "pointers", words);
	return object;
}

static void set_pointed_to(json_t *object, const struct ties *ties)
{
	json_t *one = json_object();

	document_count(one, "root_words", ties->nroots);
	json_object_set_new(one, "more_root_words", json_boolean(ties->is_cut));
	document_count(one, "blocks", ties->nblocks);
	json_object_set_new(one, "first", ties_array(ties->list, ties->n));
	json_object_set_new(object, "pointed_to", one);
}

static void set_path(json_t *object, const struct ties *ties)
{
	json_t *one = json_object();

	json_object_set_new(object, "lost", json_boolean(ties->is_lost));
	if (ties->is_lost) {
		document_unknown(object, "path", "no root leads to it");
		json_decref(one);
		return;
	}
	document_count(one, "left_out", ties->nleft_out);
	json_object_set_new(one, "steps", ties_array(ties->path, ties->npath));
	json_object_set_new(object, "path", one);
}

static void set_held(json_t *object, const struct owned *owned)
{
	json_t *one = json_object();

	document_count(one, "blocks", owned->blocks);
	document_size(one, "bytes", owned->bytes, NULL);
	document_count(one, "exclusive_blocks", owned->exclusive_blocks);
	document_size(one, "exclusive_bytes", owned->exclusive_bytes, NULL);
	json_object_set_new(object, "holds", one);
}

static void set_unknown(json_t *object, const char *why)
{
	static const char *const keys[] = {"type", "made_by", "content", "pointed_to",
					   "lost", "path",    "holds"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		document_unknown(object, keys[i], why);
}

void ties_set(json_t *object, const struct ties *ties, const struct space *space)
{
	if (!ties->is_wanted || ties->why) {
		set_unknown(object, ties->why ? ties->why : "not asked for, or not live");
		return;
	}
	document_name(object, "type", ties->block.type);
	set_made(object, ties, space);
	if (ties->bytes_why)
		document_unknown(object, "content", ties->bytes_why);
	else
		json_object_set_new(object, "content", content_object(ties));
	set_pointed_to(object, ties);
	set_path(object, ties);
	set_held(object, &ties->owned);
	json_object_set_new(object, "looked", json_string(ties->looked));
}
