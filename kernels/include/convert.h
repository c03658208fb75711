/* Numbers to integers as x86 does it, on every device: truncation, and the smallest integer for what does not fit and for NaN.
 *
 * to_int, to_long: the argument is a float, a double or an integer. RESULT(v): v made ready for STORE, where the compute type is float
 * and the storage type T an integer one; INT (int or long) is defined then, and v passes unchanged where it is not.
 *
 * quotient(a, b), modulo(a, b): of floats as C's / and Python's %, of integers without the traps: x / 0 is 0.
 * quotient_or_least(a, b): but the smallest integer for b = 0. modulo has the sign of b, and is 0 for b = 0. power, hypotenuse, logarithm: integers go through float.
 */
#ifndef CONVERT_H
#define CONVERT_H
#include "math.h"

#define TO_INT(v) ((v) > -2147483649.0f && (v) < 2147483648.0f ? (int)(v) : (int)0x80000000)
#define TO_LONG(v) ((v) >= -9223372036854775808.0f && (v) < 9223372036854775808.0f ? (long)(v) : (long)0x8000000000000000L)
#define TO_INTEGER_int(v) TO_INT(v)
#define TO_INTEGER_long(v) TO_LONG(v)
#if IS_FLOAT
#define quotient(a, b) ((a) / (b))
#define quotient_or_least(a, b) ((a) / (b))
#define power(a, b) m_pow(a, b)
#define hypotenuse(a, b) m_hypot(a, b)
#define logarithm(a) m_log(a)
#define floored(a) m_floor(a)
static inline CT modulo(const CT a, const CT b) {
  const CT r = m_fmod(m_abs(a), m_abs(b)); /* a NaN passes through */
  if (b == 0) return 0;
  if (a == 0 && r == 0) return a; /* keeps the sign of zero */
  if (b < 0) return a < 0 ? -r : (r != 0 ? r + b : r);
  return a < 0 ? (r != 0 ? b - r : (CT)0) : r;
}
#else
static inline CT quotient(const CT a, const CT b) {
  const CT q = a / (b == 0 || b == -1 ? 1 : b);
  return b == 0 ? 0 : (b == -1 ? -a : q);
}
/* a / 0 is what x86 makes of an infinite double: the smallest integer of 32 or 64 bits */
#define LEAST_int ((int)0x80000000)
#define LEAST_long ((long)0x8000000000000000L)
#define quotient_or_least(a, b) ((b) == 0 ? CAT(LEAST_, CT) : quotient(a, b))
static inline CT modulo(const CT a, const CT b) {
  const CT r = a % (b == 0 || b == -1 ? 1 : b);
  return r != 0 && ((r < 0) != (b < 0)) ? r + b : r;
}
#define power(a, b) CAT(TO_INTEGER_, CT)(m_pow_float((float)(a), (float)(b)))
#define logarithm(a) CAT(TO_INTEGER_, CT)(m_log_float((float)(a)))
#define floored(a) (a)
#define hypotenuse(a, b) CAT(TO_INTEGER_, CT)(m_hypot_float((float)(a), (float)(b)))
#endif
/* v limited to 0 .. 1; NaN stays */
static inline CT hard(const CT v) { return v < 0 ? 0 : (v > 1 ? 1 : v); }
#ifdef INT
#define RESULT(v) CAT(TO_INTEGER_, INT)(v)
#else
#define RESULT(v) (v)
#endif

#endif
