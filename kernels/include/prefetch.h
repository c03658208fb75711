/* Fetching a line of memory ahead of its use: a hint, which may point anywhere, past the end of a buffer too, and never faults. PREFETCH into
 * all caches, PREFETCH_L2 into the level-2 cache. Nothing on GPUs, and where the runtime has no such builtin (NO_INTRINSICS). */
#ifndef PREFETCH_H
#define PREFETCH_H

#if DEVICE_CPU && defined(__clang__) && !defined(NO_INTRINSICS)
#define PREFETCH(p) __builtin_prefetch((const void *)(size_t)(p), 0, 3)
#define PREFETCH_L2(p) __builtin_prefetch((const void *)(size_t)(p), 0, 2)
#else
#define PREFETCH(p) ((void)0)
#define PREFETCH_L2(p) ((void)0)
#endif

#endif
