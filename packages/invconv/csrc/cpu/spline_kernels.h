// What is compiled once for each instruction set, each copy in a namespace of its own: the spline of one channel.
#pragma once

#include <cstdint>

namespace invconv {

// The bins of a channel's spline, and a tail before and one behind them. In the bin that x is in, with
// xi = (x - x0) / width and eta = 1 - xi, and with the derivatives at its ends relative to height / width, a and b:
//
//   y = y0 + height r,  dy/dx = height / width p / d^2,  r = xi e / d,
//   d = xi e + eta f,  p = eta e + xi f,  e = xi + a eta,  f = eta + b xi
//
// where every term is positive, so that nothing cancels, however steep the spline is. A tail is a bin with
// per_width 0, in which an entry is moved by y0 - x0: not at all where they are equal, so that no number is rounded.
enum Field { kX0, kPerWidth, kHeight, kA, kB, kY0, kFields };

template <class T>
struct Bins {
  const T* fields[kFields];
  std::int64_t count;
};

// The gradients of what is in a bin are made of these sums over the entries in it, for the gradients g_y of y and g_l of
// l = log dy/dx: of g_xi, of g_xi xi + g_l, of g_y height r + g_l, of g_a, of g_b, and of g_y. At constant a and b, the
// gradients of x0, width and height are the first three over -width, -width and height. Neighbors often share a bin, and
// would wait for each other's sum: a bin has several cells.
constexpr int kCells = 4, kCell = 8;

template <class T>
struct SplineKernels {
  // Returns the sum of log dy/dx.
  double (*forward)(const Bins<T>& bins, std::int64_t count, const T* x, T* y);
  void (*inverse)(const Bins<T>& bins, std::int64_t count, const T* y, T* x);
  // Adds to the sums, [bin][cell][kCell].
  void (*gradient)(const Bins<T>& bins, std::int64_t count, const T* x, const T* grad_y, T grad_l, T* grad_x, T* sums);
  void (*inverse_gradient)(const Bins<T>& bins, std::int64_t count, const T* x, const T* grad_x, T* grad_y, T* sums);
};

#define INVCONV_DECLARE_SPLINES(isa)  \
  namespace isa {                     \
  template <class T>                  \
  SplineKernels<T> spline_kernels();  \
  }
INVCONV_DECLARE_SPLINES(portable)
INVCONV_DECLARE_SPLINES(avx2)
INVCONV_DECLARE_SPLINES(avx512)
#undef INVCONV_DECLARE_SPLINES

}  // namespace invconv
