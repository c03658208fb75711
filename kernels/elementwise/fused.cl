/* A chain or tree of element-wise operators in one pass over its operands.
 *
 *   v0 = f0(x0[i], ...), v1 = f1(v0, x1[i], ...), ...;  q0[i] (req)= one of them, q1[i] (req)= another ...
 *
 * Results: n elements each. Operands p0, p1 ... are walked with the results, or hold one value (read ahead of the loop), or, with LINES, one
 * value a line of `inner` neighbouring results (line number modulo the operand's own length) or one a place within a line. Numbers s0, s1 ...
 * are arguments, so that new values need no new program. Every value is computed in CT and rounded to the type that its operator has,
 * so that the result is that of the operators one by one. A work-item computes its share of MAP_EACH, or of the lines. In place: a result may be any operand
 * that is walked with it.
 *
 * The parts, written by the operator (clsym/ops/elementwise/fused.py):
 *   ARGUMENTS   parameters, but for inner and n
 *   ONCE        loads of operands with one value
 *   LINE        loads of operands with one value a line, `line` being its number
 *   EACH        loads of the others, `i` being the element and `j` its place in the line
 *   BODY        the operators' values
 *   PUT         the stores
 *   TOGETHER    (optional) 0: not vectorised, because the body holds a call
 * Without them, the file computes q0 = max(p0 + p1, s0).
 */
#include "common.h"
#include "math.h"
#include "special.h"
#include "convert.h"
#include "activation.h"
#include "items.h"

#ifndef BODY
#define ARGUMENTS const global T *p0, const global T *p1, global T *q0, const CT s0,
#define ONCE
#define LINE
#define EACH const CT x0 = LOAD(p0, i), x1 = LOAD(p1, i);
#define BODY const CT v0 = x0 + x1; const CT v1 = MAX_(v0, s0);
#define PUT STORE(q0, i, v1);
#endif
#ifndef LINES
#define LINES 0
#endif
#ifndef WIDE
#define WIDE 1
#endif
#if WIDE /* n is 2^31 or more; 64-bit divisions take many instructions on GPUs */
typedef long index_t;
#else
typedef uint index_t;
#endif

/* The nearest value that a half has, ties to even: overflows to inf as the conversion does, and has its denormals; NaN stays NaN. */
M_FN float rounded_half(const float v) {
  const float a = m_abs_float(v);
  const int bits = as_int(a);
  const float normal = as_float((bits + 0xfff + ((bits >> 13) & 1)) & ~0x1fff);
  const float small = (a + 0.5f) - 0.5f; /* 0.5 has the step of half's denormals */
  const float finite = a < 6.103515625e-05f ? small : (normal > 65504.0f ? M_INF : normal);
  return m_copysign_float(a != a ? a : finite, v);
}
#define ROUNDED_float(v) (v)
#define ROUNDED_double(v) (v)
#define ROUNDED_half(v) rounded_half(v)

kernel void fused_elementwise(ARGUMENTS const long inner, const long n) {
  ONCE
#if LINES
  FOR_RUNS(at, next, n) {
    const index_t line = (index_t)at / (index_t)inner;
    const long start = (long)line * inner;
    next = RUN_END(at, start + inner);
    LINE
    MAP_LOOP for (long i = at; i < next; i++) {
      const long j = i - start;
      EACH
      BODY
      PUT
    }
  }
#else
  MAP_EACH(i, n) {
    EACH
    BODY
    PUT
  }
#endif
}
