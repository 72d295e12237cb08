// What is compiled once for each instruction set, each copy in a namespace of its own: the recursion and the gradient
// of the kernel, for one channel group.
//
// A register holds one channel of several images, or several channels of one image. A unit is what is solved alone: as
// many images as a register has lanes, or one image.
#pragma once

#include <cstdint>

#include "invconv.h"

namespace invconv {

enum class Lanes { images, channels };

constexpr int kMaxRows = 6;    // registers of a block of channels out
constexpr int kMaxPixels = 8;  // pixels that are solved together

// Plain data, so that no code of the standard library is compiled for one instruction set and linked for all.
template <class T>
struct Task {
  View<const T> y;  // [B, n, H, W], the recursion from the top left
  View<T> x;
  std::int64_t kh, kw;
  std::int64_t rows;  // registers of a block of channels out
  std::int64_t cell;  // numbers that a pixel takes in scratch memory: the registers of all blocks
  std::int64_t band;  // rows of the image that are there at a time
  std::int64_t columns;  // and columns: all, unless all rows are there
  const T* taps;
  const T* anchor;
};

// As many threads as solve a unit together. Each takes the next free band of rows and stays a few columns behind the
// one above. One that is off its core takes none, so that nobody waits for it.
struct Team {
  int member, size;
  std::int64_t* next;      // the first band that nobody has taken
  std::int64_t* progress;  // anti-diagonals that are solved, for each band
};

// Returns when `progress` has come to `steps`.
void wait_for(const std::int64_t* progress, std::int64_t steps);

// The sum over images and pixels of v_p x_{p-t}^T for every tap t.
template <class T>
struct GradientTask {
  View<const T> v;  // [B, n, H, W], turned as for the recursion
  View<const T> x;
  std::int64_t kh, kw;
  std::int64_t rows, cell, band, columns;  // as above
  T* sums;  // [block][tap][channel in][row][lane], added to
};

template <class T>
struct Kernels {
  std::int64_t lanes;  // numbers in a register
  // Units [begin, end), with solve_scratch() numbers of scratch for that many.
  void (*solve[2])(const Task<T>&, std::int64_t begin, std::int64_t end, T* scratch);
  // One unit by a team, with together_scratch() numbers that they share.
  void (*solve_together[2])(const Task<T>&, std::int64_t unit, const Team&, T* scratch);
  // Bands [begin, end) of all units, with gradient_scratch() numbers of scratch.
  void (*add_gradient[2])(const GradientTask<T>&, std::int64_t begin, std::int64_t end, T* scratch);
  // Clears column k of the n x n matrix a, but for row k, by subtracting multiples of that row; a column of the
  // inverse takes its place.
  void (*eliminate)(double* a, std::int64_t n, std::int64_t k);
};

template <class T>
static inline std::int64_t row_size(const T& task, std::int64_t W) {
  return (W + task.kw - 1) * task.cell;
}

// Of `units` units as many are solved at a time as there may be pixels.
template <class T>
static inline std::int64_t solve_scratch(const Task<T>& task, std::int64_t units) {
  const std::int64_t together = units < kMaxPixels ? units : kMaxPixels;
  return kMaxPixels * task.cell + together * (task.kh - 1 + task.band) * row_size(task, task.columns);
}

template <class T>
static inline std::int64_t together_scratch(const Task<T>& task, int team) {
  return team * kMaxPixels * task.cell + (task.kh - 1 + task.y.size[2]) * row_size(task, task.y.size[3]);
}

template <class T>
static inline std::int64_t gradient_scratch(const GradientTask<T>& task) {
  return (task.kh - 1 + 2 * task.band) * row_size(task, task.columns);
}

#define INVCONV_DECLARE_KERNELS(isa) \
  namespace isa {                    \
  template <class T>                 \
  Kernels<T> kernels();              \
  }
INVCONV_DECLARE_KERNELS(portable)
INVCONV_DECLARE_KERNELS(avx2)
INVCONV_DECLARE_KERNELS(avx512)
#undef INVCONV_DECLARE_KERNELS

}  // namespace invconv
