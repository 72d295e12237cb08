// Recursive filters of signals, along one axis:
//
//   y_t = sum_j b_j x_{t-j} - sum_{k>0} a_k y_{t-k} + z_t
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
struct FilterProblem {
  Signals<const T> x;
  Signals<T> y;
  const T* b;                 // [filters, zeros + 1]
  const T* a;                 // [filters, poles]: a_1, ...; a_0 is 1
  std::int64_t zeros, poles;  // the orders of both
  const T* initial;           // states, [batch, filters, max(zeros, poles)], or null
  T* final;                   // likewise
  int threads;
};

template <class T>
void lfilter(const FilterProblem<T>& problem);

template <class T>
struct CorrelationProblem {
  Signals<const T> v, x;
  std::int64_t taps;
  int threads;
};

// The sums over batch and time of v_t x_{t-k}, [filters, taps]. They do not depend on the number of threads.
template <class T>
std::vector<double> correlate(const CorrelationProblem<T>& problem);

}  // namespace invconv
