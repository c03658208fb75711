/* The eight elements of a vector, as an initialiser: `long e[8] = ELEMENTS8(extents);` for kernels that look dimensions up in a loop.
 *
 * vstore8 of a long8 into a private array makes PoCL 3.0's compiler (LLVM 14) crash in the process that runs it, where the CPU's vectors
 * are 32 bytes wide.
 */
#define ELEMENTS8(v) {(v).s0, (v).s1, (v).s2, (v).s3, (v).s4, (v).s5, (v).s6, (v).s7}
