/* What a kernel does to a result before it stores it: a residual, an activation. NaN stays NaN.
 *
 * Defines: RESIDUAL 1: a tensor that lies as the output does is added. ACTIVATION 0 none, 1 max(v, 0), 2 clipped to [low, high],
 * 3 v < 0 ? low * v : v.
 */
#ifndef EPILOGUE_H
#define EPILOGUE_H
#ifndef RESIDUAL
#define RESIDUAL 0
#endif
#ifndef ACTIVATION
#define ACTIVATION 0
#endif

static inline CT finished(CT v, const __global T *residual, const long at, const CT low, const CT high) {
#if RESIDUAL
  v += LOAD(residual, at);
#endif
#if ACTIVATION == 1
  v = v < (CT)0 ? (CT)0 : v;
#elif ACTIVATION == 2
  v = v < low ? low : v > high ? high : v;
#elif ACTIVATION == 3
  v = v < (CT)0 ? low * v : v;
#endif
  return v;
}
#endif
