// Filters by chunks: the part of the signal that goes in, then its sum, which no sample waits for, then the recursion. Gradients
// by chunks too: what is filtered is used while it is in the first-level cache.

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
void recur_side_by_side(const PackedFilter<T>& filter, T* y, std::int64_t count) {
  constexpr int lanes = kLanes<T>;
  if (filter.poles <= kNear) return recur_by_count<lanes, kNear>(filter.minus_a, filter.poles, y, count);
  for (; count > 0; count -= kNear, y += kNear * lanes) {
    const std::int64_t block = count < kNear ? count : kNear;
    add_taps<true>(filter.minus_a + kNear * lanes, filter.poles - kNear, y - (kNear + 1) * lanes, lanes, y, block);
    recur<kNear, lanes>(filter.minus_a, y, block);
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
template <int R, class T, class ForEachChunk>
void recur_in_line(const PackedFilter<T>& filter, const ForEachChunk& for_each_chunk) {
  constexpr int lanes = kLanes<T>, reach = R * lanes;
  const std::int64_t far = filter.poles > reach ? filter.poles - reach : 0;
  Line<R, T> line(filter.minus_a, filter.poles);
  for_each_chunk([&](T* y, std::int64_t count) {
    for (std::int64_t i = 0; i < count; i += lanes) {
      if (far && i % reach == 0) add_taps<true>(filter.minus_a + reach * lanes, far, y + i - reach - 1, 1, y + i, R);
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
  else if (stride == -1)
    for (std::int64_t t = 0; t < count; ++t) to[t] = from[-t];
  else
    for (std::int64_t t = 0; t < count; ++t) to[t] = from[t * stride];
}

template <class T>
void write_samples(const T* from, T* to, std::int64_t stride, std::int64_t count) {
  if (stride == 1)
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
  else if (stride == -1)
    for (std::int64_t t = 0; t < count; ++t) to[-t] = from[t];
  else
    for (std::int64_t t = 0; t < count; ++t) to[t * stride] = from[t];
}

// `count` samples from `start` on of the signals of a task.
template <int Cell, class T>
void read_chunk(const Samples<const T>& samples, std::int64_t signals, std::int64_t start, std::int64_t count, T* cells) {
  const T* const from = samples.data + start * samples.sample;
  if constexpr (Cell == 1) {
    read_samples(from, samples.sample, count, cells);
  } else {
    if (signals < Cell) std::memset(cells, 0, static_cast<std::size_t>(count * Cell) * sizeof(T));
    gather<T>({from, samples.signal, samples.sample, cells, Cell, signals, count});
  }
}

template <int Cell, class T>
void write_chunk(const Samples<T>& samples, std::int64_t signals, std::int64_t start, std::int64_t count, const T* cells,
                 bool past_caches = false) {
  T* const to = samples.data + start * samples.sample;
  if constexpr (Cell == 1)
    write_samples(cells, to, samples.sample, count);
  else
    scatter<T>({to, samples.signal, samples.sample, cells, Cell, signals, count}, past_caches);
}

// Zeros before the first chunk, and before each other one the end of that before it.
template <class T>
void clear_past(T* chunk, std::int64_t past) {
  std::memset(chunk - past, 0, static_cast<std::size_t>(past) * sizeof(T));
}

template <class T>
void keep_past(T* chunk, std::int64_t past, std::int64_t numbers) {
  std::memmove(chunk - past, chunk + numbers - past, static_cast<std::size_t>(past) * sizeof(T));
}

template <class T>
std::int64_t registers_of(std::int64_t numbers) {
  return (numbers + kLanes<T> - 1) / kLanes<T>;
}

// Calls recur(cells, count) on the sums of every chunk, behind which lie the outputs that it needs.
template <int Cell, class T, class Recur>
void filter_chunks(const FilterTask<T>& task, T* scratch, const Recur& recur) {
  constexpr std::int64_t chunk = chunk_of<T>(Cell);
  const std::int64_t zeros = task.filter.zeros * Cell, poles = task.filter.poles * Cell, order = zeros > poles ? zeros : poles;
  T *const x = scratch + zeros, *const y = x + chunk * Cell + 8 * kLanes<T> + poles;
  clear_past(x, zeros);
  clear_past(y, poles);
  for (std::int64_t start = 0; start < task.length; start += chunk) {
    const std::int64_t count = task.length - start < chunk ? task.length - start : chunk, numbers = count * Cell;
    read_chunk<Cell>(task.x, task.signals, start, count, x);
    add_taps<false>(task.filter.b, task.filter.zeros + 1, x, Cell, y, registers_of<T>(numbers));
    if (task.initial)
      for (std::int64_t i = start * Cell; i < order && i - start * Cell < numbers; ++i) y[i - start * Cell] += task.initial[i];
    recur(y, count);
    write_chunk<Cell>(task.y, task.signals, start, count, y);
    keep_past(x, zeros, numbers);
    keep_past(y, poles, numbers);
  }
}

// sums[p][cell] += sum_i x_i v_{i - p} for P taps, over registers i.
template <int Cell, int P, class T>
void add_products_of(const T* x, const T* v, std::int64_t registers, double* sums) {
  constexpr int lanes = kLanes<T>, parts = P < 8 ? 8 / P : 1;  // of the sum, so that none waits for the one before
  Register<T> sum[P][parts];
  clear<parts, P, T>(sum);
  const auto add = [&](int part) {
    const Register<T> factor = load<lanes>(x + part * lanes);
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) sum[p][part] += factor * load<lanes>(v + part * lanes - p * Cell);
  };
  for (; registers >= parts; registers -= parts, x += parts * lanes, v += parts * lanes)
#pragma GCC unroll 8
    for (int part = 0; part < parts; ++part) add(part);
  for (; registers > 0; --registers, x += lanes, v += lanes) add(0);
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 8
    for (int part = 1; part < parts; ++part) sum[p][0] += sum[p][part];
    for (int lane = 0; lane < lanes; ++lane) sums[p * Cell + lane % Cell] += static_cast<double>(sum[p][0][lane]);
  }
}

template <int Cell, int P = 8, class T>
void add_products(const T* x, const T* v, std::int64_t registers, std::int64_t taps, double* sums) {
  for (; taps >= P; taps -= P, v -= P * Cell, sums += P * Cell) add_products_of<Cell, P>(x, v, registers, sums);
  if constexpr (P > 1) add_products<Cell, P / 2>(x, v, registers, taps, sums);
}

// Calls recur(cells, count) on every chunk of the gradient: it becomes v, which meets x and y while it is at hand.
template <int Cell, class T, class Recur>
void chunks_of_gradients(const FilterGradientsTask<T>& task, T* scratch, double* sums, const Recur& recur) {
  constexpr std::int64_t chunk = chunk_of<T>(Cell), lanes = kLanes<T>;
  const std::int64_t zeros = task.filter.zeros, poles = task.filter.poles, past = (zeros > poles ? zeros : poles) * Cell;
  T *const other = scratch, *const v = other + chunk * Cell + 8 * lanes + past;
  clear_past(v, past);
  for (std::int64_t start = 0; start < task.length; start += chunk) {
    const std::int64_t count = task.length - start < chunk ? task.length - start : chunk, numbers = count * Cell;
    const std::int64_t registers = registers_of<T>(numbers), beyond = registers * lanes - numbers;
    const auto add = [&](const Samples<const T>& samples, std::int64_t taps, double* to) {
      if (!samples.data) return;
      read_chunk<Cell>(samples, task.signals, start, count, other);
      std::memset(other + numbers, 0, static_cast<std::size_t>(beyond) * sizeof(T));
      add_products<Cell>(static_cast<const T*>(other), static_cast<const T*>(v), registers, taps, to);
    };
    read_chunk<Cell>(task.of_y, task.signals, start, count, v);
    recur(v, count);
    std::memset(v + numbers, 0, static_cast<std::size_t>(beyond) * sizeof(T));
    add(task.x, zeros + 1, sums);
    add(task.y, poles + 1, sums + (zeros + 1) * Cell);
    if (task.of_x.data) {
      add_taps<false>(task.filter.b, zeros + 1, static_cast<const T*>(v), Cell, other, registers);
      write_chunk<Cell>(task.of_x, task.signals, start, count, static_cast<const T*>(other), task.past_caches);
    }
    keep_past(v, past, numbers);
  }
  if (task.past_caches) finish_writes_past_caches();
}

// Calls chunks_of_one(recur) or side_by_side(recur) with the recursion that is best for a filter.
template <class T, class ChunksOfOne, class SideBySide>
void with_recursion(const PackedFilter<T>& filter, std::int64_t signals, const ChunksOfOne& chunks_of_one,
                    const SideBySide& side_by_side) {
  constexpr int lanes = kLanes<T>;
  if (signals > 1)
    side_by_side([&](T* y, std::int64_t count) { recur_side_by_side(filter, y, count); });
  else if (filter.poles <= kFew)
    chunks_of_one([&](T* y, std::int64_t count) { recur_by_count<1, kFew>(filter.minus_a, filter.poles, y, count); });
  else if (filter.poles <= lanes)
    recur_in_line<1>(filter, chunks_of_one);
  else if (filter.poles <= 2 * lanes)
    recur_in_line<2>(filter, chunks_of_one);
  else
    recur_in_line<4>(filter, chunks_of_one);
}

template <class T>
void filter(const FilterTask<T>& task, T* scratch) {
  with_recursion(
      task.filter, task.signals, [&](const auto& recur) { filter_chunks<1>(task, scratch, recur); },
      [&](const auto& recur) { filter_chunks<kLanes<T>>(task, scratch, recur); });
}

template <class T>
void gradients(const FilterGradientsTask<T>& task, T* scratch, double* sums) {
  with_recursion(
      task.filter, task.signals, [&](const auto& recur) { chunks_of_gradients<1>(task, scratch, sums, recur); },
      [&](const auto& recur) { chunks_of_gradients<kLanes<T>>(task, scratch, sums, recur); });
}

}  // namespace

template <class T>
FilterKernels<T> filter_kernels() {
  return {kLanes<T>, filter<T>, gradients<T>};
}

template FilterKernels<float> filter_kernels();
template FilterKernels<double> filter_kernels();

}  // namespace invconv::INVCONV_ISA
