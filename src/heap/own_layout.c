#include "heap/own_layout.h"

#include "alloc/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MOST 1024
#define ROW_BYTES_MOST 256
#define HEADER_MOST 4096
#define STRUCT_MOST 65536 /* of what is read as one: header, chunk, slab, heap, bin */

#define FIELD_NAME(number, name, is_needed) {name, is_needed},
static const struct {
	const char *name;
	bool is_needed;
} wanted[OWN_NFIELDS] = {OWN_FIELDS(FIELD_NAME)};

/* The head, whose form never changes. */
struct head {
	uint64_t magic;
	uint32_t byte_order;
	uint16_t version;
	uint8_t pointer_bytes;
	uint16_t nfields, field_bytes;
	uint32_t fields_at;
};

uint64_t own_number(const struct own_layout *layout, const void *bytes, unsigned width)
{
	uint64_t wide = 0;
	uint32_t word;
	uint16_t half;

	switch (width) {
	case 1:
		return *(const uint8_t *)bytes;
	case 2:
		memcpy(&half, bytes, sizeof(half));
		return layout->is_swapped ? __builtin_bswap16(half) : half;
	case 4:
		memcpy(&word, bytes, sizeof(word));
		return layout->is_swapped ? __builtin_bswap32(word) : word;
	case 8:
		memcpy(&wide, bytes, sizeof(wide));
		return layout->is_swapped ? __builtin_bswap64(wide) : wide;
	default:
		return 0;
	}
}

uint64_t own_get(const struct own_layout *layout, const void *bytes, enum own_field field)
{
	const struct own_row *row = &layout->rows[field];

	if (!row->is_known)
		return 0;
	return own_number(layout, (const char *)bytes + row->offset, row->width);
}

int own_read_number(struct reader *reader, const struct own_layout *layout, plat_addr at,
		    unsigned width, uint64_t *ret)
{
	unsigned char bytes[8];
	int r = reader_read(reader, at, bytes, width);

	if (r == 0)
		*ret = own_number(layout, bytes, width);
	return r;
}

static int read_head(struct reader *reader, plat_addr at, struct own_layout *layout,
		     struct head *ret, struct error *err)
{
	struct state raw;
	int r = reader_read(reader, at, &raw, offsetof(struct state, page_bytes));

	if (r < 0)
		return fail(err, -r, "the header of plat's malloc cannot be read");
	layout->is_swapped = raw.byte_order == __builtin_bswap32(STATE_BYTE_ORDER);
	*ret = (struct head){
		.magic = own_number(layout, &raw.magic, 8),
		.byte_order = (uint32_t)own_number(layout, &raw.byte_order, 4),
		.version = (uint16_t)own_number(layout, &raw.version, 2),
		.pointer_bytes = raw.pointer_bytes,
		.nfields = (uint16_t)own_number(layout, &raw.nfields, 2),
		.field_bytes = (uint16_t)own_number(layout, &raw.field_bytes, 2),
		.fields_at = (uint32_t)own_number(layout, &raw.fields_at, 4),
	};
	if (ret->magic != STATE_MAGIC || ret->byte_order != STATE_BYTE_ORDER)
		return fail(err, -ENOEXEC, "there is no header of plat's malloc");
	if ((ret->pointer_bytes != 4 && ret->pointer_bytes != 8) || ret->nfields > ROWS_MOST ||
	    ret->field_bytes < sizeof(struct state_field) || ret->field_bytes > ROW_BYTES_MOST ||
	    ret->fields_at < offsetof(struct state, page_bytes) || ret->fields_at > HEADER_MOST)
		return fail(err, -ENOTSUP, "the header of plat's malloc is broken");
	return 0;
}

static void take_option(struct own_layout *layout, const struct state_field *field,
			const struct own_row *row)
{
	struct own_option *option = &layout->options[layout->noptions];

	if (layout->noptions == OWN_OPTIONS_MOST)
		return;
	snprintf(option->name, sizeof(option->name), "%s", field->name + strlen("options."));
	option->value = (uint64_t)row->offset << 16 | row->width;
	layout->noptions++;
}

static void take_row(struct own_layout *layout, const struct state_field *field)
{
	struct own_row row = {
		.is_known = true,
		.offset = (uint32_t)own_number(layout, &field->offset, 4),
		.width = (uint16_t)own_number(layout, &field->width, 2),
		.count = (uint16_t)own_number(layout, &field->count, 2),
	};
	unsigned i;

	if (!memchr(field->name, '\0', sizeof(field->name)))
		return;
	if (strncmp(field->name, "options.", strlen("options.")) == 0) {
		take_option(layout, field, &row);
		return;
	}
	for (i = 0; i < OWN_NFIELDS; i++)
		if (strcmp(field->name, wanted[i].name) == 0) {
			layout->rows[i] = row;
			return;
		}
}

static int read_rows(struct reader *reader, plat_addr at, const struct head *head,
		     struct own_layout *layout, struct error *err)
{
	struct state_field field;
	unsigned i;
	int r = 0;

	for (i = 0; r == 0 && i < head->nfields; i++) {
		r = reader_read(reader, at + head->fields_at + i * head->field_bytes, &field,
				sizeof(field));
		if (r == 0)
			take_row(layout, &field);
	}
	return r < 0 ? fail(err, -r, "the header of plat's malloc cannot be read") : 0;
}

/* The struct that a field is in, whose row has its size; OWN_NFIELDS: it is not read as one. */
static enum own_field struct_of(const char *name)
{
	unsigned i;

	for (i = 0; i < OWN_NFIELDS; i++) {
		size_t length = strlen(wanted[i].name);

		if (!strchr(wanted[i].name, '.') && strncmp(wanted[i].name, name, length) == 0 &&
		    name[length] == '.')
			return (enum own_field)i;
	}
	return OWN_NFIELDS;
}

static bool is_number(const struct own_row *row)
{
	return row->width == 1 || row->width == 2 || row->width == 4 || row->width == 8;
}

/* Fields lie inside of their structs, and have a width that numbers have. */
static bool is_sound(const struct own_layout *layout, unsigned i)
{
	const struct own_row *row = &layout->rows[i];
	enum own_field whole = struct_of(wanted[i].name);

	if (!row->is_known)
		return !wanted[i].is_needed;
	if (!strchr(wanted[i].name, '.'))
		return row->offset > 0 && row->offset <= STRUCT_MOST;
	/* Arrays of structs; whoever reads these looks at their form. */
	if (i == OWN_SAMPLE_ROW_SAMPLES || i == OWN_SITE_BLOCK_SITES)
		return true;
	if (i == OWN_HEAP_BINS)
		return layout->rows[OWN_BIN].is_known &&
		       row->width >= layout->rows[OWN_BIN].offset &&
		       row->offset + (uint64_t)row->width * row->count <=
			       layout->rows[OWN_HEAP].offset;
	if (!is_number(row))
		return false;
	if (strncmp(wanted[i].name, "state.", strlen("state.")) == 0)
		return (uint64_t)row->offset + row->width <= layout->header_bytes;
	if (whole == OWN_NFIELDS) /* a leaf is not read as one */
		return row->offset <= 1u << 30;
	if (i == OWN_SLAB_TAGS)
		return row->offset <= layout->rows[whole].offset;
	return layout->rows[whole].is_known &&
	       (uint64_t)row->offset + row->width <= layout->rows[whole].offset;
}

static int check_rows(const struct own_layout *layout, struct error *err)
{
	unsigned i;

	for (i = 0; i < OWN_NFIELDS; i++)
		if (!is_sound(layout, i))
			return fail(err, -ENOTSUP,
				    "version %u of plat's malloc cannot be read: %s of its state "
				    "is %s",
				    layout->version, wanted[i].name,
				    layout->rows[i].is_known ? "of another form" : "not told");
	return 0;
}

int own_layout_read(struct reader *reader, plat_addr at, struct own_layout *ret, struct error *err)
{
	struct own_layout layout = {0};
	struct head head = {0};
	int r = read_head(reader, at, &layout, &head, err);

	if (r < 0)
		return r;
	layout.version = head.version;
	layout.pointer_bytes = head.pointer_bytes;
	layout.header_bytes = head.fields_at;
	r = read_rows(reader, at, &head, &layout, err);
	if (r == 0)
		r = check_rows(&layout, err);
	if (r == 0)
		*ret = layout;
	return r;
}
