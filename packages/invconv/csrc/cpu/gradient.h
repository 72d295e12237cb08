// The gradient of the kernel: the sum over images and pixels of v_p x_{p-t}^T for every tap t.
// Included by what is compiled once for each instruction set.
#pragma once

#include "cpu/frame.h"

namespace invconv::INVCONV_ISA {
namespace {

template <class T>
struct Operands {
  Frame<T> v, x;
  std::int64_t rows, W;
};

// One tap and one block of channels out with `count` channels in, of which P at once.
template <Lanes A, int R, int P, class T>
void add_products(const Operands<T>& from, const T* v, const T* x, std::int64_t count, T* sums) {
  constexpr int pixel = kPixelLanes<T, A>;
  constexpr std::int64_t block = R * kLanes<T>;
  Register<T> sum[P][R];
  for (; count >= P; count -= P, x += P * pixel, sums += P * block) {
    read<R, P>(sum, sums, block);
    for (std::int64_t h = 0; h < from.rows; ++h)
      multiply_add<kLanes<T>, pixel>(sum, v + h * from.v.row, from.v.cell, x + h * from.x.row, from.x.cell, pixel,
                                     from.W);
    write<R, P>(sum, sums, block);
  }
  if constexpr (P > 1) add_products<A, R, P / 2>(from, v, x, count, sums);
}

template <Lanes A, int R, class T>
void add_band(const GradientTask<T>& task, const Operands<T>& from) {
  constexpr std::int64_t block = R * kLanes<T>;
  const std::int64_t n = task.x.size[1];
  T* sums = task.sums;
  for (std::int64_t start = 0; start < task.cell; start += block)
    for (std::int64_t i = task.kh - 1; i >= 0; --i)
      for (std::int64_t j = task.kw - 1; j >= 0; --j, sums += n * block)
        add_products<A, R, kPixels<R>>(from, from.v.at(0, 0, 0) + start, from.x.at(0, -i, -j), n, sums);
}

// The rows from `top` on of a unit, as far as a band goes, by blocks of columns.
template <Lanes A, int R, class T>
void add_rows(const GradientTask<T>& task, std::int64_t unit, std::int64_t top, Operands<T> from) {
  const std::int64_t H = task.x.size[2], W = task.x.size[3], above = task.kh - 1;
  from.rows = H - top < task.band ? H - top : task.band;
  for (std::int64_t start = 0; start < W; start += task.columns) {
    if (task.columns < W) from.x.start_columns(0, task.band, start ? task.columns : 0);
    const View<const T> x = columns_of(task.x, start, task.columns), v = columns_of(task.v, start, task.columns);
    from.W = x.size[3];
    for (std::int64_t h = -above; h < from.rows; ++h) {
      if (top + h < 0)
        from.x.clear(0, h, 1);
      else
        gather_row<A>(x, unit, top + h, from.x.at(0, h, 0), task.cell);
      if (h >= 0) gather_row<A>(v, unit, top + h, from.v.at(0, h, 0), task.cell);
    }
    add_band<A, R>(task, from);
  }
}

template <Lanes A, int R, class T>
void add_gradient_of_rows(const GradientTask<T>& task, std::int64_t begin, std::int64_t end, T* scratch) {
  std::memset(scratch, 0, static_cast<std::size_t>(gradient_scratch(task)) * sizeof(T));
  Operands<T> from{};
  from.x = frame_of(task, task.columns, task.band, task.kh - 1, scratch);
  from.v = frame_of(task, task.columns, task.band, 0, scratch + from.x.unit);
  const std::int64_t bands = (task.x.size[2] + task.band - 1) / task.band;
  for (; begin < end; ++begin) add_rows<A, R>(task, begin / bands, begin % bands * task.band, from);
}

template <Lanes A, class T>
void add_gradient(const GradientTask<T>& task, std::int64_t begin, std::int64_t end, T* scratch) {
  with_rows(task.rows, [&](auto R) { add_gradient_of_rows<A, R.value>(task, begin, end, scratch); });
}

}  // namespace
}  // namespace invconv::INVCONV_ISA
