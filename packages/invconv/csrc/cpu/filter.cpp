// Puts signals side by side into registers, packs their filters, and gives every thread its share.

#include "filter.h"

#include <omp.h>

#include <algorithm>

#include "cpu/buffer.h"
#include "cpu/filter_kernels.h"
#include "cpu/processor.h"

namespace invconv {
namespace {

// Multiply-adds of registers that each thread must have: some three milliseconds, because beside other processes it takes
// about that long until another thread begins.
constexpr double kWorthAThread = 1e7;

template <class T>
FilterKernels<T> best_kernels() {
#ifdef INVCONV_X86
  if (has_avx512()) return avx512::filter_kernels<T>();
  if (has_avx2()) return avx2::filter_kernels<T>();
#endif
  return portable::filter_kernels<T>();
}

int useful_threads(std::int64_t units, double work, int threads) {
  const double useful = std::min({work / kWorthAThread, static_cast<double>(units), static_cast<double>(threads)});
  return std::max(static_cast<int>(useful), 1);
}

// Signals [first, first + count) of the inner of the two axes, at one place of the outer.
struct Unit {
  std::int64_t outer, first, count;
};

// Batch and filters, the longer one inside; one axis where the strides allow it.
struct Order {
  bool filters_inside;
  std::int64_t outer, inner;
  bool is_one;

  std::int64_t batch_of(const Unit& unit, std::int64_t lane, std::int64_t filters) const {
    return is_one ? (unit.first + lane) / filters : filters_inside ? unit.outer : unit.first + lane;
  }
  std::int64_t filter_of(const Unit& unit, std::int64_t lane, std::int64_t filters) const {
    return is_one ? (unit.first + lane) % filters : filters_inside ? unit.first + lane : unit.outer;
  }
};

template <class T>
bool is_one_axis(const Signals<T>& signals) {
  return signals.stride[0] == signals.filters * signals.stride[1];
}

template <class T>
Order order_of(const FilterProblem<T>& problem) {
  const std::int64_t B = problem.x.batch, F = problem.x.filters;
  if (B > 1 && F > 1 && is_one_axis(problem.x) && is_one_axis(problem.y)) return {true, 1, B * F, true};
  return F > B ? Order{true, B, F, false} : Order{false, F, B, false};
}

std::vector<Unit> units_of(const Order& order, std::int64_t lanes) {
  std::vector<Unit> units;
  for (std::int64_t o = 0; o < order.outer; ++o)
    for (std::int64_t i = 0; i < order.inner; i += lanes) units.push_back({o, i, std::min(lanes, order.inner - i)});
  return units;
}

// The filters of a unit's signals with one signal a lane, and that of a signal alone in all lanes.
template <class T>
struct Packed {
  Buffer<T> b, minus_a, initial;
};

template <class T>
void pack(const FilterProblem<T>& problem, const Order& order, const Unit& unit, std::int64_t lanes, const Packed<T>& packed) {
  const std::int64_t F = problem.x.filters, zeros = problem.zeros, poles = problem.poles, states = std::max(zeros, poles);
  const std::int64_t cell = unit.count > 1 ? lanes : 1;
  for (std::int64_t lane = 0; lane < lanes; ++lane) {
    // Lanes without a signal get some filter: they hold zeros.
    const std::int64_t signal = std::min(lane, unit.count - 1), f = order.filter_of(unit, signal, F);
    for (std::int64_t j = 0; j <= zeros; ++j) packed.b.data()[j * lanes + lane] = problem.b[f * (zeros + 1) + j];
    for (std::int64_t k = 0; k < poles; ++k) packed.minus_a.data()[k * lanes + lane] = -problem.a[f * poles + k];
    if (!problem.initial || lane >= cell) continue;
    const T* const state = problem.initial + (order.batch_of(unit, signal, F) * F + f) * states;
    for (std::int64_t k = 0; k < states; ++k) packed.initial.data()[k * cell + lane] = lane == signal ? state[k] : T(0);
  }
}

template <class T>
FilterTask<T> task_of(const FilterProblem<T>& problem, const Order& order, const Unit& unit, const Packed<T>& packed) {
  const std::int64_t F = problem.x.filters, b = order.batch_of(unit, 0, F), f = order.filter_of(unit, 0, F);
  const int axis = order.is_one || order.filters_inside ? 1 : 0;
  return {problem.x.signal(b, f), problem.y.signal(b, f),
          problem.x.stride[axis], problem.x.stride[2], problem.y.stride[axis], problem.y.stride[2],
          unit.count, problem.x.length, problem.zeros, problem.poles,
          packed.b.data(), packed.minus_a.data(), problem.initial ? packed.initial.data() : nullptr};
}

// What the filtered samples still add to the outputs behind them:
// z_k = sum_{j > k} b_j x_{L+k-j} - sum_{j > k} a_j y_{L+k-j} + what is left of the state before.
template <class T>
void write_final_state(const FilterProblem<T>& problem, std::int64_t b, std::int64_t f) {
  const std::int64_t F = problem.x.filters, L = problem.x.length, states = std::max(problem.zeros, problem.poles);
  const T *const x = problem.x.signal(b, f), *const y = problem.y.signal(b, f);
  const T *const of_b = problem.b + f * (problem.zeros + 1) + 1, *const of_a = problem.a + f * problem.poles;
  T* const state = problem.final + (b * F + f) * states;
  for (std::int64_t k = 0; k < states; ++k) {
    T sum = problem.initial && k + L < states ? problem.initial[(b * F + f) * states + k + L] : T(0);
    const std::int64_t oldest = L + k;
    for (std::int64_t j = std::min(problem.zeros, oldest); j > k; --j) sum += of_b[j - 1] * x[(L + k - j) * problem.x.stride[2]];
    for (std::int64_t j = std::min(problem.poles, oldest); j > k; --j) sum -= of_a[j - 1] * y[(L + k - j) * problem.y.stride[2]];
    state[k] = sum;
  }
}

}  // namespace

template <class T>
void lfilter(const FilterProblem<T>& problem) {
  static const FilterKernels<T> kernels = best_kernels<T>();
  const std::int64_t lanes = kernels.lanes, zeros = problem.zeros, poles = problem.poles;
  const Order order = order_of(problem);
  const std::vector<Unit> units = units_of(order, lanes);
  const auto count = static_cast<std::int64_t>(units.size());
  const double work = static_cast<double>(count) * static_cast<double>(problem.x.length) * static_cast<double>(zeros + poles + 8);
  const int threads = useful_threads(count, work, problem.threads);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    const Buffer<T> scratch(std::max(filter_scratch<T>(zeros, poles, 1, lanes), filter_scratch<T>(zeros, poles, lanes, lanes)));
    const Packed<T> packed{Buffer<T>((zeros + 1) * lanes), Buffer<T>(poles * lanes),
                           Buffer<T>(problem.initial ? std::max(zeros, poles) * lanes : 0)};
#pragma omp for schedule(dynamic)
    for (std::int64_t u = 0; u < count; ++u) {
      const Unit& unit = units[u];
      if (problem.x.length > 0) {
        pack(problem, order, unit, lanes, packed);
        kernels.filter(task_of(problem, order, unit, packed), scratch.data());
      }
      for (std::int64_t lane = 0; problem.final && lane < unit.count; ++lane)
        write_final_state(problem, order.batch_of(unit, lane, problem.x.filters), order.filter_of(unit, lane, problem.x.filters));
    }
  }
}

template <class T>
std::vector<double> correlate(const CorrelationProblem<T>& problem) {
  static const FilterKernels<T> kernels = best_kernels<T>();
  const std::int64_t B = problem.x.batch, F = problem.x.filters, L = problem.x.length, taps = problem.taps;
  std::vector<double> sums(F * taps, 0);
  const double work = static_cast<double>(B * F * L) * static_cast<double>(taps + 4) / static_cast<double>(kernels.lanes);
  const int threads = useful_threads(F * B, work, problem.threads);
  std::vector<double> of_signals(B * F * taps, 0);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    const Buffer<T> scratch(correlation_scratch<T>(taps));
#pragma omp for schedule(dynamic)
    for (std::int64_t s = 0; s < B * F; ++s) {
      const CorrelationTask<T> task{problem.v.signal(s / F, s % F), problem.x.signal(s / F, s % F),
                                    problem.v.stride[2], problem.x.stride[2], L, taps};
      kernels.correlate(task, scratch.data(), &of_signals[s * taps]);
    }
  }
  for (std::int64_t s = 0; s < B * F; ++s)
    for (std::int64_t k = 0; k < taps; ++k) sums[s % F * taps + k] += of_signals[s * taps + k];
  return sums;
}

template void lfilter(const FilterProblem<float>&);
template void lfilter(const FilterProblem<double>&);
template std::vector<double> correlate(const CorrelationProblem<float>&);
template std::vector<double> correlate(const CorrelationProblem<double>&);

}  // namespace invconv
