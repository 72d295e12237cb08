// The solver of one channel group. It is compiled once for each instruction set, each copy in a namespace of its own.
#pragma once

#include <cstdint>

#include "invconv.h"

namespace invconv {

// Plain data, so that no code of the standard library is compiled for one instruction set and linked for all.
template <class T>
struct Task {
  View<const T> y;  // [B, n, H, W], the recursion from the top left
  View<T> x;
  std::int64_t image;  // solves `count` images from this one on: at most the lanes of a register
  std::int64_t count;
  std::int64_t kh, kw;
  std::int64_t blocks, rows;  // as in PackedKernel
  const T* above;
  const T* beside;
  const T* anchor;
  T* scratch;      // scratch_size() numbers, zeros before the first task
  T** rows_above;  // room for kh pointers
};

// What a register holds: one channel of several images, or several channels of one image.
enum class Lanes { images, channels };

constexpr int kMaxRows = 6;

template <class T>
struct Solver {
  std::int64_t lanes;  // numbers in a register
  void (*solve_images)(const Task<T>&);
  void (*solve_channels)(const Task<T>&);
};

// Numbers of scratch that a task needs, `cell` of them a pixel.
static inline std::int64_t scratch_size(std::int64_t kh, std::int64_t kw, std::int64_t W, std::int64_t cell) {
  return (kh * (W + kw - 1) + W + 1) * cell;
}

namespace portable {
template <class T>
Solver<T> solver();
}
namespace avx2 {
template <class T>
Solver<T> solver();
}
namespace avx512vl {
template <class T>
Solver<T> solver();
}
namespace avx512 {
template <class T>
Solver<T> solver();
}

}  // namespace invconv
