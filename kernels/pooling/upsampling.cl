/* Gradients of bilinear upsampling with large filters: of a transposed convolution of every channel with a filter of its own (K x K, stride
 * `scale`, padding `pad`). Small ones are those of depthwise convolution.
 *
 *   upsample_bilinear_data    d[p, j] (req)= sum over filter taps t of g[p, scale j - pad + t] w[c, t]
 *   upsample_bilinear_weight  dw[c, t] (req)= sum over images and input pixels of g[n, c, scale j - pad + t] x[n, c, j]; a work-item does
 *                             whole taps
 *
 * x, d: planes of h x w; y, g: of H x W; w, dw: C x K x K. A work-item computes its share of FOR_EACH.
 */
#include "common.h"

kernel void upsample_bilinear_data(const global T *g, const global T *weight, global T *d, const long n, const int channels, const int h,
                                   const int w, const int H, const int W, const int K, const int scale, const int pad) {
  FOR_EACH(i, n) {
    const int jx = (int)(i % w), jy = (int)(i / w % h);
    const long plane = i / w / h;
    const global T *grad = g + plane * H * W, *filter = weight + plane % channels * K * K;
    CT sum = 0;
    for (int ty = 0; ty < K; ty++) {
      const int oy = scale * jy - pad + ty;
      if (oy < 0 || oy >= H) continue;
      for (int tx = 0; tx < K; tx++) {
        const int ox = scale * jx - pad + tx;
        if (ox >= 0 && ox < W) sum += LOAD(grad, oy * W + ox) * LOAD(filter, ty * K + tx);
      }
    }
    STORE(d, i, sum);
  }
}

kernel void upsample_bilinear_weight(const global T *g, const global T *x, global T *d, const long n, const int channels, const int h, const int w,
                                     const int H, const int W, const int K, const int scale, const int pad, const int images) {
  FOR_EACH(i, n) {
    const int tx = (int)(i % K), ty = (int)(i / K % K), c = (int)(i / K / K);
    CT sum = 0;
    for (int image = 0; image < images; image++) {
      const long plane = (long)image * channels + c;
      for (int jy = 0; jy < h; jy++) {
        const int oy = scale * jy - pad + ty;
        if (oy < 0 || oy >= H) continue;
        for (int jx = 0; jx < w; jx++) {
          const int ox = scale * jx - pad + tx;
          if (ox >= 0 && ox < W) sum += LOAD(g, (plane * H + oy) * W + ox) * LOAD(x, (plane * h + jy) * w + jx);
        }
      }
    }
    STORE(d, i, sum);
  }
}
