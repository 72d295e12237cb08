// Gives every thread its bands of images, and adds up their sums.

#include <omp.h>

#include <algorithm>
#include <vector>

#include "cpu/one_row.h"
#include "cpu/plan.h"

namespace invconv {
namespace {

template <class T>
GradientTask<T> task_of(const GradientGroup<T>& group, const Plan<T>& plan) {
  GradientTask<T> task{};
  task.v = group.v;
  task.x = group.x;
  task.kh = group.taps.size[2];
  task.kw = group.taps.size[3];
  task.rows = plan.blocks.rows;
  task.cell = plan.cell;
  const std::int64_t pixel = task.cell * 2 * static_cast<std::int64_t>(sizeof(T));
  const Extent2d extent = extent_at_a_time(pixel, group.x.size[2], group.x.size[3], task.kh - 1, task.kw - 1);
  task.band = extent.rows;
  task.columns = extent.columns;
  return task;
}

// The sums of one group, [block][tap][channel in][row][lane], of all threads into the kernel.
template <class T>
void store(const GradientGroup<T>& group, const Plan<T>& plan, const std::vector<const T*>& sums) {
  const std::int64_t n = group.taps.size[0], kh = group.taps.size[2], kw = group.taps.size[3];
  const std::int64_t width = plan.blocks.width, lanes = plan.lanes == Lanes::images ? plan.kernels.lanes : 1;
  for (std::int64_t c = 0; c < n; ++c)
    for (std::int64_t i = 0; i < kh; ++i)
      for (std::int64_t j = 0; j < kw; ++j)
        for (std::int64_t d = 0; d < n; ++d) {
          const std::int64_t tap = (kh - 1 - i) * kw + kw - 1 - j;
          const std::int64_t index = ((c / width * kh * kw + tap) * n + d) * width + c % width;
          T sum = 0;
          for (const T* of_thread : sums)
            for (std::int64_t lane = 0; lane < lanes; ++lane) sum += of_thread[index * lanes + lane];
          at(group.taps, c, d, i, j) = -sum;
        }
}

template <class T>
void add_up(GradientProblem<T> problem) {
  const std::int64_t B = problem.x.size[0], G = static_cast<std::int64_t>(problem.corners.size());
  const std::int64_t n = problem.weight.size[1];
  if (!is_worth_threads(plan_for<T>(B, G, n, 1), problem.x, problem.weight)) problem.threads = 1;
  const Plan<T> plan = plan_for<T>(B, G, n, problem.threads);
  std::vector<GradientGroup<T>> groups;
  std::vector<GradientTask<T>> tasks;
  for (std::int64_t g = 0; g < G; ++g) {
    groups.push_back(gradient_group_of(problem, g));
    tasks.push_back(task_of(groups.back(), plan));
  }
  if (G == 0) return;
  const auto lanes = static_cast<int>(plan.lanes);
  const std::int64_t size = tasks[0].kh * tasks[0].kw * n * plan.cell;
  const std::int64_t of_group = has_pixels(problem.x) ? plan.units * divide_up(problem.x.size[2], tasks[0].band) : 0;
  const auto threads = static_cast<int>(std::clamp<std::int64_t>(of_group * G, 1, problem.threads));
  const Buffer<T> sums(threads * G * size);
  std::fill_n(sums.data(), threads * G * size, T(0));

#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    const std::int64_t count = omp_get_num_threads(), me = omp_get_thread_num();
    const Buffer<T> scratch(gradient_scratch(tasks[0]));
    std::int64_t band = of_group * G * me / count;
    const std::int64_t end = of_group * G * (me + 1) / count;
    while (band < end) {
      const std::int64_t g = band / of_group, stop = std::min(end, (g + 1) * of_group);
      GradientTask<T> task = tasks[g];
      task.sums = sums.data() + (me * G + g) * size;
      plan.kernels.add_gradient[lanes](task, band - g * of_group, stop - g * of_group, scratch.data());
      band = stop;
    }
#pragma omp barrier
#pragma omp for
    for (std::int64_t g = 0; g < G; ++g) {
      std::vector<const T*> of_threads;
      for (std::int64_t t = 0; t < threads; ++t) of_threads.push_back(sums.data() + (t * G + g) * size);
      store(groups[g], plan, of_threads);
    }
  }
}

template <class T>
View<const T> read_only(const View<T>& view) {
  View<const T> copy{view.data, {}, {}};
  std::copy(view.size, view.size + 4, copy.size);
  std::copy(view.stride, view.stride + 4, copy.stride);
  return copy;
}

}  // namespace

template <class T>
void weight_gradient(const GradientProblem<T>& problem) {
  const GradientProblem<T> rows = laid_down(problem);
  if (is_filter(rows.x.size[2], rows.weight.size[1]))
    filter_gradient(rows);
  else
    add_up(rows);
}

template <class T>
void inverse_conv2d_gradients(const InverseGradientsProblem<T>& problem) {
  const InverseGradientsProblem<T> rows = laid_down(problem);
  if (is_filter(rows.x.size[2], rows.weight.size[1])) return gradients_of_rows(rows);
  inverse_conv2d(problem_of(problem));
  const View<const T> v = read_only(problem.of_y);
  const View<const T>&first = problem.transposed ? problem.x : v, &second = problem.transposed ? v : problem.x;
  weight_gradient<T>({first, second, problem.of_weight, problem.corners, problem.threads});
}

template void weight_gradient(const GradientProblem<float>&);
template void weight_gradient(const GradientProblem<double>&);
template void inverse_conv2d_gradients(const InverseGradientsProblem<float>&);
template void inverse_conv2d_gradients(const InverseGradientsProblem<double>&);

}  // namespace invconv
