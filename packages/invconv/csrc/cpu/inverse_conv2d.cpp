// Which instruction set and which axis in the registers, and the threads over images and channel groups.

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "cpu/group.h"
#include "cpu/solve.h"

namespace invconv {
namespace {

#ifdef INVCONV_X86
bool has_avx2() {
  static const bool yes = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return yes;
}

bool has_avx512() {
  static const bool yes = has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
  return yes;
}
#endif

// `columns` independent recursions: images x channel groups.
template <class T>
Solver<T> best_solver(std::int64_t columns, int threads) {
#ifdef INVCONV_X86
  // The widest registers pay only when every thread has a full one; narrower ones are twice as many as AVX2 has.
  if (has_avx512() && columns >= avx512::solver<T>().lanes * threads) return avx512::solver<T>();
  if (has_avx512()) return avx512vl::solver<T>();
  if (has_avx2()) return avx2::solver<T>();
#endif
  (void)columns, (void)threads;
  return portable::solver<T>();
}

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
Task<T> task_of(const Group<T>& group, const PackedKernel<T>& kernel) {
  Task<T> task{};
  task.y = group.y;
  task.x = group.x;
  task.kh = group.taps.size[2];
  task.kw = group.taps.size[3];
  task.blocks = kernel.blocks;
  task.rows = kernel.rows;
  task.above = kernel.above.data();
  task.beside = kernel.beside.data();
  task.anchor = kernel.anchor.data();
  return task;
}

}  // namespace

template <class T>
void inverse_conv2d(const Problem<T>& problem) {
  check_finite(problem.weight);
  const std::int64_t B = problem.y.size[0], G = static_cast<std::int64_t>(problem.corners.size());
  const Solver<T> solver = best_solver<T>(B * G, problem.threads);
  // A register of images is used whatever the number of channels; one of channels needs many of them.
  const bool by_images = 2 * B >= solver.lanes;
  const std::int64_t width = by_images ? solver.lanes : 1, chunks = (B + width - 1) / width;

  std::vector<PackedKernel<T>> kernels;
  std::vector<Task<T>> tasks;
  for (std::int64_t g = 0; g < G; ++g) {
    const Group<T> group = group_of(problem, g);
    kernels.push_back(pack(group.taps, g, by_images ? 1 : solver.lanes, kMaxRows));
    tasks.push_back(task_of(group, kernels.back()));
  }
  if (problem.y.size[2] == 0 || problem.y.size[3] == 0 || G == 0) return;

  // Every group has the same sizes, so one piece of scratch a thread serves all its tasks.
  const Task<T>& any = tasks.front();
  const std::int64_t cell = any.blocks * any.rows * solver.lanes;
  const std::int64_t size = scratch_size(any.kh, any.kw, problem.y.size[3], cell);
  const int threads = static_cast<int>(std::clamp<std::int64_t>(chunks * G, 1, problem.threads));
  std::vector<std::vector<T>> scratch(threads, std::vector<T>(size));
  std::vector<std::vector<T*>> rows_above(threads, std::vector<T*>(any.kh));

#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1)
  for (std::int64_t index = 0; index < chunks * G; ++index) {
    Task<T> task = tasks[index / chunks];
    task.image = index % chunks * width;
    task.count = std::min(width, B - task.image);
    task.scratch = scratch[omp_get_thread_num()].data();
    task.rows_above = rows_above[omp_get_thread_num()].data();
    (by_images ? solver.solve_images : solver.solve_channels)(task);
  }
}

const char* instruction_set() {
#ifdef INVCONV_X86
  if (has_avx512()) return "avx512";
  if (has_avx2()) return "avx2";
#endif
  return "portable";
}

template void inverse_conv2d(const Problem<float>&);
template void inverse_conv2d(const Problem<double>&);

}  // namespace invconv
