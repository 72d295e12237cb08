// Before the recursion: the inverse of each anchor, folded into the taps, in the order in which the solver reads them.
//
//   x_p = K_0^-1 y_p - sum_{t != 0} (K_0^-1 K_t) x_{p-t}
//
// One block a tap and channel group; each inverts the anchor for itself, which costs less than another launch.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>

#include "cuda/block.cuh"

namespace invconv::cuda {

// How the solver keeps pixels and taps. A pixel takes a cell: its channels side by side, in whole vectors, an odd
// number of them so that neighbouring pixels lie in different banks. A slot is one diagonal: rows - H cells of zeros
// and one cell for each row.
struct Layout {
  int vectors;   // that hold the n channels of a pixel
  int cell;      // numbers from one pixel to the next
  int rows;      // cells of a slot
  int slots;     // of the ring
  int channels;  // rows of a folded tap: n, and zeros to a whole number of tiles
  int terms;     // vectors of the sum for one pixel: taps x vectors, and zeros to a multiple of kTermGroup

  INVCONV_BOTH int slot() const { return rows * cell; }
};

// How many diagonals ahead of the recursion y is fetched.
constexpr int kAhead = 3;

// The solver reads its terms in groups that divide this.
constexpr int kTermGroup = 4;

// item / length as a multiplication: each step divides by the length of its diagonal. Exact for item x length < 2^31.
INVCONV_BOTH unsigned reciprocal_of(int length) { return ((1u << 31) + length - 1) / length; }

INVCONV_BOTH int divide(int item, unsigned reciprocal) {
  return static_cast<int>(static_cast<std::uint64_t>(static_cast<unsigned>(item)) * reciprocal >> 31);
}

template <class T>
struct PrepareTask {
  Kernel<const T> kernel;
  Sizes sizes;
  Layout layout;
  T* taps;                 // [group][term][channel out][lane]: K_0^-1, then -K_0^-1 K_t
  int* offsets;            // [slot of the diagonal][term]: from the pixel's cell in slot 0 to what the term multiplies
  unsigned* reciprocals;   // of 1 .. H
  unsigned char* scratch;  // for anchors that are too large for shared memory
};

// Of scratch for one block; with an even number of ints, so that that of the next block is aligned.
INVCONV_BOTH std::size_t prepare_bytes(int n) {
  const std::size_t N = n;
  return 2 * (N * N + N) * sizeof(double) + (N + 1 + (N + 1) % 2) * sizeof(int);
}

// The anchor and its inverse, in double: its error would spread to every pixel.
struct AnchorScratch {
  double *from, *to;
  double *row_unit, *column_unit;  // by which they are scaled, powers of two
  int* order;                      // the row of the anchor that the elimination moved to each row
  int* triangular;
};

INVCONV_DEVICE AnchorScratch anchor_scratch(unsigned char* memory, int n) {
  auto* numbers = reinterpret_cast<double*>(memory);
  const std::ptrdiff_t entries = static_cast<std::ptrdiff_t>(n) * n;
  double* const row_unit = numbers + 2 * entries;
  int* const order = reinterpret_cast<int*>(row_unit + 2 * n);
  return {numbers, numbers + entries, row_unit, row_unit + n, order, order + n};
}

template <class T>
INVCONV_DEVICE void load_anchor(const AnchorScratch& a, const PrepareTask<T>& task, int group, int thread,
                                int threads) {
  const int n = task.sizes.n;
  each_entry(n, n, thread, threads, [&](int c, int d) {
    a.from[c * n + d] = static_cast<double>(*task.kernel.at(n, group, c, d, 0, 0));
  });
}

// What the inverse is multiplied by, its rows in the order of the pivots: -K_t, or the identity for y.
template <class T>
INVCONV_DEVICE void load_factor(const AnchorScratch& a, const PrepareTask<T>& task, int group, int tap, int thread,
                                int threads) {
  const int n = task.sizes.n, i = tap / task.sizes.kw, j = tap % task.sizes.kw;
  each_entry(n, n, thread, threads, [&](int k, int d) {
    const int row = a.order[k];
    const double entry = tap == 0 ? row == d : -static_cast<double>(*task.kernel.at(n, group, row, d, i, j));
    a.to[k * n + d] = entry * a.row_unit[row];
  });
}

// The power of two that brings the largest of n sizes between 1 and 2; 1 for zeros, not a number for what is not finite.
template <class Size>
INVCONV_DEVICE double unit_of(int n, const Size& size) {
  double largest = 0, poison = 0;
  for (int i = 0; i < n; ++i) {
    largest = fmax(largest, fabs(size(i)));
    poison += size(i) - size(i);
  }
  if (!(largest > 0) || poison != 0) return 1 + poison;
  const int exponent = -ilogb(largest);
  return ldexp(1.0, exponent < 1023 ? exponent : 1023);
}

// Bit 0 for an entry behind the diagonal, bit 1 for one before it: a matrix with one of them at most is triangular.
INVCONV_DEVICE int sides_of_row(const double* row, int n, int r) {
  int sides = 0;
  for (int c = 0; c < n; ++c)
    if (c != r && row[c] != 0) sides |= c > r ? 1 : 2;
  return sides;
}

// Rows and then columns are scaled, so that what counts as singular does not depend on their scale: here the factors.
INVCONV_DEVICE void scale_rows(const AnchorScratch& a, int n, int thread, int threads) {
  for (int r = thread; r < n; r += threads) {
    const double* const row = a.from + r * n;
    a.row_unit[r] = unit_of(n, [&](int c) { return row[c]; });
    a.order[r] = r;
    a.to[r] = sides_of_row(row, n, r);
  }
}

INVCONV_DEVICE void scale_columns(const AnchorScratch& a, int n, int thread, int threads) {
  for (int c = thread; c < n; c += threads)
    a.column_unit[c] = unit_of(n, [&](int r) { return a.from[r * n + c] * a.row_unit[r]; });
  if (thread > 0) return;
  int sides = 0;
  for (int r = 0; r < n; ++r) sides |= static_cast<int>(a.to[r]);
  *a.triangular = sides != 3;
}

// Grows with |x| but for the last bits, and compares faster; largest for what is not a number.
INVCONV_DEVICE unsigned rank_of(double x) {
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return static_cast<unsigned>(bits >> 32) & 0x7fffffffu;
}

// Step k of Gauss-Jordan elimination in place, with row pivoting, from one matrix to another: no thread reads what
// another one writes, so that a step needs one barrier. Every thread looks for the pivot itself for the same reason.
// A singular or non-finite anchor turns into NaN entirely, because asking for an error would stop the device. Of a
// triangular one no rows are exchanged, and it is singular only where its diagonal is zero.
INVCONV_DEVICE void eliminate(const AnchorScratch& a, int n, int k, int thread, int threads) {
  int p = k;
  unsigned best = 0;
  for (int r = k; r < n && !*a.triangular; ++r) {
    const unsigned rank = rank_of(a.from[r * n + k]);
    if (rank > best) p = r, best = rank;
  }
  const double pivot = a.from[p * n + k];
  const double tolerance = *a.triangular ? 0 : n * 2.220446049250313e-16;
  const double factor = fabs(pivot) > tolerance ? 1 / pivot : static_cast<double>(NAN);
  each_entry(n, n, thread, threads, [&](int r, int c) {
    const int source = r == k ? p : r == p ? k : r;
    const double first = a.from[source * n + k], scaled = a.from[p * n + c] * factor;
    if (r == k)
      a.to[r * n + c] = c == k ? factor : scaled;
    else
      a.to[r * n + c] = c == k ? -first * factor : a.from[source * n + c] - first * scaled;
  });
  if (thread == 0) {
    const int moved = a.order[k];
    a.order[k] = a.order[p];
    a.order[p] = moved;
  }
}

// Entry (c, d) of the inverse, whose columns stand in the order of the pivots, times the factor.
INVCONV_DEVICE double folded(const AnchorScratch& a, int n, int c, int d) {
  double sum = 0;
#pragma unroll 4
  for (int k = 0; k < n; ++k) sum += a.from[c * n + k] * a.to[k * n + d];
  return sum * a.column_unit[c];
}

// The terms of one tap; behind the last tap as many of zeros as fill the last group.
template <class T>
INVCONV_DEVICE void write_folded(const AnchorScratch& a, const PrepareTask<T>& task, int group, int tap, int thread,
                                 int threads) {
  constexpr int V = Vector<T>::size;
  const Layout& layout = task.layout;
  const int n = task.sizes.n, first = tap * layout.vectors;
  const int count = (tap + 1 == task.sizes.taps() ? layout.terms - first : layout.vectors) * V;
  T* const taps = task.taps + (static_cast<std::int64_t>(group) * layout.terms + first) * layout.channels * V;
  each_entry(layout.channels, count, thread, threads, [&](int c, int d) {
    const T entry = c < n && d < n ? static_cast<T>(folded(a, n, c, d)) : T(0);
    taps[(d / V * layout.channels + c) * V + d % V] = entry;
  });
}

// y of diagonal d lies in slot d of the ring, x of diagonal d in slot d - 1, where y of d - 1 is no longer needed.
// Terms of zeros read y, which is there for every pixel.
template <class T>
INVCONV_DEVICE void write_offsets(const PrepareTask<T>& task, int thread, int threads) {
  const Layout& layout = task.layout;
  for (int e = thread; e < layout.slots * layout.terms; e += threads) {
    const int slot = e / layout.terms, term = e % layout.terms, tap = term / layout.vectors;
    const int i = tap / task.sizes.kw, j = tap % task.sizes.kw;
    const int of_x = (slot + layout.slots - i - j - 1) % layout.slots * layout.slot() - i * layout.cell;
    const int vector = term % layout.vectors * Vector<T>::size;
    task.offsets[e] = tap == 0 || tap >= task.sizes.taps() ? slot * layout.slot() + vector * (tap == 0) : of_x + vector;
  }
  for (int length = 1 + thread; length <= task.sizes.H; length += threads)
    task.reciprocals[length] = reciprocal_of(length);
}

template <bool shared, class Block, class T>
INVCONV_DEVICE void prepare(Block& block, const PrepareTask<T>& task) {
  const int taps = task.sizes.taps(), n = task.sizes.n, threads = block.threads;
  const int group = static_cast<int>(block.index / taps), tap = static_cast<int>(block.index % taps);
  AnchorScratch a = anchor_scratch(shared ? block.shared : task.scratch + block.index * prepare_bytes(n), n);
  const auto exchange = [&a] {
    double* const from = a.from;
    a.from = a.to;
    a.to = from;
  };
  block.phase([&](int thread) { load_anchor(a, task, group, thread, threads); });
  block.phase([&](int thread) { scale_rows(a, n, thread, threads); });
  block.phase([&](int thread) { scale_columns(a, n, thread, threads); });
  block.phase([&](int thread) {
    each_entry(n, n, thread, threads, [&](int r, int c) { a.from[r * n + c] *= a.row_unit[r] * a.column_unit[c]; });
  });
  for (int k = 0; k < n; ++k) {
    block.phase([&](int thread) { eliminate(a, n, k, thread, threads); });
    exchange();
  }
  block.phase([&](int thread) { load_factor(a, task, group, tap, thread, threads); });
  block.phase([&](int thread) {
    write_folded(a, task, group, tap, thread, threads);
    if (block.index == 0) write_offsets(task, thread, threads);
  });
}

}  // namespace invconv::cuda
