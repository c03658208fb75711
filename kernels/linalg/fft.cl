/* Fourier transforms of rows of complex numbers (pairs), of any length, in passes of Stockham's algorithm over a power of two N.
 *
 * The transform has the kernel exp(-2 pi i jk / d), its inverse the conjugated one, and neither is divided by d. A length d that is no power
 * of two becomes a convolution with a chirp (Bluestein): with c[j] = exp(-pi i j^2 / d), result[k] = c[k] * sum (x[j] c[j]) conj(c[k - j]).
 *
 *   fft_twiddles  w[k] = exp(-2 pi i k / N), k < N / 2
 *   fft_load      y = the rows of x (of real numbers with REAL), of length d, filled up to N with zeros; times the chirp with CHIRP.
 *                 conjugated: y = its conjugate, for the inverse
 *   fft_chirp     y = conj(c[j]) at j and N - j, zero between
 *   fft_pass      one pass: pairs (x[q + s p], x[q + s (p + N / 2s)]) to y[q + 2 s p] and y[q + s (2 p + 1)], p < N / 2s, q < s
 *   fft_multiply  x = conj(x * y), each row with the one row y
 *   fft_store     out = the first d numbers of each row of x, conjugated (only their real parts with REAL); with CHIRP x is conjugated,
 *                 divided by N and multiplied with the chirp before
 */
#include "common.h"

#ifndef REAL
#define REAL 0
#endif
#ifndef CHIRP
#define CHIRP 0
#endif
#if defined(WIDE) && WIDE
#define ANGLE 3.14159265358979323846
#else
#define ANGLE 3.14159265358979323846f
#endif

/* exp(-pi i numerator / denominator), 0 <= numerator < 2 * denominator: reduced to an eighth of the circle first, in integers */
#define ROOT(re, im, numerator, denominator)                                                        \
  {                                                                                                 \
    const long over = 4 * (numerator), octant = over / (denominator);                               \
    const long turned = (octant + 1) / 2 % 4;                                                       \
    const long rest = 2 * (numerator) - (octant + 1) / 2 * (denominator);                           \
    const CT angle = ANGLE * (CT)rest / (CT)(2 * (denominator));                                    \
    const CT cosine = cos(angle), sine = sin(angle);                                                \
    re = turned == 0 ? cosine : turned == 1 ? -sine : turned == 2 ? -cosine : sine;                 \
    im = turned == 0 ? -sine : turned == 1 ? -cosine : turned == 2 ? sine : cosine;                 \
  }

kernel void fft_twiddles(global T *w, const long middle) {
  FOR_EACH(k, middle) {
    CT re, im;
    ROOT(re, im, k, middle)
    w[2 * k] = re;
    w[2 * k + 1] = im;
  }
}

kernel void fft_load(const global T *x, global T *y, const long rows, const long d, const long n, const int conjugated) {
  FOR_EACH(i, rows * n) {
    const long row = i / n, j = i % n;
    CT re = 0, im = 0;
    if (j < d) {
#if REAL
      re = LOAD(x, row * d + j);
#else
      re = LOAD(x, 2 * (row * d + j));
      im = LOAD(x, 2 * (row * d + j) + 1);
      if (conjugated) im = -im;
#endif
#if CHIRP
      CT c, s;
      const long square = j * j % (2 * d);
      ROOT(c, s, square, d)
      const CT turned = re * c - im * s;
      im = re * s + im * c;
      re = turned;
#endif
    }
    y[2 * i] = re;
    y[2 * i + 1] = im;
  }
}

kernel void fft_chirp(global T *y, const long d, const long n) {
  FOR_EACH(i, n) {
    const long j = i < d ? i : n - i;
    CT c = 0, s = 0;
    if (j < d) {
      const long square = j * j % (2 * d);
      ROOT(c, s, square, d)
    }
    y[2 * i] = c;
    y[2 * i + 1] = -s;
  }
}

kernel void fft_pass(const global T *x, global T *y, const global T *w, const long rows, const long n, const long s) {
  const long middle = n / 2;
  FOR_EACH(i, rows * middle) {
    const long row = i / middle, at = i % middle, p = at / s, q = at % s;
    const global T *from = x + 2 * (row * n + q + s * p);
    global T *to = y + 2 * (row * n + q + 2 * s * p);
    const CT a = from[0], b = from[1], c = from[2 * middle], e = from[2 * middle + 1];
    const CT re = w[2 * p * s], im = w[2 * p * s + 1];
    const CT u = a - c, v = b - e;
    to[0] = a + c;
    to[1] = b + e;
    to[2 * s] = u * re - v * im;
    to[2 * s + 1] = u * im + v * re;
  }
}

kernel void fft_multiply(global T *x, const global T *y, const long rows, const long n) {
  FOR_EACH(i, rows * n) {
    const long j = i % n;
    const CT a = x[2 * i], b = x[2 * i + 1], c = y[2 * j], e = y[2 * j + 1];
    x[2 * i] = a * c - b * e;
    x[2 * i + 1] = -(a * e + b * c);
  }
}

kernel void fft_store(const global T *x, global T *out, const long rows, const long d, const long n, const int conjugated) {
  FOR_EACH(i, rows * d) {
    const long row = i / d, j = i % d;
    CT re = x[2 * (row * n + j)], im = x[2 * (row * n + j) + 1];
#if CHIRP
    CT c, s;
    const long square = j * j % (2 * d);
    ROOT(c, s, square, d)
    re /= n;
    im /= -n;
    const CT turned = re * c - im * s;
    im = re * s + im * c;
    re = turned;
#endif
    if (conjugated) im = -im;
#if REAL
    STORE(out, i, re);
#else
    STORE(out, 2 * i, re);
    STORE(out, 2 * i + 1, im);
#endif
  }
}
