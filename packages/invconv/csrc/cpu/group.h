// One channel group of a problem, turned and packed for the solver.
#pragma once

#include <cstdint>
#include <vector>

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

// The taps in the order in which the solver meets them, [block][tap][channel in][channel out]. A block is the channels
// out whose sums are held in registers together: `rows` registers.
template <class T>
struct PackedKernel {
  std::int64_t blocks;
  std::int64_t rows;
  std::vector<T> above;   // -K_t of the taps in the rows above
  std::vector<T> beside;  // -K_t of those in the row of the pixel, the nearest last
  std::vector<T> anchor;  // K_0^-1
};

// Arguments: the channels out that share a register, and how many registers a block may have.
// Throws std::invalid_argument, naming group `index`, when the anchor is singular.
template <class T>
PackedKernel<T> pack(const View<const T>& taps, std::int64_t index, std::int64_t lanes, std::int64_t max_rows);

}  // namespace invconv
