// A layer, with all of its channel groups and any strides, as launches on a machine: a device, or a host in the tests.
//
//   struct Machine {
//     Device device() const;
//     template <bool shared, class T> void prepare(const Grid&, const PrepareTask<T>&);
//     template <int Tile, Tier tier, class T> void solve(const Grid&, const SolveTask<T>&);
//     template <class T> void sum_over_pieces(const Grid&, const GradientTask<T>&);
//     template <class T> void sum_over_chunks(const Grid&, const ReduceTask<T>&);
//   };
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <vector>

#include "cuda/plan.h"
#include "invconv.h"

namespace invconv::cuda {

template <class T>
struct SolveProblem {
  View<const T> y, weight;
  View<T> x;
  std::vector<Corner> corners;  // one for each channel group
  bool transposed;              // solves T^T x = y
};

template <class T>
struct GradientProblem {
  View<const T> v, x;
  View<T> gradient;
  std::vector<Corner> corners;
};

// The shorter side of an image decides how much a diagonal takes, so it goes first: a transposed image and kernel are
// the same problem.
template <class T>
View<T> with_axes(View<T> view, bool exchanged) {
  if (exchanged) {
    std::swap(view.size[2], view.size[3]);
    std::swap(view.stride[2], view.stride[3]);
  }
  return view;
}

// The groups [start, start + count) of a view whose axis `axis` has n numbers for each.
template <class T>
Strided<T> groups_of(const View<T>& view, int axis, std::int64_t start, std::int64_t n) {
  const auto& s = view.stride;
  return {view.data + start * n * s[axis], {s[0], s[1], s[2], s[3]}};
}

inline Corners corners_of(const std::vector<Corner>& corners, std::int64_t start, int count, bool exchanged,
                          bool opposite) {
  Corners packed{};
  for (int g = 0; g < count; ++g) {
    const Corner& corner = corners[start + g];
    const bool bottom = (exchanged ? corner.right : corner.bottom) != opposite;
    const bool right = (exchanged ? corner.bottom : corner.right) != opposite;
    packed.bits[g / 16] |= static_cast<std::uint32_t>(bottom * 2 + right) << g % 16 * 2;
  }
  return packed;
}

inline int checked(std::int64_t size) {
  if (size > std::numeric_limits<std::int32_t>::max() / 2)
    throw std::invalid_argument("the arrays are too large for the CUDA solver; use method 'fixed_point'");
  return static_cast<int>(size);
}

inline int groups_of_launch(const std::vector<Corner>& corners, std::int64_t start) {
  return static_cast<int>(std::min<std::int64_t>(kMaxGroups, static_cast<std::int64_t>(corners.size()) - start));
}

// Both views with their axes exchanged already.
template <class T, class K>
Sizes sizes_of(const View<const T>& images, const View<K>& kernel, int groups) {
  const std::int64_t H = images.size[2], W = images.size[3];
  return {images.size[0],
          groups,
          checked(kernel.size[1]),
          checked(H),
          checked(W),
          checked(std::clamp<std::int64_t>(H, 1, kernel.size[2])),
          checked(std::clamp<std::int64_t>(W, 1, kernel.size[3]))};
}

template <class T>
bool empty(const View<T>& view) {
  return std::any_of(view.size, view.size + 4, [](std::int64_t size) { return size == 0; });
}

// Calls f(Tile, Tier) with the constants of a plan: what is compiled is only what plans choose.
template <class T, class F>
void with_constants(const SolvePlan& plan, F f) {
  using std::integral_constant;
  const auto call = [&](auto tile, auto tier) { f(tile, tier); };
  constexpr integral_constant<Tier, Tier::all_shared> all_shared;
  if (plan.tier == Tier::kernel_global)
    return call(integral_constant<int, kGlobalTile>{}, integral_constant<Tier, Tier::kernel_global>{});
  if (plan.tier == Tier::all_global)
    return call(integral_constant<int, kGlobalTile>{}, integral_constant<Tier, Tier::all_global>{});
  if (plan.tile == 1) return call(integral_constant<int, 1>{}, all_shared);
  if (plan.tile == 2) return call(integral_constant<int, 2>{}, all_shared);
  if (plan.tile == 4) return call(integral_constant<int, 4>{}, all_shared);
  return call(integral_constant<int, kMaxTile<T>>{}, all_shared);
}

template <class T>
Sizes sizes_of_solve(const SolveProblem<T>& problem, std::int64_t start) {
  const bool exchanged = problem.y.size[2] > problem.y.size[3];
  return sizes_of(with_axes(problem.y, exchanged), with_axes(problem.weight, exchanged),
                  groups_of_launch(problem.corners, start));
}

// The first launch has the most groups, and all launches of a layer use the workspace one after another.
template <class T>
std::size_t solve_workspace(const SolveProblem<T>& problem, const Device& device) {
  return empty(problem.y) ? 0 : plan_solve<T>(sizes_of_solve(problem, 0), device).workspace_bytes;
}

template <class T, class Machine>
void solve_layer(const SolveProblem<T>& problem, unsigned char* workspace, Machine& machine) {
  if (empty(problem.y)) return;
  const bool exchanged = problem.y.size[2] > problem.y.size[3];
  const auto y = with_axes(problem.y, exchanged), weight = with_axes(problem.weight, exchanged);
  const auto x = with_axes(problem.x, exchanged);
  for (std::size_t start = 0; start < problem.corners.size(); start += kMaxGroups) {
    const Sizes sizes = sizes_of_solve(problem, start);
    const SolvePlan plan = plan_solve<T>(sizes, machine.device());
    auto* const taps = reinterpret_cast<T*>(workspace);
    auto* const offsets = reinterpret_cast<int*>(workspace + plan.offsets);
    auto* const reciprocals = reinterpret_cast<unsigned*>(workspace + plan.reciprocals);
    const Kernel<const T> kernel{groups_of(weight, 0, start, sizes.n),
                                 corners_of(problem.corners, start, sizes.groups, exchanged, false),
                                 static_cast<int>(weight.size[2]), static_cast<int>(weight.size[3]),
                                 problem.transposed};
    const PrepareTask<T> preparation{kernel, sizes, plan.layout, taps, offsets, reciprocals,
                                      workspace + plan.scratch};
    if (plan.global_scratch)
      machine.template prepare<false>(plan.prepare, preparation);
    else
      machine.template prepare<true>(plan.prepare, preparation);
    const SolveTask<T> task{groups_of(y, 1, start, sizes.n),
                            groups_of(x, 1, start, sizes.n),
                            sizes,
                            corners_of(problem.corners, start, sizes.groups, exchanged, problem.transposed),
                            plan.layout,
                            taps,
                            offsets,
                            reciprocals,
                            plan.solving,
                            reinterpret_cast<T*>(workspace + plan.rings)};
    with_constants<T>(plan, [&](auto tile, auto tier) {
      machine.template solve<tile(), tier()>(plan.solve, task);
    });
  }
}

template <class T>
GradientPlan plan_of(const GradientProblem<T>& problem, std::int64_t start, const Device& device) {
  const Sizes sizes = sizes_of(problem.x, problem.gradient, groups_of_launch(problem.corners, start));
  return plan_gradient<T>(sizes, checked(problem.gradient.size[2]), checked(problem.gradient.size[3]), device);
}

template <class T>
std::size_t gradient_workspace(const GradientProblem<T>& problem, const Device& device) {
  return empty(problem.x) ? 0 : plan_of(problem, 0, device).workspace_bytes;
}

template <class T, class Machine>
void gradient_layer(const GradientProblem<T>& problem, unsigned char* workspace, Machine& machine) {
  if (empty(problem.gradient)) return;
  for (std::size_t start = 0; start < problem.corners.size(); start += kMaxGroups) {
    const Sizes sizes = sizes_of(problem.x, problem.gradient, groups_of_launch(problem.corners, start));
    const Corners corners = corners_of(problem.corners, start, sizes.groups, false, false);
    auto* const partial = reinterpret_cast<T*>(workspace);
    const GradientPlan plan = plan_of(problem, start, machine.device());
    if (!empty(problem.x))
      machine.sum_over_pieces(plan.sum, GradientTask<T>{groups_of(problem.v, 1, start, sizes.n),
                                                        groups_of(problem.x, 1, start, sizes.n), sizes, corners,
                                                        plan.layout, partial});
    const Kernel<T> gradient{groups_of(problem.gradient, 0, start, sizes.n), corners,
                             static_cast<int>(problem.gradient.size[2]), static_cast<int>(problem.gradient.size[3]),
                             false};
    machine.sum_over_chunks(plan.reduce,
                            ReduceTask<T>{partial, empty(problem.x) ? 0 : plan.layout.chunks, sizes, gradient});
  }
}

}  // namespace invconv::cuda
