// Random filters beside their definition; every array has just the memory that it needs.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

#include "filter.h"

namespace filter_checks {

using Random = std::mt19937_64;

inline std::int64_t uniform(Random& random, std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(random);
}

template <class T>
std::vector<T> numbers(Random& random, std::int64_t count, double scale) {
  std::vector<T> found(count);
  for (T& number : found) number = static_cast<T>(scale * std::normal_distribution<double>()(random));
  return found;
}

// Signals in some order of the axes, forwards or backwards in time.
template <class T>
invconv::Signals<T> signals(Random& random, T* data, std::int64_t B, std::int64_t F, std::int64_t L) {
  const bool time_inside = uniform(random, 0, 3) > 0, filters_inside = uniform(random, 0, 1) > 0;
  const std::int64_t sample = time_inside ? 1 : B * F, length = time_inside ? L : 1;
  const std::int64_t b = length * (filters_inside ? F : 1), f = length * (filters_inside ? 1 : B);
  const bool backwards = uniform(random, 0, 3) == 0 && L > 0 && B * F > 0;
  return {data + (backwards ? (L - 1) * sample : 0), B, F, L, {b, f, backwards ? -sample : sample}};
}

struct Size {
  std::int64_t B, F, L, zeros, poles;
  std::int64_t states() const { return std::max(zeros, poles); }
};

inline Size random_size(Random& random) {
  const auto order = [&] { return uniform(random, 0, uniform(random, 0, 9) == 0 ? 90 : 10); };
  const bool is_long = uniform(random, 0, 9) == 0;
  return {uniform(random, 0, is_long ? 2 : 20), uniform(random, 0, is_long ? 2 : 9), uniform(random, 0, is_long ? 5000 : 60), order(),
          order()};
}

// The transposed direct form II of one signal: its largest error beside its largest value.
template <class T>
double error_of(const Size& size, const invconv::FilterProblem<T>& problem, std::int64_t b, std::int64_t f) {
  const T *const of_b = problem.b + f * (size.zeros + 1), *const of_a = problem.a + f * size.poles;
  std::vector<double> state(size.states() + 1, 0);
  for (std::int64_t k = 0; k < size.states(); ++k) state[k] = problem.initial[(b * size.F + f) * size.states() + k];
  double error = 0, largest = 1;
  for (std::int64_t t = 0; t < size.L; ++t) {
    const double x = problem.x.signal(b, f)[t * problem.x.stride[2]], y = state[0] + of_b[0] * x;
    for (std::int64_t k = 0; k < size.states(); ++k)
      state[k] = state[k + 1] + (k < size.zeros ? of_b[k + 1] * x : 0) - (k < size.poles ? of_a[k] * y : 0);
    error = std::max(error, std::abs(problem.y.signal(b, f)[t * problem.y.stride[2]] - y));
    largest = std::max(largest, std::abs(y));
  }
  for (std::int64_t k = 0; k < size.states(); ++k) {
    error = std::max(error, std::abs(problem.final[(b * size.F + f) * size.states() + k] - state[k]));
    largest = std::max(largest, std::abs(state[k]));
  }
  return error / largest;
}

template <class T>
void check_filter(Random& random) {
  const Size size = random_size(random);
  const std::int64_t count = size.B * size.F;
  const std::vector<T> x = numbers<T>(random, count * size.L, 1), b = numbers<T>(random, size.F * (size.zeros + 1), 1);
  const std::vector<T> a = numbers<T>(random, size.F * size.poles, 0.4 / (1.0 + static_cast<double>(size.poles)));
  const std::vector<T> initial = numbers<T>(random, count * size.states(), 1);
  std::vector<T> y(x.size()), final(initial.size());
  const invconv::FilterProblem<T> problem{signals(random, x.data(), size.B, size.F, size.L),
                                          signals(random, y.data(), size.B, size.F, size.L),
                                          b.data(), a.data(), size.zeros, size.poles, initial.data(), final.data(),
                                          static_cast<int>(uniform(random, 1, 3))};
  invconv::lfilter(problem);
  for (std::int64_t i = 0; i < size.B; ++i)
    for (std::int64_t f = 0; f < size.F; ++f)
      if (!(error_of(size, problem, i, f) <= 1000 * std::numeric_limits<T>::epsilon())) throw std::runtime_error("a filter is wrong");
}

}  // namespace filter_checks
