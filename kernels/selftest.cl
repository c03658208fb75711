/* Self-test of a device: one kernel whose result is checked, two whose speed is measured.
 *
 * selftest_check  x, y: n int32. y[i] = 3 * x'[i] + i, where x' is x reversed within each work-group (through local memory
 *                 and a barrier). One work-item an element, n a multiple of the local size.
 * selftest_copy   src, dst: n float32. CPU: one work-item copies `chunk` neighbours; else: a strided, coalesced loop.
 * selftest_fma    y: one float32 a work-item. Each work-item runs ACCUMULATORS independent chains of a = a * m + c.
 *
 * Tunables: CPU (chunk loops), WIDTH (lanes of one accumulator: 4, 8 or 16).
 */
#ifndef CPU
#define CPU 1
#endif
#ifndef WIDTH
#define WIDTH 8
#endif
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
typedef JOIN(float, WIDTH) vec;

__kernel void selftest_check(__global const int *x, __global int *y, __local int *tile) {
    const size_t i = get_global_id(0), l = get_local_id(0), last = get_local_size(0) - 1;
    tile[l] = x[i];
    barrier(CLK_LOCAL_MEM_FENCE);
    y[i] = 3 * tile[last - l] + (int)i;
}

__kernel void selftest_copy(__global const float *restrict src, __global float *restrict dst, const long n, const long chunk) {
#if CPU
    const long lo = (long)get_global_id(0) * chunk;
    const long hi = lo + chunk < n ? lo + chunk : n;
    for (long i = lo; i < hi; i++) dst[i] = src[i];
#else
    for (long i = get_global_id(0); i < n; i += get_global_size(0)) dst[i] = src[i];
#endif
}

/* Twelve chains: a multiply-add takes 4 cycles and two start in each, so fewer than eight would leave units idle;
 * twelve vectors and two constants still fit the 16 registers of AVX2. Plain a * m + c: `fma` is a call on PoCL. */
__kernel void selftest_fma(__global float *y, const float multiplier, const float increment, const int rounds) {
    const vec m = (vec)(multiplier), c = (vec)(increment);
    vec a0 = m, a1 = m + 1, a2 = m + 2, a3 = m + 3, a4 = m + 4, a5 = m + 5;
    vec a6 = m + 6, a7 = m + 7, a8 = m + 8, a9 = m + 9, a10 = m + 10, a11 = m + 11;
    for (int r = 0; r < rounds; r++) {
        a0 = a0 * m + c; a1 = a1 * m + c; a2 = a2 * m + c; a3 = a3 * m + c;
        a4 = a4 * m + c; a5 = a5 * m + c; a6 = a6 * m + c; a7 = a7 * m + c;
        a8 = a8 * m + c; a9 = a9 * m + c; a10 = a10 * m + c; a11 = a11 * m + c;
    }
    const vec sum = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11;
    y[get_global_id(0)] = sum.s0 + sum.s1 + sum.s2 + sum.s3;
}
