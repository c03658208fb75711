/* Stable sorting of rows of n elements that lie `inner` apart, digit by digit of 8 bits from the lowest, as pairs (key: CT, place: int) from
 * one workspace to the other. PASSES: the digits of a key; BIAS: what makes integers unsigned.
 *
 * Many rows: radix_rows, a work-item a row. Few long ones: a work-item a stretch of a row, for each digit
 *   radix_count    how often each digit occurs in the stretch: counts (rows, 256, stretches)
 *   radix_scan     sums of what comes before
 *   radix_scatter  every element to its place
 * The first pass reads the tensor, the others the workspace. Pass p writes workspace a if p is even, else b.
 */
#include "common.h"
#include "items.h"
#include "sort_order.h"

#ifndef PASSES
#define PASSES 4
#define BIAS 0
#endif
#define DIGITS 256
#define AT(row, i) (((row) / inner * n + (i)) * inner + (row) % inner)

/* an unsigned number in the order of BEFORE; zeros of both signs are equal, and so is every NaN */
#define KEY_float uint
#define KEY_int uint
#define KEY_double ulong
#define KEY_long ulong
#define BITS_float(v) as_uint(v)
#define BITS_double(v) as_ulong(v)
#define KEY CAT(KEY_, CT)
static inline KEY key_of(const CT v) {
#if IS_FLOAT
  const KEY bits = CAT(BITS_, CT)(v), sign = (KEY)1 << (sizeof(KEY) * 8 - 1);
  KEY key = v == 0 ? sign : (bits & sign) ? ~bits : bits | sign;
  key = v != v ? ~(KEY)0 : key;
#else
  const KEY key = (KEY)v + (KEY)BIAS;
#endif
  return DESCENDING ? ~key : key;
}
#define DIGIT(key, pass) ((int)((key) >> (8 * (pass))) & (DIGITS - 1))

kernel void radix_rows(const global T *x, global CT *a, global int *place_a, global CT *b, global int *place_b, const long rows, const long n,
                       const long inner) {
  FOR_ITEMS(row, rows) {
    int counts[PASSES][DIGITS];
    for (int p = 0; p < PASSES; p++)
      for (int d = 0; d < DIGITS; d++) counts[p][d] = 0;
    for (long i = 0; i < n; i++) {
      const KEY key = key_of(LOAD(x, AT(row, i)));
      for (int p = 0; p < PASSES; p++) counts[p][DIGIT(key, p)]++;
    }
    for (int p = 0; p < PASSES; p++) {
      int before = 0;
      for (int d = 0; d < DIGITS; d++) {
        const int count = counts[p][d];
        counts[p][d] = before;
        before += count;
      }
      const global CT *from = (p & 1 ? a : b) + row * n;
      const global int *places = (p & 1 ? place_a : place_b) + row * n;
      global CT *to = (p & 1 ? b : a) + row * n;
      global int *to_places = (p & 1 ? place_b : place_a) + row * n;
      for (long i = 0; i < n; i++) {
        const CT v = p == 0 ? LOAD(x, AT(row, i)) : from[i];
        const int at = counts[p][DIGIT(key_of(v), p)]++;
        to[at] = v;
        to_places[at] = p == 0 ? (int)i : places[i];
      }
    }
  }
}

/* stretch s of a row */
#define STRETCH_LO(s) (n * (s) / stretches)

kernel void radix_count(const global T *x, const global CT *keys, global int *counts, const long rows, const long n, const long inner,
                        const int stretches, const int pass) {
  FOR_ITEMS(item, rows * stretches) {
    const long row = item / stretches, s = item % stretches, lo = STRETCH_LO(s), hi = STRETCH_LO(s + 1);
    int count[DIGITS];
    for (int d = 0; d < DIGITS; d++) count[d] = 0;
    if (pass == 0)
      for (long i = lo; i < hi; i++) count[DIGIT(key_of(LOAD(x, AT(row, i))), 0)]++;
    else
      for (long i = lo; i < hi; i++) count[DIGIT(key_of(keys[row * n + i]), pass)]++;
    for (int d = 0; d < DIGITS; d++) counts[(row * DIGITS + d) * stretches + s] = count[d];
  }
}

kernel void radix_scan(global int *counts, const long rows, const int stretches) {
  FOR_ITEMS(row, rows) {
    global int *own = counts + row * DIGITS * stretches;
    int before = 0;
    for (int i = 0; i < DIGITS * stretches; i++) {
      const int count = own[i];
      own[i] = before;
      before += count;
    }
  }
}

kernel void radix_scatter(const global T *x, const global CT *keys, const global int *places, const global int *counts, global CT *to,
                          global int *to_places, const long rows, const long n, const long inner, const int stretches, const int pass) {
  FOR_ITEMS(item, rows * stretches) {
    const long row = item / stretches, s = item % stretches, lo = STRETCH_LO(s), hi = STRETCH_LO(s + 1);
    int next[DIGITS];
    for (int d = 0; d < DIGITS; d++) next[d] = counts[(row * DIGITS + d) * stretches + s];
    global CT *own = to + row * n;
    global int *own_places = to_places + row * n;
    if (pass == 0)
      for (long i = lo; i < hi; i++) {
        const CT v = LOAD(x, AT(row, i));
        const int at = next[DIGIT(key_of(v), 0)]++;
        own[at] = v;
        own_places[at] = (int)i;
      }
    else
      for (long i = lo; i < hi; i++) {
        const CT v = keys[row * n + i];
        const int at = next[DIGIT(key_of(v), pass)]++;
        own[at] = v;
        own_places[at] = places[row * n + i];
      }
  }
}
