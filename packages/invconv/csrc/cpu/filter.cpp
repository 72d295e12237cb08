// Puts signals side by side into registers, packs their filters, and gives every thread its share.

#include "filter.h"

#include <omp.h>

#include "cpu/filter_units.h"

namespace invconv {
namespace {

template <class T>
const T* pack_initial(const FilterProblem<T>& problem, const Order& order, const Unit& unit, std::int64_t lanes,
                      const Buffer<T>& packed) {
  if (!problem.initial) return nullptr;
  const std::int64_t states = std::max(problem.filters.zeros, problem.filters.poles), cell = unit.count > 1 ? lanes : 1;
  for (std::int64_t lane = 0; lane < cell; ++lane)
    for (std::int64_t k = 0; k < states; ++k)
      packed.data()[k * cell + lane] = lane < unit.count ? problem.initial[order.signal_of(unit, lane) * states + k] : T(0);
  return packed.data();
}

// What the filtered samples still add to the outputs behind them:
// z_k = sum_{j > k} b_j x_{L+k-j} - sum_{j > k} a_j y_{L+k-j} + what is left of the state before.
template <class T>
void write_final_state(const FilterProblem<T>& problem, const Normalized<T>& filters, std::int64_t b, std::int64_t f) {
  const std::int64_t F = problem.x.filters, L = problem.x.length, states = std::max(filters.zeros, filters.poles);
  const T *const x = problem.x.signal(b, f), *const y = problem.y.signal(b, f);
  const T *const of_b = filters.b(f) + 1, *const of_a = filters.a(f);
  T* const state = problem.final + (b * F + f) * states;
  for (std::int64_t k = 0; k < states; ++k) {
    T sum = problem.initial && k + L < states ? problem.initial[(b * F + f) * states + k + L] : T(0);
    const std::int64_t oldest = L + k;
    for (std::int64_t j = std::min(filters.zeros, oldest); j > k; --j) sum += of_b[j - 1] * x[(L + k - j) * problem.x.stride[2]];
    for (std::int64_t j = std::min(filters.poles, oldest); j > k; --j) sum -= of_a[j - 1] * y[(L + k - j) * problem.y.stride[2]];
    state[k] = sum;
  }
}

}  // namespace

template <class T>
void lfilter(const FilterProblem<T>& problem) {
  const Normalized<T> filters(problem.filters, problem.x.filters);
  const Order order = order_of(problem.x, problem.y);
  const FilterKernels<T> kernels = best_filter_kernels<T>(order.inner);
  const std::int64_t lanes = kernels.lanes, L = problem.x.length, zeros = filters.zeros, poles = filters.poles;
  const std::vector<Unit> units = units_of(order, lanes);
  const auto count = static_cast<std::int64_t>(units.size());
  const double work = static_cast<double>(count) * static_cast<double>(L) * static_cast<double>(zeros + poles + 8);
  const int threads = useful_threads(count, work, problem.threads);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    const Buffer<T> scratch(std::max(filter_scratch<T>(zeros, poles, 1, lanes), filter_scratch<T>(zeros, poles, lanes, lanes)));
    const PackedFilters<T> packed(filters, lanes);
    const Buffer<T> initial(problem.initial ? std::max(zeros, poles) * lanes : 0);
#pragma omp for schedule(dynamic)
    for (std::int64_t u = 0; u < count; ++u) {
      const Unit& unit = units[u];
      if (L > 0)
        kernels.filter({samples_of(problem.x, order, unit), samples_of(problem.y, order, unit), unit.count, L,
                        pack(filters, order, unit, lanes, packed), pack_initial(problem, order, unit, lanes, initial)},
                       scratch.data());
      for (std::int64_t lane = 0; problem.final && lane < unit.count; ++lane)
        write_final_state(problem, filters, order.batch_of(unit, lane), order.filter_of(unit, lane));
    }
  }
}

template void lfilter(const FilterProblem<float>&);
template void lfilter(const FilterProblem<double>&);

}  // namespace invconv
