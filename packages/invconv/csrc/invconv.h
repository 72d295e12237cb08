// The exact inverse of a causal convolution: y = T x, with T block triangular and block Toeplitz.
// The core knows arrays, not frameworks; bindings.cpp makes views of what Python holds.
#pragma once

#include <cstdint>
#include <vector>

namespace invconv {

// Images [B, C, H, W] or a kernel [C, C/G, kh, kw]. Strides count elements and may have any order or sign.
template <class T>
struct View {
  T* data;
  std::int64_t size[4];
  std::int64_t stride[4];
};

// Functions in headers are static: solve.cpp is compiled once for each instruction set, and the linker must not
// pick one of the copies for all.
template <class T>
static inline T& at(const View<T>& view, std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) {
  return view.data[a * view.stride[0] + b * view.stride[1] + c * view.stride[2] + d * view.stride[3]];
}

// The sides on which the convolution pads with zeros. The recursion starts there.
struct Corner {
  bool bottom;
  bool right;
};

template <class T>
struct Problem {
  View<const T> y;
  View<const T> weight;
  View<T> x;
  std::vector<Corner> corners;  // one for each channel group
  int threads;
  bool transposed = false;
};

// Solves T x = y for x, or T^T x = y, on the best instruction set of this processor.
// Throws std::invalid_argument when the weight is not finite or an anchor tap is singular.
template <class T>
void inverse_conv2d(const Problem<T>& problem);

template <class T>
struct GradientProblem {
  View<const T> v;
  View<const T> x;
  View<T> weight;  // the gradient, [C, C/G, kh, kw]
  std::vector<Corner> corners;
  int threads;
};

// The gradient of the kernel K_t of x = T^-1 y, given v = T^-T g for the gradient g of x: minus the sum over images and
// pixels of v_p x_{p-t}^T.
template <class T>
void weight_gradient(const GradientProblem<T>& problem);

template <class T>
struct InverseGradientsProblem {
  View<const T> of_x;  // the gradient of x
  View<const T> weight;
  View<const T> x;
  View<T> of_y, of_weight;
  std::vector<Corner> corners;
  int threads;
  bool transposed = false;
};

// The problem whose solution is the gradient of y: that of the transposed map.
template <class T>
static inline Problem<T> problem_of(const InverseGradientsProblem<T>& problem) {
  return {problem.of_x, problem.weight, problem.of_y, problem.corners, problem.threads, !problem.transposed};
}

// The gradients of y and of the kernel for x = T^-1 y, or x = T^-T y: of filters in one pass over their signals.
template <class T>
void inverse_conv2d_gradients(const InverseGradientsProblem<T>& problem);

// The instruction set that is used here: "avx512", "avx2", "neon" or "portable".
const char* instruction_set();

}  // namespace invconv
