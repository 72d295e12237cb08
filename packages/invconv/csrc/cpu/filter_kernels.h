// What is compiled once for each instruction set, each copy in a namespace of its own: filters of one signal, or of as many
// as a register has lanes.
#pragma once

#include <cstdint>

namespace invconv {

// A sample of all signals of a task is a cell: one number, or a register with one signal a lane.
template <class T>
struct FilterTask {
  const T* x;
  T* y;
  std::int64_t x_signal, x_sample, y_signal, y_sample;  // strides
  std::int64_t signals, length;                         // one signal, or at most as many as there are lanes
  std::int64_t zeros, poles;
  const T* b;        // [zeros + 1][lanes]
  const T* minus_a;  // [poles][lanes]
  const T* initial;  // [max(zeros, poles)][cell], or null
};

template <class T>
struct CorrelationTask {
  const T *v, *x;
  std::int64_t v_sample, x_sample;  // strides
  std::int64_t length, taps;
};

template <class T>
struct FilterKernels {
  std::int64_t lanes;  // numbers in a register
  // With filter_scratch() numbers of scratch.
  void (*filter)(const FilterTask<T>& task, T* scratch);
  // Adds the sums of v_t x_{t-k} to sums, [taps]; with correlation_scratch() numbers of scratch.
  void (*correlate)(const CorrelationTask<T>& task, T* scratch, double* sums);
};

// So many bytes of a signal are worked on at a time: with what goes in and out, less than a first-level cache.
constexpr std::int64_t kChunkBytes = 8192;

template <class T>
constexpr std::int64_t chunk_of(std::int64_t cell) {
  return kChunkBytes / static_cast<std::int64_t>(sizeof(T)) / cell;
}

// The chunk in and out with what the taps reach back to, and registers beyond the end.
template <class T>
static inline std::int64_t filter_scratch(std::int64_t zeros, std::int64_t poles, std::int64_t cell, std::int64_t lanes) {
  return (zeros + poles + 2 * chunk_of<T>(cell)) * cell + 16 * lanes;
}

template <class T>
static inline std::int64_t correlation_scratch(std::int64_t taps) {
  return 2 * chunk_of<T>(1) + taps;
}

#define INVCONV_DECLARE_FILTERS(isa) \
  namespace isa {                    \
  template <class T>                 \
  FilterKernels<T> filter_kernels(); \
  }
INVCONV_DECLARE_FILTERS(portable)
INVCONV_DECLARE_FILTERS(avx2)
INVCONV_DECLARE_FILTERS(avx512)
#undef INVCONV_DECLARE_FILTERS

}  // namespace invconv
