/* Included by every kernel: element types, loads and stores, store modes, the element loop.
 *
 * Defines given by the caller (clsym.graph.contract.kernel_call.defines_for), with stand-alone defaults:
 *   T        storage type: float double half uchar char int long bool8
 *   CT       compute type: float for half, int for the small integers
 *   REQ      store mode of the (first) output: 0 not wanted, 1 write, 2 add
 *   IS_FLOAT whether T is a floating-point type
 *   DEVICE_CPU / DEVICE_GPU   exactly one is 1
 */
#ifndef T
#define T float
#define CT float
#define IS_FLOAT 1
#endif
#ifndef REQ
#define REQ 1
#endif
#ifndef DEVICE_CPU
#define DEVICE_CPU 0
#endif
#ifndef DEVICE_GPU
#define DEVICE_GPU (!DEVICE_CPU)
#endif

#include "prefetch.h"

#ifdef cl_khr_fp64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif

typedef uchar bool8; /* a truth value in memory: 0 or 1 */

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)

/* Loads and stores by storage type; half goes through vload_half, which every device has. */
#define LOAD_float(p, i) ((p)[i])
#define LOAD_double(p, i) ((p)[i])
#define LOAD_half(p, i) vload_half(i, p)
#define LOAD_uchar(p, i) ((int)(p)[i])
#define LOAD_char(p, i) ((int)(p)[i])
#define LOAD_int(p, i) ((p)[i])
#define LOAD_long(p, i) ((p)[i])
#define LOAD_bool8(p, i) ((int)((p)[i] != 0))

#define PUT_float(p, i, v) ((p)[i] = (v))
#define PUT_double(p, i, v) ((p)[i] = (v))
#define PUT_half(p, i, v) vstore_half((float)(v), i, p)
#define PUT_uchar(p, i, v) ((p)[i] = (uchar)(v))
#define PUT_char(p, i, v) ((p)[i] = (char)(v))
#define PUT_int(p, i, v) ((p)[i] = (int)(v))
#define PUT_long(p, i, v) ((p)[i] = (long)(v))
#define PUT_bool8(p, i, v) ((p)[i] = (uchar)((v) != 0))

/* STORE_AS(mode, type, p, i, v): the store of an output whose mode and type are not those of T and REQ.
 * Give it a value rather than a product: mode 2 would round the product and the sum at once, unlike the same value from another kernel. */
#define STORE_0(type, p, i, v) ((void)0)
#define STORE_1(type, p, i, v) CAT(PUT_, type)(p, i, v)
#define STORE_2(type, p, i, v) CAT(PUT_, type)(p, i, CAT(LOAD_, type)(p, i) + (v))
#define STORE_AS(mode, type, p, i, v) CAT(STORE_, mode)(type, p, i, v)
#define LOAD_AS(type, p, i) CAT(LOAD_, type)(p, i)

#define LOAD(p, i) LOAD_AS(T, p, i)
#define STORE(p, i, v) STORE_AS(REQ, T, p, i, v)

/* FOR_EACH(i, n) { ... }: this work-item's share of 0..n-1. Once a scope.
 * CPU: one contiguous chunk (the compiler vectorises the loop; a guard an element would stop it).
 * GPU: a grid-stride loop, so that neighbours read neighbours.
 *
 * MAP_EACH: the same for a body that, of every array, touches element i alone. Without that promise the compiler tests at run time
 * whether arrays overlap, and an output in its input's place then runs the scalar loop: 6 instead of 40 GB/s for sigmoid on PoCL.
 * MAP_LOOP is the promise by itself, before a `for`. LANES, which the runtime defines for CPUs, is how many elements go at once: with
 * AVX-512, clang by itself takes 8 floats, and 16 make exp and its kin nearly twice as fast. SHORT_LOOP before a `for` of a few elements
 * saves the vectorised version of it, whose prologue would cost more than the elements, and its compilation. */
#if DEVICE_CPU && defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* where a body holds a call, the loop stays scalar */
#ifdef LANES
#define PRAGMA_(text) _Pragma(#text)
#define MAP_LANES_(n) PRAGMA_(clang loop vectorize(assume_safety) vectorize_width(n))
#define MAP_LOOP MAP_LANES_(LANES)
#else
#define MAP_LOOP _Pragma("clang loop vectorize(assume_safety)")
#endif
#define SHORT_LOOP _Pragma("clang loop vectorize(disable) unroll(disable)")
#else
#define MAP_LOOP
#define SHORT_LOOP
#endif

/* Before a kernel: its vectors of 16 floats may take whole 512-bit registers, where clang halves them otherwise. */
#define WIDE_VECTORS
#if DEVICE_CPU && defined(__clang__)
#if __has_attribute(min_vector_width)
#undef WIDE_VECTORS
#define WIDE_VECTORS __attribute__((min_vector_width(512)))
#endif
#endif
#if DEVICE_CPU
#define EACH_RANGE(i, n)                                                                                 \
  const long i##_chunk = ((((long)(n) + (long)get_global_size(0) - 1) / (long)get_global_size(0)) + 15) / 16 * 16; \
  const long i##_lo = (long)get_global_id(0) * i##_chunk;                                                \
  const long i##_end = i##_lo + i##_chunk;                                                               \
  const long i##_hi = i##_end < (long)(n) ? i##_end : (long)(n);
#define FOR_EACH(i, n) \
  EACH_RANGE(i, n)     \
  for (long i = i##_lo; i < i##_hi; i++)
#define MAP_EACH(i, n) \
  EACH_RANGE(i, n)     \
  MAP_LOOP             \
  for (long i = i##_lo; i < i##_hi; i++)
#else
#define FOR_EACH(i, n)                                    \
  const long i##_step = (long)get_global_size(0);         \
  for (long i = (long)get_global_id(0); i < (long)(n); i += i##_step)
#define MAP_EACH(i, n) FOR_EACH(i, n)
#endif

/* Comparisons instead of fmin and fmax: those are calls on some devices, and drop NaN. These keep a NaN of either side. */
#if IS_FLOAT
#define MAX_(a, b) (((a) > (b) || (a) != (a)) ? (a) : (b))
#define MIN_(a, b) (((a) < (b) || (a) != (a)) ? (a) : (b))
#else
#define MAX_(a, b) ((a) > (b) ? (a) : (b))
#define MIN_(a, b) ((a) < (b) ? (a) : (b))
#endif
