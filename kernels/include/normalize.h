/* Normalisation by the statistics of rows: LayerNorm, InstanceNorm, GroupNorm, L2Normalization.
 *
 * A tensor is (outer, n, inner): outer * inner rows of n elements, `inner` apart. xhat = (x - mean) / sqrt(var + eps), y = gamma * xhat + beta.
 *   AFFINE 0   no mean, no gamma: y = x / sqrt(sum(x*x) + eps)        (L2Normalization)
 *   AFFINE 1   gamma, beta of n elements, one for each place of a row (LayerNorm)
 *   AFFINE 2   gamma, beta of `groups` elements, one for each row modulo groups (InstanceNorm, GroupNorm)
 *
 * Statistics are computed in two passes (mean, then squares of differences): exact where the mean is large. The gradient's kernels give
 * dx (WANT_DX), and what dgamma and dbeta need, as CT: AFFINE 1: stat[row] = mean, stat[rows + row] = 1 / std;
 * AFFINE 2: stat[row] = sum g * xhat, stat[rows + row] = sum g. The forward ones give y, and mean and sqrt(var + eps) of each row (REQ1, REQ2).
 */
#ifndef NORMALIZE_H
#define NORMALIZE_H
#include "math.h"
#include "reduce.h"

#ifndef AFFINE
#define AFFINE 1
#endif
#ifndef REQ1
#define REQ1 0
#endif
#ifndef REQ2
#define REQ2 0
#endif
#ifndef WANT_DX
#define WANT_DX 1
#endif
#define TILE 256 /* neighbouring rows, or places of a row, that a work-item of a CPU takes at most */
#define ROOT(v) m_sqrt(v)

#endif
