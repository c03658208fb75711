/* The builtin functions that our kernels call, declared as the compiler's own header declares them: overloaded, with its attributes.
 *
 * That header has 18,000 lines, which PoCL parses for every program: 90 ms of the 100 that a small kernel takes. Where it is left out
 * (runtime/program.py) this file stands in front of the program instead; types, constants and as_float come without it. A kernel that calls
 * another builtin needs its line here; tests/null/test_builtins.py says so.
 */
#define OV_ __attribute__((overloadable))
#define PURE_ __attribute__((overloadable, const))

size_t PURE_ get_global_id(uint);
size_t PURE_ get_global_size(uint);
size_t PURE_ get_local_id(uint);
size_t PURE_ get_local_size(uint);
size_t PURE_ get_group_id(uint);
size_t PURE_ get_num_groups(uint);
void __attribute__((overloadable, convergent)) barrier(cl_mem_fence_flags);

#define OF_ONE(name)         \
  float PURE_ name(float);   \
  double PURE_ name(double);
#define OF_TWO(name)                 \
  float PURE_ name(float, float);    \
  double PURE_ name(double, double);
OF_ONE(exp)
OF_ONE(expm1)
OF_ONE(log)
OF_ONE(log2)
OF_ONE(log10)
OF_ONE(log1p)
OF_ONE(tanh)
OF_ONE(erf)
OF_ONE(erfc)
OF_ONE(sqrt)
OF_ONE(cbrt)
OF_ONE(floor)
OF_ONE(ceil)
OF_ONE(trunc)
OF_ONE(rint)
OF_ONE(sin)
OF_ONE(cos)
OF_ONE(tan)
OF_ONE(asin)
OF_ONE(acos)
OF_ONE(atan)
OF_ONE(sinh)
OF_ONE(cosh)
OF_ONE(asinh)
OF_ONE(acosh)
OF_ONE(atanh)
OF_ONE(tanpi)
OF_ONE(tgamma)
OF_ONE(lgamma)
OF_ONE(fabs)
OF_TWO(pow)
OF_TWO(fmod)
OF_TWO(hypot)
OF_TWO(copysign)

#define OF_ALL(name)                 \
  char PURE_ name(char, char);       \
  uchar PURE_ name(uchar, uchar);    \
  short PURE_ name(short, short);    \
  ushort PURE_ name(ushort, ushort); \
  int PURE_ name(int, int);          \
  uint PURE_ name(uint, uint);       \
  long PURE_ name(long, long);       \
  ulong PURE_ name(ulong, ulong);    \
  OF_TWO(name)
OF_ALL(min)
OF_ALL(max)
long PURE_ clamp(long, long, long);

float __attribute__((overloadable, pure)) vload_half(size_t, const global half *);
float __attribute__((overloadable, pure)) vload_half(size_t, const local half *);
float __attribute__((overloadable, pure)) vload_half(size_t, const private half *);
void OV_ vstore_half(float, size_t, global half *);
void OV_ vstore_half(float, size_t, local half *);
void OV_ vstore_half(float, size_t, private half *);
void OV_ vstore16(float16, size_t, global float *);
void OV_ vstore16(float16, size_t, private float *);
void OV_ vstore16(double16, size_t, private double *);

int OV_ atomic_add(volatile global int *, int);
int OV_ atomic_inc(volatile global int *);
int OV_ atomic_max(volatile global int *, int);
uint OV_ atomic_max(volatile global uint *, uint);
int OV_ atomic_cmpxchg(volatile global int *, int, int);
uint OV_ atomic_cmpxchg(volatile global uint *, uint, uint);

#undef OV_
#undef PURE_
#undef OF_ONE
#undef OF_TWO
#undef OF_ALL
