#include "heap/heap.h"

/* Bytes of [start, end) in the runs, from run *at on; moves *at on to the last one that matters. */
static uint64_t bytes_in(const struct heap_residence *residence, size_t *at, plat_addr start,
			 plat_addr end)
{
	uint64_t sum = 0;
	size_t i;

	while (*at < residence->nruns && residence->runs[*at].end <= start)
		++*at;
	for (i = *at; i < residence->nruns && residence->runs[i].start < end; i++)
		sum += overlap(residence->runs[i].start, residence->runs[i].end, start, end);
	return sum;
}

void heap_residence_range(struct heap_residence *residence, plat_addr start, plat_addr end)
{
	residence->resident += bytes_in(residence, &residence->at_held, start, end);
}

/* A page that several blocks share counts once. */
void heap_residence_live(struct heap_residence *residence, plat_addr start, plat_addr end)
{
	plat_addr low = max_u64(align_down(start, residence->page_size), residence->counted);
	plat_addr high = align_up(end, residence->page_size);

	if (low >= high)
		return;
	residence->live += bytes_in(residence, &residence->at_live, low, high);
	residence->counted = high;
}

void heap_residence_finish(struct heap_residence *residence)
{
	residence->idle = sub_floored(residence->resident, residence->live);
}
