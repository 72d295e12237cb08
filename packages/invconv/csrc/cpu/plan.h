// Which instruction set works on a problem, and what its registers hold.
#pragma once

#include <cstdint>

#include "cpu/group.h"
#include "cpu/kernels.h"

namespace invconv {

template <class T>
struct Plan {
  Kernels<T> kernels;
  Lanes lanes;
  Blocks blocks;
  std::int64_t cell;   // numbers that a pixel takes in scratch memory
  std::int64_t units;  // of each group
  double cost;         // in registers that a thread works through for each pixel and tap
};

// The cheapest for B images of G groups of n channels.
template <class T>
Plan<T> plan_for(std::int64_t B, std::int64_t G, std::int64_t n, int threads);

inline std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

template <class T>
bool has_pixels(const View<T>& images) {
  return images.size[0] > 0 && images.size[2] > 0 && images.size[3] > 0;
}

// How many rows of `bytes` bytes fit into half of a usual second-level cache, in whole strips, of the H there are.
std::int64_t rows_of_band(std::int64_t bytes, std::int64_t H);

}  // namespace invconv
