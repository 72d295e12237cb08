// One channel group of a problem, turned and packed for the solver.
#pragma once

#include <cstdint>
#include <vector>

#include "cpu/buffer.h"
#include "cpu/kernels.h"
#include "invconv.h"

namespace invconv {

// Turned so that the recursion runs from the top left: taps[:, :, i, j] multiplies the pixel i rows up and j columns
// to the left, and taps[:, :, 0, 0] is the anchor.
template <class T>
struct Group {
  View<const T> y;     // [B, n, H, W]
  View<const T> taps;  // [n, n, kh, kw]
  View<T> x;           // [B, n, H, W]
};

template <class T>
Group<T> group_of(const Problem<T>& problem, std::int64_t index);

template <class T>
struct GradientGroup {
  View<const T> v;
  View<const T> x;
  View<T> taps;
};

// Also writes zeros to what the taps of the group leave out of the kernel.
template <class T>
GradientGroup<T> gradient_group_of(const GradientProblem<T>& problem, std::int64_t index);

// How the channels out of a group are cut into blocks whose sums are held in registers together.
struct Blocks {
  std::int64_t count;
  std::int64_t rows;   // registers
  std::int64_t width;  // channels: those of the last block that the group lacks have zeros
};

// Arguments: the channels out that share a register, and how many registers a block may have.
Blocks blocks_of(std::int64_t channels, std::int64_t lanes, std::int64_t max_rows);

// K_0^-1, in double, by the kernels' eliminate(), which for one channel has nothing to do. Throws std::invalid_argument,
// naming group `index`, when the anchor is singular.
template <class T>
std::vector<double> anchor_inverse(const View<const T>& taps, std::int64_t index,
                                   void (*eliminate)(double*, std::int64_t, std::int64_t));

// -K_t for the taps in the order in which the solver meets them, and K_0^-1: [block][tap][channel in][channel out].
template <class T>
struct PackedKernel {
  Buffer<T> taps;
  Buffer<T> anchor;
};

template <class T>
PackedKernel<T> pack(const View<const T>& taps, std::int64_t index, const Blocks& blocks, const Kernels<T>& kernels,
                     int threads);

}  // namespace invconv
