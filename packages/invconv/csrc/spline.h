// Monotone rational-quadratic splines with linear tails, one for each channel of images (Durkan et al. 2019): the
// activation between the inverse convolutions of an Inverse-Flow. Arrays are contiguous.
#pragma once

#include <cstdint>

namespace invconv {

template <class T>
struct Splines {
  const T* knots;        // [2, C, K + 1], where they are and the values there, both increasing
  const T* derivatives;  // [C, K + 1], positive
  std::int64_t channels, bins;
};

template <class T>
struct SplineGradients {
  T* knots;        // [2, C, K + 1]
  T* derivatives;  // [C, K + 1]
};

// Images [B, C, N], in any number of pixels N.
struct Extent {
  std::int64_t images, pixels;
};

// Writes the splines' values into y, and the sum of log dy/dx over each image into logdet, [B].
template <class T>
void spline(const Splines<T>& splines, Extent extent, const T* x, T* y, T* logdet, int threads);

template <class T>
void inverse_spline(const Splines<T>& splines, Extent extent, const T* y, T* x, int threads);

// The gradients of x and of the splines, by those of y and of logdet.
template <class T>
void spline_gradient(const Splines<T>& splines, Extent extent, const T* x, const T* grad_y, const T* grad_logdet,
                     T* grad_x, const SplineGradients<T>& gradients, int threads);

// The gradients of y and of the splines, by that of x, the inverse at y.
template <class T>
void inverse_spline_gradient(const Splines<T>& splines, Extent extent, const T* x, const T* grad_x, T* grad_y,
                             const SplineGradients<T>& gradients, int threads);

}  // namespace invconv
