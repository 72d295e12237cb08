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

// In the unit of the plans' costs for a pixel and tap: some 50 microseconds.
constexpr double kWorthThreads = 3e5;

inline std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

template <class T>
bool has_pixels(const View<T>& images) {
  return images.size[0] > 0 && images.size[2] > 0 && images.size[3] > 0;
}

// Whether there is so much work that other threads, which may be busy elsewhere, are asked to help: by the plan for one.
template <class T, class Weight>
bool is_worth_threads(const Plan<T>& plan, const View<const T>& images, const Weight& weight) {
  const std::int64_t products = images.size[2] * images.size[3] * weight.size[1] * weight.size[2] * weight.size[3];
  return plan.cost * static_cast<double>(products) > kWorthThreads;
}

// The rows of an image, and the columns of them, that are worked on at a time.
struct Extent2d {
  std::int64_t rows, columns;
};

// Of H x W pixels of `bytes` bytes as many as fit into half of a usual second-level cache: whole strips of rows, or all rows
// of a few columns. The taps reach so many pixels back.
Extent2d extent_at_a_time(std::int64_t bytes, std::int64_t H, std::int64_t W, std::int64_t up, std::int64_t left);

}  // namespace invconv
