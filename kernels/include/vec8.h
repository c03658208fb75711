/* Eight elements at a time, explicitly, for loops that the compiler does not vectorise by itself: sums of floating-point numbers
 * (their order is ours to choose), and element-wise loops that may run in place (where its overlap test sends it to the scalar loop).
 *
 *   V8              eight values of the compute type
 *   load8(p, i)     elements i..i+7 of a tensor of T; no alignment needed
 *   store8(p, i, v) the same through the store mode REQ
 *   loadc8          the same for arrays of CT
 *   V16, load16, loadc16   sixteen of them; before a kernel that uses them: WIDE_VECTORS
 *   sum8(v)         the sum of the lanes, always in the same order
 */
#ifndef VEC8_H
#define VEC8_H

typedef CAT(CT, 8) V8;
/* a vector that may start at any element: no call to vload8, which is a real call on some devices */
typedef V8 V8U __attribute__((aligned(4)));

static inline V8 loadc8(const global CT *p, long i) { return *(const global V8U *)(p + i); }

static inline V8 load8(const global T *p, long i) {
  if (sizeof(T) == sizeof(CT)) return *(const global V8U *)(p + i);
  return (V8)(LOAD(p, i), LOAD(p, i + 1), LOAD(p, i + 2), LOAD(p, i + 3), LOAD(p, i + 4), LOAD(p, i + 5), LOAD(p, i + 6), LOAD(p, i + 7));
}

static inline void store8(global T *p, long i, V8 v) {
  if (sizeof(T) == sizeof(CT)) {
#if REQ == 2
    *(global V8U *)(p + i) += v;
#elif REQ == 1
    *(global V8U *)(p + i) = v;
#endif
    return;
  }
  STORE(p, i, v.s0);
  STORE(p, i + 1, v.s1);
  STORE(p, i + 2, v.s2);
  STORE(p, i + 3, v.s3);
  STORE(p, i + 4, v.s4);
  STORE(p, i + 5, v.s5);
  STORE(p, i + 6, v.s6);
  STORE(p, i + 7, v.s7);
}

typedef CAT(CT, 16) V16;
typedef V16 V16U __attribute__((aligned(4)));

static inline __attribute__((always_inline)) V16 load16(const global T *p, long i) {
  if (sizeof(T) == sizeof(CT)) return *(const global V16U *)(p + i);
  return (V16)(load8(p, i), load8(p, i + 8));
}

static inline __attribute__((always_inline)) V16 loadc16(const global CT *p, long i) { return *(const global V16U *)(p + i); }

static inline CT sum8(V8 v) { return ((v.s0 + v.s4) + (v.s2 + v.s6)) + ((v.s1 + v.s5) + (v.s3 + v.s7)); }

#endif
