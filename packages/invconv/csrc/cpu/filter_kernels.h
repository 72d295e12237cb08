// What is compiled once for each instruction set, each copy in a namespace of its own: filters of one signal, or of as many
// as a register has lanes.
#pragma once

#include <cstdint>

namespace invconv {

template <class T>
struct Samples {
  T* data;
  std::int64_t signal, sample;  // strides
};

template <class T>
struct PackedFilter {
  const T* b;        // [zeros + 1][lanes]
  const T* minus_a;  // [poles][lanes]
  std::int64_t zeros, poles;
};

// A sample of all signals of a task is a cell: one number, or a register with one signal a lane.
template <class T>
struct FilterTask {
  Samples<const T> x;
  Samples<T> y;
  std::int64_t signals, length;  // one signal, or at most as many as there are lanes
  PackedFilter<T> filter;
  const T* initial;  // [max(zeros, poles)][cell], or null
};

// See filter_gradients(); what has no data is left out.
template <class T>
struct FilterGradientsTask {
  Samples<const T> of_y, x, y;
  Samples<T> of_x;
  std::int64_t signals, length;
  PackedFilter<T> filter;
  bool past_caches;  // of_x is written past them
};

template <class T>
struct FilterKernels {
  std::int64_t lanes;  // numbers in a register
  // With filter_scratch() numbers of scratch.
  void (*filter)(const FilterTask<T>& task, T* scratch);
  // Adds the sums of x_t v_{t-j} for all taps of b, and behind them those of y_t v_{t-k} for all of a, to sums,
  // [taps][cell]; with gradients_scratch() numbers of scratch.
  void (*gradients)(const FilterGradientsTask<T>& task, T* scratch, double* sums);
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

// A chunk of what is filtered with what came before it, and one of what meets it.
template <class T>
static inline std::int64_t gradients_scratch(std::int64_t order, std::int64_t cell, std::int64_t lanes) {
  return (order + 2 * chunk_of<T>(cell)) * cell + 16 * lanes;
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
