// Filters by chunks: the part of the signal that goes in, then its sum, which no sample waits for, then the recursion.

#include "cpu/filter_kernels.h"

#include "cpu/registers.h"

namespace invconv::INVCONV_ISA {
namespace {

constexpr int kNear = 8;  // taps of the recursion whose operands stay in registers, of several signals
constexpr int kFew = 4;   // and of one signal; from there on its taps lie in the lanes of registers

// out_i = sum_j taps_j in_{i - j}, or added to it, for registers i of neighbours in time or of signals side by side.
template <bool Add, int P = 4, class T>
inline void add_taps(const T* taps, std::int64_t count, const T* in, std::int64_t cell, T* out, std::int64_t registers) {
  constexpr int lanes = kLanes<T>;
  for (; registers >= P; registers -= P, in += P * lanes, out += P * lanes) {
    Register<T> sum[P][1];
    if constexpr (Add)
      read<1, P>(sum, out, lanes);
    else
      clear<1, P, T>(sum);
    multiply_add<lanes, lanes>(sum, taps, lanes, in, -cell, lanes, count);
    write<1, P>(sum, out, lanes);
  }
  if constexpr (P > 1) add_taps<Add, P / 2>(taps, count, in, cell, out, registers);
}

// y_t += sum_k -a_k y_{t-k} for K taps, in place: a number or a register a sample.
template <int K, int Cell, class T>
inline void recur(const T* minus_a, T* y, std::int64_t count) {
  decltype(load<Cell>(y)) tap[K], past[K];
#pragma GCC unroll 8
  for (int k = 0; k < K; ++k) {
    tap[k] = load<Cell>(minus_a + k * kLanes<T>);
    past[k] = load<Cell>(y - (k + 1) * Cell);
  }
  for (; count > 0; --count, y += Cell) {
    // The newest output last: the next sample waits for one multiply-add.
    auto sum = load<Cell>(y);
#pragma GCC unroll 8
    for (int k = K - 1; k >= 0; --k) sum += tap[k] * past[k];
#pragma GCC unroll 8
    for (int k = K - 1; k > 0; --k) past[k] = past[k - 1];
    past[0] = sum;
    std::memcpy(y, &sum, sizeof sum);
  }
}

template <int Cell, int K, class T>
inline void recur_by_count(const T* minus_a, std::int64_t taps, T* y, std::int64_t count) {
  if (taps == K)
    recur<K, Cell>(minus_a, y, count);
  else if constexpr (K > 1)
    recur_by_count<Cell, K - 1>(minus_a, taps, y, count);
}

// Several signals: the taps that reach farther back than a block are added to all of its samples before.
template <class T>
void recur_side_by_side(const FilterTask<T>& task, T* y, std::int64_t count) {
  constexpr int lanes = kLanes<T>;
  if (task.poles <= kNear) return recur_by_count<lanes, kNear>(task.minus_a, task.poles, y, count);
  for (; count > 0; count -= kNear, y += kNear * lanes) {
    const std::int64_t block = count < kNear ? count : kNear;
    add_taps<true>(task.minus_a + kNear * lanes, task.poles - kNear, y - (kNear + 1) * lanes, lanes, y, block);
    recur<kNear, lanes>(task.minus_a, y, block);
  }
}

template <class T, int... I>
inline Register<T> shift(Register<T> low, Register<T> high, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(low, high, (I + 1)...);
}

template <class T, int... I>
inline Register<T> first_lane(Register<T> of, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(of, of, (I * 0)...);
}

// What is yet to be added to the outputs from here on, in the lanes of R registers: the output leaves at the first lane, and
// its products with the taps are added to the others as they move up.
template <int R, class T>
struct Line {
  using Bits = typename VectorOf<std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>, INVCONV_VECTOR_BYTES>::type;
  static constexpr std::make_integer_sequence<int, kLanes<T>> all{};

  Register<T> sum[R], tap[R];
  Bits is_tap[R];  // elsewhere even an infinite output adds nothing

  Line(const T* minus_a, std::int64_t taps) {
    for (int r = 0; r < R; ++r)
      for (int i = 0; i < kLanes<T>; ++i) {
        const int k = r * kLanes<T> + i;
        sum[r][i] = 0;
        tap[r][i] = k < taps ? minus_a[k * kLanes<T>] : T(0);
        is_tap[r][i] = k < taps ? -1 : 0;
      }
  }

  T step() {
    const Register<T> y = first_lane<T>(sum[0], all);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const Register<T> next = r + 1 < R ? sum[r + 1] : Register<T>{};
      sum[r] = shift<T>(sum[r], next, all) + tap[r] * (Register<T>)((Bits)y & is_tap[r]);
    }
    return y[0];
  }
};

// One signal, from its first sample to its last: the line goes on from chunk to chunk.
template <int R, class T, class NextChunk>
void recur_in_line(const FilterTask<T>& task, const NextChunk& next_chunk) {
  constexpr int lanes = kLanes<T>, reach = R * lanes;
  const std::int64_t far = task.poles > reach ? task.poles - reach : 0;
  Line<R, T> line(task.minus_a, task.poles);
  next_chunk([&](T* y, std::int64_t count) {
    for (std::int64_t i = 0; i < count; i += lanes) {
      if (far && i % reach == 0) add_taps<true>(task.minus_a + reach * lanes, far, y + i - reach - 1, 1, y + i, R);
      line.sum[0] += load<lanes>(y + i);
      const std::int64_t end = count - i < lanes ? count : i + lanes;
      for (std::int64_t t = i; t < end; ++t) y[t] = line.step();
    }
  });
}

template <class T>
void read_samples(const T* from, std::int64_t stride, std::int64_t count, T* to) {
  if (stride == 1)
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
  else
    for (std::int64_t t = 0; t < count; ++t) to[t] = from[t * stride];
}

template <class T>
void write_samples(const T* from, T* to, std::int64_t stride, std::int64_t count) {
  if (stride == 1)
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
  else
    for (std::int64_t t = 0; t < count; ++t) to[t * stride] = from[t];
}

template <int Cell, class T>
void read_chunk(const FilterTask<T>& task, std::int64_t start, std::int64_t count, T* cells) {
  const T* const x = task.x + start * task.x_sample;
  if constexpr (Cell == 1) {
    read_samples(x, task.x_sample, count, cells);
  } else {
    if (task.signals < Cell) std::memset(cells, 0, static_cast<std::size_t>(count * Cell) * sizeof(T));
    gather<T>({x, task.x_signal, task.x_sample, cells, Cell, task.signals, count});
  }
}

template <int Cell, class T>
void write_chunk(const FilterTask<T>& task, std::int64_t start, std::int64_t count, const T* cells) {
  T* const y = task.y + start * task.y_sample;
  if constexpr (Cell == 1)
    write_samples(cells, y, task.y_sample, count);
  else
    scatter<T>({y, task.y_signal, task.y_sample, cells, Cell, task.signals, count});
}

// Calls recur(cells, count) on the sums of every chunk, behind which lie the outputs that it needs.
template <int Cell, class T, class Recur>
void for_each_chunk(const FilterTask<T>& task, T* scratch, const Recur& recur) {
  constexpr std::int64_t chunk = chunk_of<T>(Cell);
  const std::int64_t zeros = task.zeros * Cell, poles = task.poles * Cell, order = zeros > poles ? zeros : poles;
  T *const x = scratch + zeros, *const y = x + chunk * Cell + 8 * kLanes<T> + poles;
  std::memset(x - zeros, 0, static_cast<std::size_t>(zeros) * sizeof(T));
  std::memset(y - poles, 0, static_cast<std::size_t>(poles) * sizeof(T));
  for (std::int64_t start = 0; start < task.length; start += chunk) {
    const std::int64_t count = task.length - start < chunk ? task.length - start : chunk, numbers = count * Cell;
    read_chunk<Cell>(task, start, count, x);
    add_taps<false>(task.b, task.zeros + 1, x, Cell, y, (numbers + kLanes<T> - 1) / kLanes<T>);
    if (task.initial)
      for (std::int64_t i = start * Cell; i < order && i - start * Cell < numbers; ++i) y[i - start * Cell] += task.initial[i];
    recur(y, count);
    write_chunk<Cell>(task, start, count, y);
    std::memmove(x - zeros, x + numbers - zeros, static_cast<std::size_t>(zeros) * sizeof(T));
    std::memmove(y - poles, y + numbers - poles, static_cast<std::size_t>(poles) * sizeof(T));
  }
}

template <class T>
void filter(const FilterTask<T>& task, T* scratch) {
  constexpr int lanes = kLanes<T>;
  const auto chunks_of_one = [&](const auto& recur) { for_each_chunk<1>(task, scratch, recur); };
  if (task.signals > 1)
    for_each_chunk<lanes>(task, scratch, [&](T* y, std::int64_t count) { recur_side_by_side(task, y, count); });
  else if (task.poles <= kFew)
    chunks_of_one([&](T* y, std::int64_t count) { recur_by_count<1, kFew>(task.minus_a, task.poles, y, count); });
  else if (task.poles <= lanes)
    recur_in_line<1>(task, chunks_of_one);
  else if (task.poles <= 2 * lanes)
    recur_in_line<2>(task, chunks_of_one);
  else
    recur_in_line<4>(task, chunks_of_one);
}

// The sums of P taps over a chunk of whole registers.
template <int P = 8, class T>
void add_products(const T* v, const T* x, std::int64_t registers, std::int64_t taps, double* sums) {
  constexpr int lanes = kLanes<T>;
  for (; taps >= P; taps -= P, x -= P, sums += P) {
    Register<T> sum[P][1];
    clear<1, P, T>(sum);
    multiply_add<lanes, lanes>(sum, v, lanes, x, lanes, -1, registers);
    for (int p = 0; p < P; ++p)
      for (int lane = 0; lane < lanes; ++lane) sums[p] += static_cast<double>(sum[p][0][lane]);
  }
  if constexpr (P > 1) add_products<P / 2>(v, x, registers, taps, sums);
}

// `count` samples from `start` on behind the `back` before them, with zeros before the signal and up to a whole register.
template <class T>
void read_padded(const T* signal, std::int64_t stride, std::int64_t start, std::int64_t count, std::int64_t back, T* to) {
  const std::int64_t there = start < back ? start : back, rest = (kLanes<T> - count % kLanes<T>) % kLanes<T>;
  std::memset(to - back, 0, static_cast<std::size_t>(back - there) * sizeof(T));
  read_samples(signal + (start - there) * stride, stride, there + count, to - there);
  std::memset(to + count, 0, static_cast<std::size_t>(rest) * sizeof(T));
}

template <class T>
void correlate(const CorrelationTask<T>& task, T* scratch, double* sums) {
  constexpr std::int64_t chunk = chunk_of<T>(1), lanes = kLanes<T>;
  const std::int64_t back = task.taps - 1;
  T *const v = scratch, *const x = scratch + chunk + back;
  for (std::int64_t start = 0; start < task.length; start += chunk) {
    const std::int64_t count = task.length - start < chunk ? task.length - start : chunk;
    if (task.v_sample == 1 && task.x_sample == 1 && start >= back && count % lanes == 0) {
      add_products(task.v + start, task.x + start, count / lanes, task.taps, sums);
      continue;
    }
    read_padded(task.v, task.v_sample, start, count, 0, v);
    read_padded(task.x, task.x_sample, start, count, back, x);
    add_products<8>(static_cast<const T*>(v), static_cast<const T*>(x), (count + lanes - 1) / lanes, task.taps, sums);
  }
}

}  // namespace

template <class T>
FilterKernels<T> filter_kernels() {
  return {kLanes<T>, filter<T>, correlate<T>};
}

template FilterKernels<float> filter_kernels();
template FilterKernels<double> filter_kernels();

}  // namespace invconv::INVCONV_ISA
