// Recursive filters of signals, along one axis:
//
//   y_t = (sum_j b_j x_{t-j} - sum_{k>0} a_k y_{t-k}) / a_0 + z_t
//
// where what lies before the signal is zero and z, the state, stands for it: what came before adds z_t to the output at t.
#pragma once

#include <cstdint>
#include <vector>

namespace invconv {

// [batch, filters, length]; strides count elements and may have any order or sign.
template <class T>
struct Signals {
  T* data;
  std::int64_t batch, filters, length;
  std::int64_t stride[3];

  T* signal(std::int64_t b, std::int64_t f) const { return data + b * stride[0] + f * stride[1]; }
};

template <class T>
struct Filters {
  const T* b;                 // [filters, zeros + 1]
  const T* a;                 // [filters, poles + 1]
  std::int64_t zeros, poles;  // the orders of both
};

template <class T>
struct FilterProblem {
  Signals<const T> x;
  Signals<T> y;
  Filters<T> filters;
  const T* initial;  // states, [batch, filters, max(zeros, poles)], or null
  T* final;          // likewise
  int threads;
};

// Throws std::invalid_argument, naming the filter, when an a_0 is 0.
template <class T>
void lfilter(const FilterProblem<T>& problem);

// For gradients of the outputs of filters without a state. What has no data is not asked for, or not needed.
template <class T>
struct FilterGradientProblem {
  Signals<const T> of_y, x, y;  // x for the gradient of b, y for that of a
  Signals<T> of_x;
  Filters<T> filters;
  int threads;
};

struct FilterGradients {
  std::vector<double> of_b;  // [filters, zeros + 1]
  std::vector<double> of_a;  // [filters, poles + 1]
};

// All signals are given from their last sample to their first: so the recursion runs here. With v, the gradient of y filtered
// by 1 / a, that of x is sum_j b_j v_{t-j}, that of b_j the sum over batch and time of x_t v_{t-j}, and that of a_k minus that
// of y_t v_{t-k}. They do not depend on the number of threads.
template <class T>
FilterGradients filter_gradients(const FilterGradientProblem<T>& problem);

}  // namespace invconv
