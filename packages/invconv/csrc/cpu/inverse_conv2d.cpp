// Packs the kernel, and gives every thread its units.

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "cpu/plan.h"

namespace invconv {
namespace {

template <class T>
void check_finite(const View<const T>& weight) {
  for (std::int64_t c = 0; c < weight.size[0]; ++c)
    for (std::int64_t d = 0; d < weight.size[1]; ++d)
      for (std::int64_t i = 0; i < weight.size[2]; ++i)
        for (std::int64_t j = 0; j < weight.size[3]; ++j)
          if (!std::isfinite(at(weight, c, d, i, j)))
            throw std::invalid_argument("weight: not finite at [" + std::to_string(c) + ", " + std::to_string(d) +
                                        ", " + std::to_string(i) + ", " + std::to_string(j) + "]");
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
  const std::int64_t row = row_size(task, group.y.size[3]) * kMaxPixels * static_cast<std::int64_t>(sizeof(T));
  task.band = rows_of_band(row, group.y.size[2]);
  return task;
}

// Solves units of all groups; those of one group are neighbours.
template <class T>
void solve_units(const Plan<T>& plan, const std::vector<Task<T>>& tasks, int threads) {
  const auto lanes = static_cast<int>(plan.lanes);
  const std::int64_t units = plan.units * static_cast<std::int64_t>(tasks.size()), H = tasks[0].y.size[2];
  // Every thread has as many units as every other; those that remain are each solved by a team.
  const std::int64_t shared = units % threads, alone = units - shared, team = shared ? threads / shared : 1;
  std::vector<std::int64_t> progress(shared * H, 0);
  std::vector<Buffer<T>> scratch;
  for (std::int64_t i = 0; i < shared; ++i) scratch.emplace_back(together_scratch(tasks[0], static_cast<int>(team)));

#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    // The runtime may give fewer threads than were asked for.
    const std::int64_t count = omp_get_num_threads(), me = omp_get_thread_num();
    std::int64_t unit = alone * me / count;
    const std::int64_t end = alone * (me + 1) / count;
    const Buffer<T> own(alone ? solve_scratch(tasks[0]) : 0);
    while (unit < end) {
      const std::int64_t g = unit / plan.units, stop = std::min(end, (g + 1) * plan.units);
      plan.kernels.solve[lanes](tasks[g], unit - g * plan.units, stop - g * plan.units, own.data());
      unit = stop;
    }
    const std::int64_t size = std::min(team, count), teams = count / size;
    for (std::int64_t i = me / size; i < shared && me / size < teams; i += teams) {
      const Team members{static_cast<int>(me % size), static_cast<int>(size), &progress[i * H]};
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
    packed.push_back(pack(group.taps, static_cast<std::int64_t>(g), plan.blocks));
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

}  // namespace

template <class T>
void inverse_conv2d(const Problem<T>& problem) {
  if (problem.corners.empty()) return;
  check_finite(problem.weight);
  const std::int64_t B = problem.y.size[0], G = static_cast<std::int64_t>(problem.corners.size());
  const std::int64_t n = problem.weight.size[1];
  const Plan<T> plan = plan_for<T>(B, G, n, problem.threads);
  // The images that do not fill a register are often cheaper by themselves.
  const std::int64_t whole = plan.lanes == Lanes::images ? B / plan.kernels.lanes * plan.kernels.lanes : B;
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

void wait_for(const std::int64_t* progress, std::int64_t steps) {
  // The other thread may be off its core: to spin on would keep it off.
  for (int spins = 0; __atomic_load_n(progress, __ATOMIC_ACQUIRE) < steps; ++spins)
    if (spins > 1000) std::this_thread::yield();
}

template void inverse_conv2d(const Problem<float>&);
template void inverse_conv2d(const Problem<double>&);

}  // namespace invconv
