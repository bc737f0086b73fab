/* The ties of a block, in words. */
#include "view/explain_parts.h"

#include "view/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROW_BYTES 16
#define ROW_INDENT 4

static bool is_ascii(const struct show *show)
{
	return !show->paint->unicode;
}

/* "0x5581c0+8 (64 bytes, town::Tree)". */
static const char *block_words(const struct show *show, const struct tied_block *block, uint64_t at,
			       char *to, size_t size)
{
	char type[SENTENCE / 2], offset[24] = "";

	if (at != 0 && at != UNKNOWN)
		snprintf(offset, sizeof(offset), "+%" PRIu64, at);
	snprintf(to, size, "0x%" PRIx64 "%s (%" PRIu64 " bytes%s%s)", block->address, offset,
		 block->size, block->type ? ", " : "",
		 block->type ? text_escape(block->type, type, sizeof(type), is_ascii(show)) : "");
	return to;
}

/* Where the word stands, and of what. */
static const char *tie_words(const struct show *show, const struct tie *tie, char *to, size_t size)
{
	char words[HOLDER_WORDS_SIZE];

	if (tie->is_root)
		holder_words(&tie->holder, HOLDER_WORD, is_ascii(show), words);
	else
		block_words(show, &tie->block, tie->at, words, sizeof(words));
	snprintf(to, size, "%s%s%s", tie->is_root ? "" : "block ", words,
		 tie->is_interior ? ", which points inside" : "");
	return to;
}

static void put_row(const struct show *show, const struct ties *ties, size_t from)
{
	struct line line = line_begin(show->text, show->paint);
	char text[ROW_BYTES + 1] = "";
	size_t i;

	line_to(&line, ROW_INDENT);
	line_format(&line, STYLE_FAINT, "+%-3zu", from);
	for (i = 0; i < ROW_BYTES && from + i < ties->nbytes; i++) {
		unsigned char c = ties->bytes[from + i];

		line_format(&line, STYLE_PLAIN, "%s%02x", i == ROW_BYTES / 2 ? "  " : " ", c);
		text[i] = isprint(c) ? (char)c : '.';
	}
	line_to(&line, ROW_INDENT + 4 + 3 * ROW_BYTES + 3);
	line_put(&line, STYLE_PLAIN, text);
	line_end(&line);
}

static void put_word(const struct show *show, const struct tied_word *word)
{
	char sentence[SENTENCE], name[SENTENCE / 2], offset[32] = "";

	if (word->offset)
		snprintf(offset, sizeof(offset), "+%" PRIu64, word->offset);
	if (word->is_block)
		snprintf(sentence, sizeof(sentence), "+%" PRIu64 " leads to block %s", word->at,
			 block_words(show, &word->block, word->offset, name, sizeof(name)));
	else if (word->symbol)
		snprintf(sentence, sizeof(sentence), "+%" PRIu64 " leads to %s%s", word->at,
			 text_escape(word->symbol, name, sizeof(name), is_ascii(show)), offset);
	else
		snprintf(sentence, sizeof(sentence), "+%" PRIu64 " leads to 0x%" PRIx64 " in %s",
			 word->at, word->value,
			 text_escape(explain_last_part(word->module), name, sizeof(name),
				     is_ascii(show)));
	explain_put_point(show, sentence);
}

static void put_made(const struct show *show, const struct ties *ties)
{
	size_t i;

	if (ties->nmade == 0)
		return;
	explain_put(show, "made by", "the calls");
	for (i = 0; i < ties->nmade; i++)
		call_draw(show->space, &ties->calls, ties->made[i], show->paint, show->text);
}

static void put_content(const struct show *show, const struct ties *ties)
{
	size_t i;

	if (ties->bytes_why || ties->nbytes == 0) {
		explain_put(show, "content", "%s", ties->bytes_why ? ties->bytes_why : "none");
		return;
	}
	explain_put(show, "content",
		    "%s%zu bytes:", ties->nbytes < ties->block.size ? "the first " : "",
		    ties->nbytes);
	for (i = 0; i < ties->nbytes; i += ROW_BYTES)
		put_row(show, ties, i);
	for (i = 0; i < ties->nwords; i++)
		put_word(show, &ties->words[i]);
}

static void put_pointed_to(const struct show *show, const struct ties *ties)
{
	char sentence[HOLDER_WORDS_SIZE + SENTENCE], roots[64] = "", blocks[64] = "";
	uint64_t all = ties->nroots + ties->nblocks;
	size_t i;

	if (ties->nroots)
		snprintf(roots, sizeof(roots), "%" PRIu64 "%s word%s of roots", ties->nroots,
			 ties->is_cut ? " or more" : "", ties->nroots == 1 ? "" : "s");
	if (ties->nblocks)
		snprintf(blocks, sizeof(blocks), "%" PRIu64 " block%s", ties->nblocks,
			 ties->nblocks == 1 ? "" : "s");
	explain_put(show, "pointed to", "by %s%s%s%s", roots, *roots && *blocks ? " and " : "",
		    all ? blocks : "nothing",
		    ties->n < all ? "; the first of them:"
		    : all	  ? ":"
				  : "");
	for (i = 0; i < ties->n; i++)
		explain_put_point(show,
				  tie_words(show, &ties->list[i], sentence, sizeof(sentence)));
}

static void put_path(const struct show *show, const struct ties *ties)
{
	char sentence[HOLDER_WORDS_SIZE + SENTENCE];
	size_t i;

	if (ties->is_lost) {
		explain_put(show, "path", "none: no root leads to it, it is lost");
		return;
	}
	if (ties->npath == 0)
		return;
	explain_put(show, "path", "the shortest from a root:");
	for (i = 0; i < ties->npath; i++) {
		if (ties->nleft_out && i == ties->npath - TIES_PATH_HALF) {
			snprintf(sentence, sizeof(sentence), "%" PRIu64 " more blocks",
				 ties->nleft_out);
			explain_put_point(show, sentence);
		}
		explain_put_point(show,
				  tie_words(show, &ties->path[i], sentence, sizeof(sentence)));
	}
}

static void put_held(const struct show *show, const struct ties *ties)
{
	char all[UNITS_SIZE], alone[UNITS_SIZE];
	const struct owned *owned = &ties->owned;

	if (owned->blocks == 0) {
		explain_put(show, "holds", "no other block");
		return;
	}
	explain_put(
		show, "holds", "%" PRIu32 " other block%s, %s; through it alone %" PRIu32 ", %s",
		owned->blocks, owned->blocks == 1 ? "" : "s", explain_size(show, owned->bytes, all),
		owned->exclusive_blocks, explain_size(show, owned->exclusive_bytes, alone));
}

void explain_put_ties(const struct show *show)
{
	const struct ties *ties = &show->finding->ties;
	char type[SENTENCE];

	if (!ties->is_wanted)
		return;
	if (ties->why) {
		explain_put(show, "pointed to", "not known: %s", ties->why);
		return;
	}
	if (ties->block.type)
		explain_put(show, "type", "%s",
			    text_escape(ties->block.type, type, sizeof(type), is_ascii(show)));
	put_made(show, ties);
	put_content(show, ties);
	put_pointed_to(show, ties);
	put_path(show, ties);
	put_held(show, ties);
	explain_put(show, "looked", "%s", ties->looked);
}
