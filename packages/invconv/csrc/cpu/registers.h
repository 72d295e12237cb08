// Registers, and how pixels get into them and back. Included by what is compiled once for each instruction set.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#ifdef __AVX__
#include <immintrin.h>
#endif

#include "cpu/kernels.h"

namespace invconv::INVCONV_ISA {
namespace {

template <class T, int Bytes>
struct VectorOf {
  typedef T type __attribute__((vector_size(Bytes)));
};

template <class T>
constexpr int kLanes = INVCONV_VECTOR_BYTES / static_cast<int>(sizeof(T));

template <class T>
using Register = typename VectorOf<T, INVCONV_VECTOR_BYTES>::type;

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

// Calls function(R) with the number of registers of a block, which the compiler then knows.
template <int R = 1, class Function>
inline void with_rows(std::int64_t rows, const Function& function) {
  if (rows == R)
    function(std::integral_constant<int, R>{});
  else if constexpr (R < kMaxRows)
    with_rows<R + 1>(rows, function);
}

// As many pixels at once as leave registers for the operands.
template <int R>
constexpr int kPixels = 8 * R <= INVCONV_SUM_REGISTERS ? 8 : 4 * R <= INVCONV_SUM_REGISTERS ? 4 : 2;

// sum[p][r] += a[r] b[p] over `count` steps, whose operands are a_step, b_step numbers apart; b[p] are b_stride apart.
template <int ALanes, int BLanes, int R, int P, class T>
inline void multiply_add(Register<T> (&sum)[P][R], const T* a, std::int64_t a_step, const T* b, std::int64_t b_step,
                         std::int64_t b_stride, std::int64_t count) {
  for (; count > 0; --count, a += a_step, b += b_step) {
    // The fewer of the operands stay in registers, the others pass by.
    if constexpr (R < P) {
      decltype(load<ALanes>(a)) kept[R];
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) kept[r] = load<ALanes>(a + r * ALanes);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) sum[p][r] += kept[r] * load<BLanes>(b + p * b_stride);
    } else {
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) sum[p][r] += load<ALanes>(a + r * ALanes) * load<BLanes>(b + p * b_stride);
    }
  }
}

template <int R, int P, class T>
inline void read(Register<T> (&sum)[P][R], const T* from, std::int64_t stride) {
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum[p][r] = load<kLanes<T>>(from + p * stride + r * kLanes<T>);
}

template <int R, int P, class T>
inline void write(const Register<T> (&sum)[P][R], T* to, std::int64_t stride) {
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) std::memcpy(to + p * stride + r * kLanes<T>, &sum[p][r], sizeof sum[p][r]);
}

template <int R, int P, class T>
inline void clear(Register<T> (&sum)[P][R]) {
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum[p][r] = Register<T>{};
}

// A square block of the image, small enough for the registers, is turned in them: half as many bytes as AVX-512 has do.
constexpr int kBlockBytes = INVCONV_VECTOR_BYTES < 32 ? INVCONV_VECTOR_BYTES : 32;
template <class T>
constexpr int kBlock = kBlockBytes / static_cast<int>(sizeof(T));
template <class T>
using BlockRow = typename VectorOf<T, kBlockBytes>::type;

template <class T>
inline BlockRow<T> load_row(const T* p) {
  BlockRow<T> row;
  std::memcpy(&row, p, sizeof row);
  return row;
}

template <int First, class V, int... I>
inline V interleave(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int n = sizeof...(I);
  return __builtin_shufflevector(a, b, (First + I / 2 + (I % 2) * n)...);
}

// rows[i][j] <- rows[j][i]: every pass interleaves the lower half of the rows with the upper.
template <class T>
inline void transpose(BlockRow<T> (&rows)[kBlock<T>]) {
  constexpr int n = kBlock<T>;
  constexpr std::make_integer_sequence<int, n> all;
#pragma GCC unroll 3
  for (int pass = 1; pass < n; pass *= 2) {
    BlockRow<T> next[n];
#pragma GCC unroll 4
    for (int i = 0; i < n / 2; ++i) {
      next[2 * i] = interleave<0>(rows[i], rows[i + n / 2], all);
      next[2 * i + 1] = interleave<n / 2>(rows[i], rows[i + n / 2], all);
    }
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) rows[i] = next[i];
  }
}

// A plane [lanes, columns] of an image and the same plane with its lanes side by side in cells.
template <class Image, class Cell>
struct Plane {
  Image* image;
  std::int64_t lane, column;  // strides in the image
  Cell* cells;
  std::int64_t cell;  // stride of the columns there
  std::int64_t lanes, columns;
};

// The same plane read from the right, if that makes its columns neighbours in memory.
template <class Image, class Cell>
inline Plane<Image, Cell> forwards(Plane<Image, Cell> plane) {
  if (plane.column != -1) return plane;
  plane.image -= plane.columns - 1;
  plane.cells += (plane.columns - 1) * plane.cell;
  return {plane.image, plane.lane, 1, plane.cells, -plane.cell, plane.lanes, plane.columns};
}

// Calls move(image, cell) for each number, whatever the strides.
template <class Image, class Cell, class Move>
inline void for_each_number(const Plane<Image, Cell>& plane, const Move& move) {
  for (std::int64_t l = 0; l < plane.lanes; ++l)
    for (std::int64_t w = 0; w < plane.columns; ++w)
      move(plane.image[l * plane.lane + w * plane.column], plane.cells[w * plane.cell + l]);
}

// Calls move(lane, lanes, column) for blocks that cover the plane; the last ones overlap those before them.
template <int N, class Move>
inline void for_each_block(std::int64_t lanes, std::int64_t columns, const Move& move) {
  for (std::int64_t lane = 0; lane < lanes; lane += N)
    for (std::int64_t column = 0; column < columns; column += N)
      move(lane, lanes - lane < N ? lanes - lane : N, column + N <= columns ? column : columns - N);
}

template <class T>
inline void gather(Plane<const T, T> plane) {
  constexpr int n = kBlock<T>;
  plane = forwards(plane);
  if (plane.lane == 1) {
    for (std::int64_t w = 0; w < plane.columns; ++w)
      std::memcpy(plane.cells + w * plane.cell, plane.image + w * plane.column, plane.lanes * sizeof(T));
    return;
  }
  if (plane.column != 1 || plane.columns < n) {
    for_each_number(plane, [](const T& image, T& cell) { cell = image; });
    return;
  }
  for_each_block<n>(plane.lanes, plane.columns, [&](std::int64_t lane, std::int64_t lanes, std::int64_t column) {
    BlockRow<T> rows[n];
    const T* const image = plane.image + lane * plane.lane + column;
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i)
      rows[i] = i < lanes ? load_row<T>(image + i * plane.lane) : BlockRow<T>{};
    transpose<T>(rows);
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) std::memcpy(plane.cells + (column + i) * plane.cell + lane, &rows[i], sizeof rows[i]);
  });
}

// Memory is not read before it is written, and the caches keep what they have: where the address allows it.
template <class T>
inline void write_past_caches(T* to, BlockRow<T> row) {
#ifdef __AVX__
  if (reinterpret_cast<std::uintptr_t>(to) % sizeof row == 0) return _mm256_stream_si256(reinterpret_cast<__m256i*>(to), (__m256i)row);
#endif
  std::memcpy(to, &row, sizeof row);
}

// Before others may read what was written so.
inline void finish_writes_past_caches() {
#ifdef __AVX__
  _mm_sfence();
#endif
}

template <class T>
inline void scatter(Plane<T, const T> plane, bool past_caches = false) {
  constexpr int n = kBlock<T>;
  plane = forwards(plane);
  if (plane.lane == 1) {
    for (std::int64_t w = 0; w < plane.columns; ++w)
      std::memcpy(plane.image + w * plane.column, plane.cells + w * plane.cell, plane.lanes * sizeof(T));
    return;
  }
  if (plane.column != 1 || plane.columns < n) {
    for_each_number(plane, [](T& image, const T& cell) { image = cell; });
    return;
  }
  for_each_block<n>(plane.lanes, plane.columns, [&](std::int64_t lane, std::int64_t lanes, std::int64_t column) {
    BlockRow<T> rows[n];
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) rows[i] = load_row<T>(plane.cells + (column + i) * plane.cell + lane);
    transpose<T>(rows);
    T* const image = plane.image + lane * plane.lane + column;
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i)
      if (i < lanes && past_caches)
        write_past_caches<T>(image + i * plane.lane, rows[i]);
      else if (i < lanes)
        std::memcpy(image + i * plane.lane, &rows[i], sizeof rows[i]);
  });
}

}  // namespace
}  // namespace invconv::INVCONV_ISA
