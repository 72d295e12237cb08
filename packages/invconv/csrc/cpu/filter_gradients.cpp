// The gradients of filters, unit by unit; each signal has its own sums, so that it does not matter which thread adds them.

#include <omp.h>

#include "cpu/filter_units.h"

namespace invconv {
namespace {

// From so many bytes of signals on, half of a third-level cache of 32 MiB, the gradient is written past the caches: with
// what then reads it, that took 10 to 25 per cent less time for 18 MB and more, and 4 per cent more for 9 MB.
constexpr double kPastCaches = 16 << 20;

template <class T>
bool is_past_caches(const FilterGradientProblem<T>& problem) {
  const int signals = 1 + (problem.x.data != nullptr) + (problem.y.data != nullptr) + (problem.of_x.data != nullptr);
  const double numbers = static_cast<double>(problem.of_y.batch) * static_cast<double>(problem.of_y.filters * problem.of_y.length);
  return numbers * signals * sizeof(T) >= kPastCaches;
}

// Of the sums of all signals, [batch, filters, taps], those of `count` taps from `first` on, over the batch and divided by a_0.
template <class T>
std::vector<double> sum_up(const FilterGradientProblem<T>& problem, const std::vector<double>& of_signals, std::int64_t first,
                           std::int64_t count, double sign) {
  const std::int64_t S = problem.of_y.batch * problem.of_y.filters, F = problem.of_y.filters;
  std::vector<double> sums(F * count, 0);
  const std::int64_t taps = S > 0 ? static_cast<std::int64_t>(of_signals.size()) / S : 0;
  for (std::int64_t s = 0; s < S; ++s)
    for (std::int64_t k = 0; k < count; ++k) sums[s % F * count + k] += of_signals[s * taps + first + k];
  for (std::int64_t f = 0; f < F; ++f)
    for (std::int64_t k = 0; k < count; ++k)
      sums[f * count + k] *= sign / static_cast<double>(problem.filters.a[f * (problem.filters.poles + 1)]);
  return sums;
}

}  // namespace

template <class T>
FilterGradients filter_gradients(const FilterGradientProblem<T>& problem) {
  const Normalized<T> filters(problem.filters, problem.of_y.filters);
  const Order order = order_of(problem.of_y, problem.x, problem.y, problem.of_x);
  const FilterKernels<T> kernels = best_filter_kernels<T>(order.inner);
  const std::int64_t lanes = kernels.lanes, S = problem.of_y.batch * problem.of_y.filters, L = problem.of_y.length;
  const std::int64_t of_b = filters.zeros + 1, of_a = filters.poles + 1, taps = of_b + of_a;
  const std::int64_t past = std::max(filters.zeros, filters.poles);
  const std::vector<Unit> units = units_of(order, lanes);
  const auto count = static_cast<std::int64_t>(units.size());
  const double work = static_cast<double>(count) * static_cast<double>(L) * static_cast<double>(2 * taps + 16);
  const int threads = useful_threads(count, work, problem.threads);
  const bool past_caches = is_past_caches(problem);
  std::vector<double> of_signals(S * taps, 0);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    const Buffer<T> scratch(std::max(gradients_scratch<T>(past, 1, lanes), gradients_scratch<T>(past, lanes, lanes)));
    const PackedFilters<T> packed(filters, lanes);
    const Buffer<double> sums(taps * lanes);
#pragma omp for schedule(dynamic)
    for (std::int64_t u = 0; u < count; ++u) {
      if (L == 0) continue;
      const Unit& unit = units[u];
      const std::int64_t cell = unit.count > 1 ? lanes : 1;
      std::fill_n(sums.data(), taps * cell, 0.0);
      kernels.gradients({samples_of(problem.of_y, order, unit), samples_of(problem.x, order, unit),
                         samples_of(problem.y, order, unit), samples_of(problem.of_x, order, unit), unit.count, L,
                         pack(filters, order, unit, lanes, packed), past_caches},
                        scratch.data(), sums.data());
      for (std::int64_t lane = 0; lane < unit.count; ++lane)
        for (std::int64_t k = 0; k < taps; ++k)
          of_signals[order.signal_of(unit, lane) * taps + k] = sums.data()[k * cell + lane];
    }
  }
  return {sum_up(problem, of_signals, 0, of_b, 1), sum_up(problem, of_signals, of_b, of_a, -1)};
}

template FilterGradients filter_gradients(const FilterGradientProblem<float>&);
template FilterGradients filter_gradients(const FilterGradientProblem<double>&);

}  // namespace invconv
