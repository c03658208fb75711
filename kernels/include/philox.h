/* Philox4x32-10: random numbers as a pure function of (key, counter), the same on every device and in any order.
 * Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
 *
 *   philox4x32(counter, key)          the generator itself: four words
 *   philox_draw(rng, stream, index)   four words for `index`; rng: the four words of random state (key low, key high, counter low,
 *                                     counter high), stream: a number of the node's own
 *   philox_uniform(word)              a float in [0, 1), 24 bits
 */
#ifndef PHILOX_H
#define PHILOX_H

static inline uint4 philox4x32(uint4 counter, uint2 key) {
  uint a = counter.x, b = counter.y, c = counter.z, d = counter.w, k = key.x, l = key.y;
#pragma unroll /* so that a loop around this vectorises */
  for (int round = 0; round < 10; round++) {
    /* a 64-bit product: mul_hi is a call on some devices */
    const ulong p = (ulong)a * 0xD2511F53u, q = (ulong)c * 0xCD9E8D57u;
    a = (uint)(q >> 32) ^ b ^ k;
    b = (uint)q;
    c = (uint)(p >> 32) ^ d ^ l;
    d = (uint)p;
    k += 0x9E3779B9u;
    l += 0xBB67AE85u;
  }
  return (uint4)(a, b, c, d);
}

static inline uint4 philox_draw(uint4 rng, uint stream, ulong index) {
  return philox4x32((uint4)((uint)index, stream + (uint)(index >> 32) * 0x9E3779B9u, rng.z, rng.w), (uint2)(rng.x, rng.y));
}

static inline float philox_uniform(uint word) { return (float)(word >> 8) * 5.9604644775390625e-8f; }

#endif
