/* A work-group that goes through steps together, each of which reads what all of it wrote: on a CPU a single work-item.
 *
 * FOR_TOGETHER(i, lo, hi) { ... }   the elements lo .. hi-1, shared among the group; of what the body writes, it reads nothing
 * MEET                              everybody waits until everybody is here, and sees what they wrote
 * ALONE                             whether this work-item does what only one has to do
 */
#ifndef TOGETHER_H
#define TOGETHER_H

#if DEVICE_CPU
#define FOR_TOGETHER(i, lo, hi) MAP_LOOP for (long i = (lo); i < (long)(hi); i++)
#define MEET
#define ALONE 1
#else
#define FOR_TOGETHER(i, lo, hi) for (long i = (lo) + (long)get_local_id(0); i < (long)(hi); i += (long)get_local_size(0))
#define MEET barrier(CLK_GLOBAL_MEM_FENCE)
#define ALONE (get_local_id(0) == 0)
#endif

#endif
