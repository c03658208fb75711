/* Bilinear interpolation between pixels of an image.
 *
 *   cell(v, n, &low, &part)       whether v lies in [-1, n): between pixels low = floor(v) and low + 1, `part` beyond low. Pixels outside
 *                                 0..n-1 count as zeros. Not so for a v that is not a number.
 *   pixel(image, y, x, h, w)      zero outside
 *   clamped(v, n, &low, &part)    whether v lies in [-1, n]; it is then cut to 0..n-1
 */
#ifndef BILINEAR_H
#define BILINEAR_H

static inline int cell(const CT v, const int n, int *low, CT *part) {
  const int inside = n > 0 && v >= (CT)-1 && v < (CT)n;
  const CT safe = inside ? v : (CT)0;
  const int whole = (int)(safe + (CT)1) - 1; /* truncation rounds down here */
  const int down = (CT)whole > safe ? whole - 1 : whole; /* safe + 1 may have been rounded up */
  *low = down;
  *part = safe - (CT)down;
  return inside;
}

static inline CT pixel(const global T *image, const int y, const int x, const int h, const int w) {
  return y >= 0 && y < h && x >= 0 && x < w ? LOAD(image, (long)y * w + x) : (CT)0;
}

static inline int clamped(const CT v, const int n, int *low, CT *part) {
  const int inside = n > 0 && v >= (CT)-1 && v <= (CT)n;
  const CT safe = inside && v > 0 ? v : (CT)0;
  const int whole = (int)safe, last = whole >= n - 1;
  *low = last ? (n > 0 ? n - 1 : 0) : whole;
  *part = last ? (CT)0 : safe - (CT)whole;
  return inside;
}
#endif
