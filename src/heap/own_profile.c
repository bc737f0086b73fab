/*
 *     samples | mean | sites: blocks of sites | rows: chains of live samples, by address |
 *
 *     site    | made, freed: sums | frames |             number of a site: its place
 *     row     | sample | sample | sample | next row |    sample: size, weight, number of its site
 *
 * What was made is summed up by the allocator, what is live here, from the samples that are live.
 * A site may be there twice, when two threads made it at the same moment: they are added.
 *
 * Guarded blocks have the number of their site, too. They need be no samples, so that a site may be
 * there for their sake alone.
 *
 * Numbers from outside are never an index or a length before they are bounded; a chain without end
 * costs as many reads as all chains together may have rows.
 */
#include "heap/own_profile.h"

#include "base/list.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITES_MOST (1u << 17)
#define BLOCK_MOST 4096 /* sites */
#define BUCKETS_MOST (1u << 16)
#define ROWS_MOST (1u << 20)
#define SAMPLES_MOST (1u << 22) /* the allocator itself has room for a tenth of them */
#define ONE 65536.0
#define VARIANCE_UNIT 256.0
#define BUSY 1 /* instead of an address */

double own_estimate_error(const struct own_estimate *estimate)
{
	return 1.96 * sqrt(estimate->variance);
}

uint64_t own_whole(double number)
{
	if (!(number > 0))
		return 0;
	return number < 9.2e18 ? (uint64_t)(number + 0.5) : (uint64_t)INT64_MAX;
}

/*
 * The form.
 */

/* Every field of the profile is told, and arrays lie inside of their structs. */
static bool has_form(const struct own_layout *layout)
{
	static const struct {
		enum own_field array, whole, item; /* item OWN_NFIELDS: numbers */
		uint32_t most;
	} arrays[] = {
		{OWN_SAMPLES_SITES, OWN_SAMPLES, OWN_NFIELDS, SITES_MOST},
		{OWN_SAMPLES_ROWS, OWN_SAMPLES, OWN_NFIELDS, BUCKETS_MOST},
		{OWN_SITE_BLOCK_SITES, OWN_SITE_BLOCK, OWN_SITE, BLOCK_MOST},
		{OWN_SITE_FRAMES, OWN_SITE, OWN_NFIELDS, OWN_FRAMES_MOST},
		{OWN_SAMPLE_ROW_SAMPLES, OWN_SAMPLE_ROW, OWN_SAMPLE, 4096},
	};
	enum own_field field;
	size_t i;

	for (field = OWN_SAMPLES; field <= OWN_SAMPLE_SITE; field++)
		if (!layout->rows[field].is_known)
			return false;
	for (i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		const struct own_row *row = &layout->rows[arrays[i].array];

		if (row->count == 0 || row->count > arrays[i].most ||
		    row->offset + (uint64_t)row->width * row->count >
			    layout->rows[arrays[i].whole].offset ||
		    (arrays[i].item != OWN_NFIELDS &&
		     row->width < layout->rows[arrays[i].item].offset))
			return false;
	}
	return layout->rows[OWN_SAMPLES_SITES].width == layout->pointer_bytes &&
	       layout->rows[OWN_SAMPLES_ROWS].width == layout->pointer_bytes;
}

int own_rate_read(const struct own *own, struct own_rate *ret, struct error *err)
{
	const struct own_row *row = &own->layout.rows[OWN_SAMPLES_MEAN];
	uint64_t mean = 0;
	int r;

	if (!own->samples_at || !has_form(&own->layout))
		return fail(err, -ENOTSUP,
			    "this version of plat's malloc has no profile, or one "
			    "that cannot be read");
	r = own_read_number(own->reading.reader, &own->layout, own->samples_at + row->offset,
			    row->width, &mean);
	if (r < 0)
		return fail(err, -r, "the profile cannot be read");
	*ret = (struct own_rate){own->samples_at + row->offset, mean};
	return 0;
}

/*
 * A reading under way.
 */

struct reading {
	const struct own *own;
	const struct own_layout *layout;
	struct own_profile *profile;
	unsigned char *samples; /* the struct, as it was read */
	unsigned char *bytes;	/* of a block of sites, or a row */
	uint32_t *places;	/* of sites, by their numbers: index in profile->sites + 1; or 0 */
	uint64_t nplaces;
	bool *is_of_guarded; /* by the numbers of sites */
	size_t room, blocks_room;
	uint32_t nrows;
};

static void say_broken(struct own_profile *profile, plat_addr at, const char *what)
{
	if (profile->proofs.broken++ == 0)
		snprintf(profile->proofs.first, sizeof(profile->proofs.first), "0x%" PRIx64 ": %s",
			 at, what);
}

static uint64_t item_at(const struct reading *reading, const unsigned char *bytes,
			enum own_field array, uint32_t i)
{
	const struct own_row *row = &reading->layout->rows[array];

	return own_number(reading->layout, bytes + row->offset + (size_t)i * row->width,
			  row->width);
}

static double number_at(const struct reading *reading, const unsigned char *bytes,
			enum own_field field)
{
	return (double)own_get(reading->layout, bytes, field);
}

static void take_frames(const struct reading *reading, const unsigned char *bytes,
			struct own_site *site)
{
	uint64_t n = own_get(reading->layout, bytes, OWN_SITE_NFRAMES);

	n = min_u64(n, reading->layout->rows[OWN_SITE_FRAMES].count);
	for (site->nframes = 0; site->nframes < n; site->nframes++)
		site->frames[site->nframes] =
			item_at(reading, bytes, OWN_SITE_FRAMES, site->nframes);
}

static int take_site(struct reading *reading, const unsigned char *bytes, uint64_t number)
{
	struct own_profile *profile = reading->profile;
	uint64_t nsamples = own_get(reading->layout, bytes, OWN_SITE_NSAMPLES);
	struct own_site *site;
	int r;

	if (nsamples == 0 && !reading->is_of_guarded[number])
		return 0;
	r = list_reserve(&profile->sites, &reading->room, profile->nsites, 1);
	if (r < 0)
		return r;
	site = &profile->sites[profile->nsites++];
	*site = (struct own_site){
		.number = (uint32_t)number,
		.made = {.blocks = number_at(reading, bytes, OWN_SITE_MADE) / ONE,
			 .bytes = number_at(reading, bytes, OWN_SITE_MADE_BYTES),
			 .variance = number_at(reading, bytes, OWN_SITE_MADE_VARIANCE) *
				     VARIANCE_UNIT * VARIANCE_UNIT,
			 .nsamples = nsamples},
		.freed_blocks = number_at(reading, bytes, OWN_SITE_FREED) / ONE,
		.freed_bytes = number_at(reading, bytes, OWN_SITE_FREED_BYTES),
	};
	take_frames(reading, bytes, site);
	reading->places[number] = (uint32_t)profile->nsites;
	return 0;
}

static int take_block(struct reading *reading, plat_addr at, uint64_t first)
{
	const struct own_row *row = &reading->layout->rows[OWN_SITE_BLOCK_SITES];
	uint32_t i;
	int r = 0;

	if (reader_read(reading->own->reading.reader, at, reading->bytes,
			reading->layout->rows[OWN_SITE_BLOCK].offset) < 0) {
		reading->profile->proofs.unreadable++;
		return 0;
	}
	for (i = 0; r == 0 && i < row->count && first + i < reading->nplaces; i++)
		r = take_site(reading, reading->bytes + row->offset + (size_t)i * row->width,
			      first + i);
	return r;
}

/* Number 0 is what could not be told apart. */
static bool has_site(const struct reading *reading, uint64_t number)
{
	return number > 0 && number < reading->nplaces;
}

static int take_sites(struct reading *reading)
{
	const struct own_row *blocks = &reading->layout->rows[OWN_SAMPLES_SITES];
	uint32_t each = reading->layout->rows[OWN_SITE_BLOCK_SITES].count, i;
	size_t k;
	uint64_t most = min_u64((uint64_t)blocks->count * each, SITES_MOST);
	int r = 0;

	reading->nplaces = own_get(reading->layout, reading->samples, OWN_SAMPLES_NSITES);
	if (reading->nplaces > most) {
		say_broken(reading->profile, reading->own->samples_at, "more sites than can be");
		reading->nplaces = most;
	}
	reading->places = calloc(reading->nplaces + 1, sizeof(*reading->places));
	reading->is_of_guarded = calloc(reading->nplaces + 1, sizeof(*reading->is_of_guarded));
	if (!reading->places || !reading->is_of_guarded)
		return -ENOMEM;
	for (k = 0; k < reading->own->nguarded; k++)
		if (has_site(reading, reading->own->guarded[k].site))
			reading->is_of_guarded[reading->own->guarded[k].site] = true;
	for (i = 0; r == 0 && (uint64_t)i * each < reading->nplaces; i++) {
		plat_addr at = item_at(reading, reading->samples, OWN_SAMPLES_SITES, i);

		if (at)
			r = take_block(reading, at, (uint64_t)i * each);
	}
	return r;
}

/*
 * Live samples.
 */

static int take_live(struct reading *reading, plat_addr address, uint64_t number, double weight)
{
	struct own_profile *profile = reading->profile;

	if (profile->nblocks == SAMPLES_MOST + reading->own->nguarded)
		return 0;
	if (list_reserve(&profile->blocks, &reading->blocks_room, profile->nblocks, 1) < 0)
		return -ENOMEM;
	profile->blocks[profile->nblocks++] = (struct own_sited){address, (uint32_t)number, weight};
	return 0;
}

static int take_sample(struct reading *reading, const unsigned char *bytes)
{
	uint64_t address = own_get(reading->layout, bytes, OWN_SAMPLE_ADDRESS);
	uint64_t number = own_get(reading->layout, bytes, OWN_SAMPLE_SITE);
	double weight = number_at(reading, bytes, OWN_SAMPLE_WEIGHT) / ONE;
	double size = number_at(reading, bytes, OWN_SAMPLE_SIZE);
	struct own_estimate *live;

	if (address == 0 || address == BUSY)
		return 0;
	/* A site that was made since the sites were read is not there yet. */
	if (number >= reading->nplaces || reading->places[number] == 0) {
		reading->profile->proofs.unsteady++;
		return 0;
	}
	if (weight < 1) {
		say_broken(reading->profile, address, "a sample that stands for less than itself");
		return 0;
	}
	live = &reading->profile->sites[reading->places[number] - 1].live;
	live->blocks += weight;
	live->bytes += weight * size;
	live->variance += weight * (weight - 1) * size * size;
	live->nsamples++;
	return take_live(reading, address, number, weight);
}

static int take_chain(struct reading *reading, plat_addr at)
{
	const struct own_row *samples = &reading->layout->rows[OWN_SAMPLE_ROW_SAMPLES];
	uint32_t i;
	int r = 0;

	for (; r == 0 && at && reading->nrows < ROWS_MOST; reading->nrows++) {
		if (reader_read(reading->own->reading.reader, at, reading->bytes,
				reading->layout->rows[OWN_SAMPLE_ROW].offset) < 0) {
			reading->profile->proofs.unreadable++;
			return 0;
		}
		for (i = 0; r == 0 && i < samples->count; i++)
			r = take_sample(reading, reading->bytes + samples->offset +
							 (size_t)i * samples->width);
		at = own_get(reading->layout, reading->bytes, OWN_SAMPLE_ROW_NEXT);
	}
	if (r == 0 && at)
		say_broken(reading->profile, at, "the chains of samples have no end");
	return r;
}

static int take_samples(struct reading *reading)
{
	uint32_t i, n = reading->layout->rows[OWN_SAMPLES_ROWS].count;
	int r = 0;

	for (i = 0; r == 0 && i < n && reading->nrows < ROWS_MOST; i++)
		r = take_chain(reading, item_at(reading, reading->samples, OWN_SAMPLES_ROWS, i));
	return r;
}

static int take_guarded(struct reading *reading)
{
	const struct own *own = reading->own;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < own->nguarded; i++)
		if (has_site(reading, own->guarded[i].site) &&
		    reading->places[own->guarded[i].site])
			r = take_live(reading, own->guarded[i].address, own->guarded[i].site, 0);
	return r;
}

/*
 * Sums.
 */

static int by_frames(const void *a, const void *b)
{
	const struct own_site *x = a, *y = b;

	if (x->nframes != y->nframes)
		return x->nframes < y->nframes ? -1 : 1;
	return memcmp(x->frames, y->frames, x->nframes * sizeof(x->frames[0]));
}

static void add_estimate(struct own_estimate *to, const struct own_estimate *from)
{
	to->blocks += from->blocks;
	to->bytes += from->bytes;
	to->variance += from->variance;
	to->nsamples += from->nsamples;
}

static void add_site(struct own_site *to, const struct own_site *from)
{
	add_estimate(&to->made, &from->made);
	add_estimate(&to->live, &from->live);
	to->freed_blocks += from->freed_blocks;
	to->freed_bytes += from->freed_bytes;
}

static void sum_up(struct reading *reading)
{
	struct own_profile *profile = reading->profile;
	size_t i, kept = 0;

	if (profile->nsites == 0)
		return;
	qsort(profile->sites, profile->nsites, sizeof(*profile->sites), by_frames);
	for (i = 0; i < profile->nsites; i++) {
		const struct own_site site = profile->sites[i];

		add_site(&profile->sum, &site);
		if (kept && by_frames(&profile->sites[kept - 1], &site) == 0)
			add_site(&profile->sites[kept - 1], &site);
		else
			profile->sites[kept++] = site;
		reading->places[site.number] = (uint32_t)kept;
	}
	profile->nsites = kept;
}

/* Of two that are at one address the sample comes first. */
static int by_address(const void *a, const void *b)
{
	const struct own_sited *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return (x->weight < y->weight) - (x->weight > y->weight);
}

/* Their sites are numbers until then. */
static void sort_blocks(struct reading *reading)
{
	struct own_profile *profile = reading->profile;
	size_t i, kept = 0;

	if (profile->nblocks == 0)
		return;
	qsort(profile->blocks, profile->nblocks, sizeof(*profile->blocks), by_address);
	for (i = 0; i < profile->nblocks; i++) {
		struct own_sited block = profile->blocks[i];

		if (kept && profile->blocks[kept - 1].address == block.address)
			continue;
		block.site = reading->places[block.site] - 1;
		profile->blocks[kept++] = block;
	}
	profile->nblocks = kept;
}

const struct own_sited *own_sited_find(const struct own_profile *profile, plat_addr address)
{
	size_t low = 0, high = profile->nblocks;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (profile->blocks[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < profile->nblocks && profile->blocks[low].address == address
		       ? &profile->blocks[low]
		       : NULL;
}

static int read_all(struct reading *reading, struct error *err)
{
	const struct own_row *rows = reading->layout->rows;
	size_t size = rows[OWN_SAMPLES].offset;
	int r;

	reading->samples = malloc(size);
	reading->bytes = malloc(max_u64(rows[OWN_SITE_BLOCK].offset, rows[OWN_SAMPLE_ROW].offset));
	if (!reading->samples || !reading->bytes)
		return fail(err, ENOMEM, "the profile cannot be read");
	r = reader_read(reading->own->reading.reader, reading->own->samples_at, reading->samples,
			size);
	if (r < 0)
		return fail(err, -r, "the profile cannot be read");
	reading->profile->lost = own_get(reading->layout, reading->samples, OWN_SAMPLES_NLOST);
	reading->profile->lost_bytes =
		own_get(reading->layout, reading->samples, OWN_SAMPLES_LOST_BYTES);
	r = take_sites(reading);
	if (r == 0)
		r = take_samples(reading);
	if (r == 0)
		r = take_guarded(reading);
	if (r < 0)
		return fail(err, -r, "the profile cannot be read");
	sum_up(reading);
	sort_blocks(reading);
	return 0;
}

int own_profile_read(const struct own *own, struct own_profile *ret, struct error *err)
{
	struct own_profile profile = {.nsites = 0};
	struct reading reading = {.own = own, .layout = &own->layout, .profile = &profile};
	int r = own_rate_read(own, &profile.rate, err);

	if (r == 0)
		r = read_all(&reading, err);
	free(reading.samples);
	free(reading.bytes);
	free(reading.places);
	free(reading.is_of_guarded);
	if (r < 0) {
		own_profile_fini(&profile);
		return r;
	}
	*ret = profile;
	return 0;
}

void own_profile_fini(struct own_profile *profile)
{
	free(profile->sites);
	free(profile->blocks);
	*profile = (struct own_profile){.nsites = 0};
}
