// Back substitution in raster order: x_p = K_0^-1 (y_p - sum_{t != 0} K_t x_{p-t}).
//
// Most of the sum, all that lies in the rows above, is known before a row starts and is an ordinary convolution.
// A register holds either one channel of several images or several channels of one image; everything else is the same
// code. The last kh rows are kept in a ring, so that the neighbourhood of a pixel stays in the cache. A pixel takes a
// cell of the ring: `blocks` x `rows` registers.

#include "cpu/solve.h"

#include <cstring>

namespace invconv::INVCONV_ISA {
namespace {

template <class T>
constexpr int kLanes = INVCONV_VECTOR_BYTES / static_cast<int>(sizeof(T));

template <class T>
struct RegisterOf {
  typedef T type __attribute__((vector_size(INVCONV_VECTOR_BYTES)));
};

template <class T>
using Register = typename RegisterOf<T>::type;

// How many lanes one channel of a pixel, and one entry of the kernel, fills; the other is broadcast.
template <class T, Lanes A>
constexpr int kPixelLanes = A == Lanes::images ? kLanes<T> : 1;
template <class T, Lanes A>
constexpr int kKernelLanes = A == Lanes::images ? 1 : kLanes<T>;

template <int Width, class T>
inline auto load(const T* p) {
  if constexpr (Width == 1) {
    return *p;
  } else {
    Register<T> v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
}

// sum[p] += K_t x_p for one tap and P neighbouring pixels, `cell` numbers apart, n channels in; returns where the entries
// of the next tap start.
template <Lanes A, int R, int P, class T>
inline const T* multiply_add(Register<T> (&sum)[P][R], const T* tap, const T* x, std::int64_t n, std::int64_t cell) {
  constexpr int pixel = kPixelLanes<T, A>, kernel = kKernelLanes<T, A>;
  for (std::int64_t d = 0; d < n; ++d, tap += R * kernel, x += pixel)
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) sum[p][r] += load<kernel>(tap + r * kernel) * load<pixel>(x + p * cell);
  return tap;
}

template <int R, int P, class T>
inline void read(Register<T> (&sum)[P][R], const T* cells, std::int64_t cell) {
  for (int p = 0; p < P; ++p) std::memcpy(sum[p], cells + p * cell, sizeof sum[p]);
}

template <int R, int P, class T>
inline void write(const Register<T> (&sum)[P][R], T* cells, std::int64_t cell) {
  for (int p = 0; p < P; ++p) std::memcpy(cells + p * cell, sum[p], sizeof sum[p]);
}

// Adds what the rows above contribute to P pixels from column w on.
template <Lanes A, int R, int P, class T>
void add_above(const Task<T>& task, const T* taps, T* rhs, std::int64_t w, std::int64_t cell) {
  Register<T> sum[P][R];
  read<R, P>(sum, rhs + w * cell, cell);
  for (std::int64_t i = task.kh - 1; i > 0; --i)
    for (std::int64_t j = 0; j < task.kw; ++j)
      taps = multiply_add<A>(sum, taps, task.rows_above[i] + (w + j) * cell, task.y.size[1], cell);
  write<R, P>(sum, rhs + w * cell, cell);
}

// The recursion along one row, which is the only part that has to go pixel by pixel.
template <Lanes A, int R, class T>
void solve_beside(const Task<T>& task, const T* rhs, T* residual, std::int64_t cell) {
  constexpr std::int64_t block = R * kLanes<T>;
  const std::int64_t n = task.y.size[1], W = task.y.size[3];
  Register<T> sum[1][R];
  for (std::int64_t w = 0; w < W; ++w) {
    T* const left = task.rows_above[0] + w * cell;
    const T* taps = task.beside;
    for (std::int64_t start = 0; start < cell; start += block) {
      read<R, 1>(sum, rhs + w * cell + start, cell);
      for (std::int64_t j = 0; j < task.kw - 1; ++j) taps = multiply_add<A>(sum, taps, left + j * cell, n, cell);
      write<R, 1>(sum, residual + start, cell);
    }
    taps = task.anchor;
    for (std::int64_t start = 0; start < cell; start += block) {
      for (Register<T>& s : sum[0]) s = Register<T>{};
      taps = multiply_add<A>(sum, taps, residual, n, cell);
      write<R, 1>(sum, left + (task.kw - 1) * cell + start, cell);
    }
  }
}

// rows_above[0] from the cells of y in rhs, which it overwrites, and the rows above. Rows start with kw - 1 zero cells.
template <Lanes A, int R, class T>
void solve_row(const Task<T>& task, T* rhs, T* residual) {
  // As many pixels at once as leave registers for the operands.
  constexpr int P = INVCONV_SUM_REGISTERS / R < 4 ? INVCONV_SUM_REGISTERS / R : 4;
  constexpr std::int64_t block = R * kLanes<T>;
  const std::int64_t cell = task.blocks * block, W = task.y.size[3];
  const std::int64_t taps_of_block = (task.kh - 1) * task.kw * task.y.size[1] * R * kKernelLanes<T, A>;
  for (std::int64_t b = 0; b < task.blocks; ++b) {
    const T* taps = task.above + b * taps_of_block;
    std::int64_t w = 0;
    for (; w + P <= W; w += P) add_above<A, R, P>(task, taps, rhs + b * block, w, cell);
    for (; w < W; ++w) add_above<A, R, 1>(task, taps, rhs + b * block, w, cell);
  }
  solve_beside<A, R>(task, rhs, residual, cell);
}

template <class T>
using RowSolver = void (*)(const Task<T>&, T*, T*);

template <Lanes A, class T>
RowSolver<T> row_solver(std::int64_t rows) {
  static constexpr RowSolver<T> of_rows[kMaxRows] = {solve_row<A, 1, T>, solve_row<A, 2, T>, solve_row<A, 3, T>,
                                                     solve_row<A, 4, T>, solve_row<A, 5, T>, solve_row<A, 6, T>};
  return of_rows[rows - 1];
}

template <Lanes A, class T>
void gather_row(const Task<T>& task, std::int64_t h, T* cells, std::int64_t cell) {
  // Image by image: the same pixel of many images often lies in the same set of the cache.
  for (std::int64_t c = 0; c < task.y.size[1]; ++c)
    for (std::int64_t lane = 0; lane < task.count; ++lane) {
      const T* row = &at(task.y, task.image + lane, c, h, 0);
      T* to = cells + c * kPixelLanes<T, A> + lane;
      for (std::int64_t w = 0; w < task.y.size[3]; ++w) to[w * cell] = row[w * task.y.stride[3]];
    }
}

template <Lanes A, class T>
void scatter_row(const Task<T>& task, std::int64_t h, const T* cells, std::int64_t cell) {
  for (std::int64_t c = 0; c < task.x.size[1]; ++c)
    for (std::int64_t lane = 0; lane < task.count; ++lane) {
      const T* from = cells + c * kPixelLanes<T, A> + lane;
      T* row = &at(task.x, task.image + lane, c, h, 0);
      for (std::int64_t w = 0; w < task.x.size[3]; ++w) row[w * task.x.stride[3]] = from[w * cell];
    }
}

template <Lanes A, class T>
void solve(const Task<T>& task) {
  const std::int64_t H = task.y.size[2], W = task.y.size[3], kh = task.kh;
  const std::int64_t cell = task.blocks * task.rows * kLanes<T>;
  const std::int64_t padding = (task.kw - 1) * cell, row = padding + W * cell;
  T* const rhs = task.scratch;
  T* const residual = rhs + W * cell;
  T* const ring = residual + cell;
  std::memset(ring, 0, static_cast<std::size_t>(kh * row) * sizeof(T));
  const auto solve_one = row_solver<A, T>(task.rows);
  for (std::int64_t h = 0; h < H; ++h) {
    for (std::int64_t i = 0; i < kh; ++i) task.rows_above[i] = ring + (h + kh - i) % kh * row;
    gather_row<A>(task, h, rhs, cell);
    solve_one(task, rhs, residual);
    scatter_row<A>(task, h, task.rows_above[0] + padding, cell);
  }
}

}  // namespace

template <class T>
Solver<T> solver() {
  return {kLanes<T>, solve<Lanes::images, T>, solve<Lanes::channels, T>};
}

template Solver<float> solver();
template Solver<double> solver();

}  // namespace invconv::INVCONV_ISA
