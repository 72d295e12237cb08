// Random filters and their gradients beside their definitions; every array has just the memory that it needs.
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
  const T *const of_b = problem.filters.b + f * (size.zeros + 1), *const of_a = problem.filters.a + f * (size.poles + 1);
  std::vector<double> state(size.states() + 1, 0);
  for (std::int64_t k = 0; k < size.states(); ++k) state[k] = problem.initial[(b * size.F + f) * size.states() + k];
  double error = 0, largest = 1;
  for (std::int64_t t = 0; t < size.L; ++t) {
    const double x = problem.x.signal(b, f)[t * problem.x.stride[2]] / of_a[0], y = state[0] + of_b[0] * x;
    for (std::int64_t k = 0; k < size.states(); ++k)
      state[k] = state[k + 1] + (k < size.zeros ? of_b[k + 1] * x : 0) - (k < size.poles ? of_a[k + 1] / of_a[0] * y : 0);
    error = std::max(error, std::abs(problem.y.signal(b, f)[t * problem.y.stride[2]] - y));
    largest = std::max(largest, std::abs(y));
  }
  for (std::int64_t k = 0; k < size.states(); ++k) {
    error = std::max(error, std::abs(problem.final[(b * size.F + f) * size.states() + k] - state[k]));
    largest = std::max(largest, std::abs(state[k]));
  }
  return error / largest;
}

// Numerators and stable denominators.
template <class T>
struct Coefficients {
  Coefficients(Random& random, const Size& size)
      : b(numbers<T>(random, size.F * (size.zeros + 1), 1)),
        a(numbers<T>(random, size.F * (size.poles + 1), 0.4 / (1.0 + static_cast<double>(size.poles)))),
        zeros(size.zeros), poles(size.poles) {
    for (std::int64_t f = 0; f < size.F; ++f) a[f * (poles + 1)] = uniform(random, 0, 1) ? T(1.25) : T(-0.75);
  }
  invconv::Filters<T> filters() const { return {b.data(), a.data(), zeros, poles}; }

  std::vector<T> b, a;
  std::int64_t zeros, poles;
};

template <class T>
void check_filter(Random& random) {
  const Size size = random_size(random);
  const std::int64_t count = size.B * size.F;
  const Coefficients<T> coefficients(random, size);
  const std::vector<T> x = numbers<T>(random, count * size.L, 1), initial = numbers<T>(random, count * size.states(), 1);
  std::vector<T> y(x.size()), final(initial.size());
  const invconv::FilterProblem<T> problem{signals(random, x.data(), size.B, size.F, size.L),
                                          signals(random, y.data(), size.B, size.F, size.L),
                                          coefficients.filters(), initial.data(), final.data(),
                                          static_cast<int>(uniform(random, 1, 3))};
  invconv::lfilter(problem);
  for (std::int64_t i = 0; i < size.B; ++i)
    for (std::int64_t f = 0; f < size.F; ++f)
      if (!(error_of(size, problem, i, f) <= 1000 * std::numeric_limits<T>::epsilon())) throw std::runtime_error("a filter is wrong");
}

// The gradient of y filtered by 1 / a, for one signal.
template <class T>
std::vector<double> filtered(const Size& size, const invconv::FilterGradientProblem<T>& problem, std::int64_t b, std::int64_t f) {
  const T* const a = problem.filters.a + f * (size.poles + 1);
  std::vector<double> v(size.L);
  for (std::int64_t t = 0; t < size.L; ++t) {
    v[t] = problem.of_y.signal(b, f)[t * problem.of_y.stride[2]];
    for (std::int64_t k = 1; k <= std::min(t, size.poles); ++k) v[t] -= a[k] * v[t - k];
    v[t] /= a[0];
  }
  return v;
}

// Adds the products of a signal with the v before it.
template <class T>
void correlate(const invconv::Signals<const T>& signals, std::int64_t b, std::int64_t f, const std::vector<double>& v,
               std::int64_t taps, std::vector<double>& sums) {
  for (std::int64_t t = 0; t < signals.length; ++t)
    for (std::int64_t k = 0; k < std::min(taps, t + 1); ++k)
      sums[f * taps + k] += v[t - k] * signals.signal(b, f)[t * signals.stride[2]];
}

inline void check_sums(const std::vector<double>& sums, const std::vector<double>& expected, double sign, double tolerance) {
  for (std::size_t i = 0; i < sums.size(); ++i)
    if (!(std::abs(sums[i] - sign * expected[i]) <= tolerance)) throw std::runtime_error("the gradient of a coefficient is wrong");
}

template <class T>
void check_filter_gradients(Random& random) {
  const Size size = random_size(random);
  const std::int64_t count = size.B * size.F * size.L;
  const Coefficients<T> coefficients(random, size);
  const std::vector<T> of_y = numbers<T>(random, count, 1), x = numbers<T>(random, count, 1), y = numbers<T>(random, count, 1);
  std::vector<T> of_x(count);
  const auto laid_out = [&](auto* data) { return signals(random, data, size.B, size.F, size.L); };
  const invconv::FilterGradientProblem<T> problem{laid_out(of_y.data()), laid_out(x.data()), laid_out(y.data()), laid_out(of_x.data()),
                                                  coefficients.filters(), static_cast<int>(uniform(random, 1, 3))};
  const invconv::FilterGradients gradients = invconv::filter_gradients(problem);
  const double unit = 1000 * std::numeric_limits<T>::epsilon();
  std::vector<double> of_b(gradients.of_b.size(), 0), of_a(gradients.of_a.size(), 0);
  for (std::int64_t i = 0; i < size.B; ++i)
    for (std::int64_t f = 0; f < size.F; ++f) {
      const std::vector<double> v = filtered(size, problem, i, f);
      correlate(problem.x, i, f, v, size.zeros + 1, of_b);
      correlate(problem.y, i, f, v, size.poles + 1, of_a);
      for (std::int64_t t = 0; t < size.L; ++t) {
        double sum = 0, absolute = 1;
        for (std::int64_t j = 0; j <= std::min(t, size.zeros); ++j) {
          sum += coefficients.b[f * (size.zeros + 1) + j] * v[t - j];
          absolute += std::abs(coefficients.b[f * (size.zeros + 1) + j] * v[t - j]);
        }
        if (!(std::abs(problem.of_x.signal(i, f)[t * problem.of_x.stride[2]] - sum) <= unit * absolute))
          throw std::runtime_error("the gradient of a signal is wrong");
      }
    }
  const double terms = 1 + static_cast<double>(size.B * size.L);
  check_sums(gradients.of_b, of_b, 1, unit * terms);
  check_sums(gradients.of_a, of_a, -1, unit * terms);
}

}  // namespace filter_checks
