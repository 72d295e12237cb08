// How a layer is cut into blocks, and what fits where. Plain host code without CUDA, so that it is tested without it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/prepare.cuh"
#include "cuda/solve.cuh"
#include "cuda/weight_gradient.cuh"

namespace invconv::cuda {

struct Device {
  int multiprocessors;
  std::size_t shared_bytes;  // that a block may ask for
};

struct Grid {
  std::int64_t blocks;
  int threads;
  std::size_t shared_bytes;
};

struct SolvePlan {
  Layout layout;
  Tier tier;
  int tile;
  int solving;  // threads of a block that do so; the others fetch y
  Grid prepare, solve;
  // Where the parts of the workspace start, and its size.
  std::size_t offsets, reciprocals, scratch, rings, workspace_bytes;
  bool global_scratch;
};

struct GradientPlan {
  GradientLayout layout;
  Grid sum, reduce;
  std::size_t workspace_bytes;
};

// Sizes of one launch, H <= W. `kh_stored` and `kw_stored` include the taps that Sizes leaves out.
template <class T>
SolvePlan plan_solve(const Sizes& sizes, const Device& device);

template <class T>
GradientPlan plan_gradient(const Sizes& sizes, int kh_stored, int kw_stored, const Device& device);

}  // namespace invconv::cuda
