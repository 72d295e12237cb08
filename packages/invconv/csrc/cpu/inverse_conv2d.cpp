// Packs the kernel, and gives every thread its units.

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "cpu/one_row.h"
#include "cpu/plan.h"

namespace invconv {
namespace {

// As a sum that vector instructions can do: 0 unless an entry is not finite.
template <class T>
bool is_finite(const T* numbers, std::int64_t count) {
  T sums[16] = {};
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    for (int j = 0; j < 16; ++j) sums[j] += numbers[i + j] * 0;
  for (; i < count; ++i) sums[0] += numbers[i] * 0;
  return std::all_of(sums, sums + 16, [](T sum) { return sum == 0; });
}

template <class T>
void check_finite(const View<const T>& weight) {
  const auto& [c, d, i, j] = weight.stride;
  const std::int64_t n = weight.size[1], taps = weight.size[2] * weight.size[3];
  if (j == 1 && i == weight.size[3] && d == taps && c == n * taps && is_finite(weight.data, weight.size[0] * n * taps))
    return;
  for (std::int64_t a = 0; a < weight.size[0]; ++a)
    for (std::int64_t b = 0; b < n; ++b)
      for (std::int64_t k = 0; k < taps; ++k)
        if (!std::isfinite(at(weight, a, b, k / weight.size[3], k % weight.size[3])))
          throw std::invalid_argument("weight: not finite at [" + std::to_string(a) + ", " + std::to_string(b) + ", " +
                                      std::to_string(k / weight.size[3]) + ", " + std::to_string(k % weight.size[3]) +
                                      "]");
}

template <class T>
Task<T> task_of(const Group<T>& group, const PackedKernel<T>& kernel, const Plan<T>& plan) {
  Task<T> task{};
  task.y = group.y;
  task.x = group.x;
  task.kh = group.taps.size[2];
  task.kw = group.taps.size[3];
  task.rows = plan.blocks.rows;
  task.cell = plan.cell;
  task.taps = kernel.taps.data();
  task.anchor = kernel.anchor.data();
  const std::int64_t pixel = task.cell * kMaxPixels * static_cast<std::int64_t>(sizeof(T));
  const Extent2d extent = extent_at_a_time(pixel, group.y.size[2], group.y.size[3], task.kh - 1, task.kw - 1);
  task.band = extent.rows;
  task.columns = extent.columns;
  return task;
}

// Solves units of all groups; those of one group are neighbours.
template <class T>
void solve_units(const Plan<T>& plan, const std::vector<Task<T>>& tasks, int threads) {
  const auto lanes = static_cast<int>(plan.lanes);
  const std::int64_t units = plan.units * static_cast<std::int64_t>(tasks.size());
  const std::int64_t H = tasks[0].y.size[2], W = tasks[0].y.size[3];
  // Every thread has as many units as every other; those that remain are each solved by a team, whose members are a strip
  // of rows apart, and which takes an image of several strips.
  const bool has_strips = H > kMaxPixels && W >= 2 * kMaxPixels;
  const std::int64_t shared = has_strips ? units % threads : 0, alone = units - shared, team = shared ? threads / shared : 1;
  std::vector<std::int64_t> progress(shared * H, 0), next(shared, 0);
  std::vector<Buffer<T>> scratch;
  for (std::int64_t i = 0; i < shared; ++i) scratch.emplace_back(together_scratch(tasks[0], static_cast<int>(team)));
  const auto useful = static_cast<int>(shared ? threads : std::min<std::int64_t>(threads, units));

#pragma omp parallel num_threads(useful) if (useful > 1)
  {
    // The runtime may give fewer threads than were asked for.
    const std::int64_t count = omp_get_num_threads(), me = omp_get_thread_num();
    std::int64_t unit = alone * me / count;
    const std::int64_t end = alone * (me + 1) / count;
    const Buffer<T> own(unit < end ? solve_scratch(tasks[0], end - unit) : 0);
    while (unit < end) {
      const std::int64_t g = unit / plan.units, stop = std::min(end, (g + 1) * plan.units);
      plan.kernels.solve[lanes](tasks[g], unit - g * plan.units, stop - g * plan.units, own.data());
      unit = stop;
    }
    const std::int64_t size = std::min(team, count), teams = count / size;
    for (std::int64_t i = me / size; i < shared && me / size < teams; i += teams) {
      const Team members{static_cast<int>(me % size), static_cast<int>(size), &next[i], &progress[i * H]};
      const std::int64_t g = (alone + i) / plan.units;
      plan.kernels.solve_together[lanes](tasks[g], alone + i - g * plan.units, members, scratch[i].data());
    }
  }
}

template <class T>
void solve_with(const Problem<T>& problem, const Plan<T>& plan) {
  std::vector<PackedKernel<T>> packed;
  std::vector<Task<T>> tasks;
  for (std::size_t g = 0; g < problem.corners.size(); ++g) {
    const Group<T> group = group_of(problem, static_cast<std::int64_t>(g));
    packed.push_back(pack(group.taps, static_cast<std::int64_t>(g), plan.blocks, plan.kernels, problem.threads));
    tasks.push_back(task_of(group, packed.back(), plan));
  }
  if (has_pixels(problem.y)) solve_units(plan, tasks, problem.threads);
}

template <class T>
Problem<T> images(Problem<T> problem, std::int64_t begin, std::int64_t end) {
  problem.y.data += begin * problem.y.stride[0];
  problem.x.data += begin * problem.x.stride[0];
  problem.y.size[0] = problem.x.size[0] = end - begin;
  return problem;
}

template <class T>
void substitute(Problem<T> problem) {
  const std::int64_t B = problem.y.size[0], G = static_cast<std::int64_t>(problem.corners.size());
  const std::int64_t n = problem.weight.size[1];
  if (!is_worth_threads(plan_for<T>(B, G, n, 1), problem.y, problem.weight)) problem.threads = 1;
  const Plan<T> plan = plan_for<T>(B, G, n, problem.threads);
  // The images that do not fill a register are often cheaper by themselves.
  const std::int64_t whole = B / plan.kernels.lanes * plan.kernels.lanes;
  if (whole > 0 && whole < B && has_pixels(problem.y)) {
    const Plan<T> first = plan_for<T>(whole, G, n, problem.threads), rest = plan_for<T>(B - whole, G, n, problem.threads);
    if (first.cost + rest.cost < plan.cost) {
      solve_with(images(problem, 0, whole), first);
      solve_with(images(problem, whole, B), rest);
      return;
    }
  }
  solve_with(problem, plan);
}

}  // namespace

template <class T>
void inverse_conv2d(const Problem<T>& problem) {
  if (problem.corners.empty()) return;
  check_finite(problem.weight);
  const Problem<T> rows = laid_down(problem);
  if (is_filter(rows.y.size[2], rows.weight.size[1]))
    filter_rows(rows);
  else
    substitute(rows);
}

void wait_for(const std::int64_t* progress, std::int64_t steps) {
  // The other thread may be off its core: to spin on would keep it off.
  for (int spins = 0; __atomic_load_n(progress, __ATOMIC_ACQUIRE) < steps; ++spins)
    if (spins > 1000) std::this_thread::yield();
}

template void inverse_conv2d(const Problem<float>&);
template void inverse_conv2d(const Problem<double>&);

}  // namespace invconv
