// A band of rows of one or several units in scratch memory. Included by what is compiled once for each instruction set.
#pragma once

#include "cpu/registers.h"

namespace invconv::INVCONV_ISA {
namespace {

// Every pixel is a cell of whole registers. Above the band lie the rows that the taps reach back to, to the left of it
// columns of zeros.
template <class T>
struct Frame {
  T* data;
  std::int64_t above, left;      // rows and columns
  std::int64_t cell, row, unit;  // strides

  T* at(std::int64_t u, std::int64_t h, std::int64_t w) const {
    return data + u * unit + (h + above) * row + (w + left) * cell;
  }
  T* row_start(std::int64_t u, std::int64_t h) const { return at(u, h, -left); }
  void clear(std::int64_t u, std::int64_t h, std::int64_t rows) const {
    std::memset(row_start(u, h), 0, static_cast<std::size_t>(rows * row) * sizeof(T));
  }
  // The columns to the left of the next block: the last ones of the `columns` before it, or zeros.
  void start_columns(std::int64_t u, std::int64_t rows, std::int64_t columns) const {
    const auto bytes = static_cast<std::size_t>(left * cell) * sizeof(T);
    for (std::int64_t h = -above; h < rows; ++h)
      if (columns)
        std::memmove(row_start(u, h), at(u, h, columns - left), bytes);
      else
        std::memset(row_start(u, h), 0, bytes);
  }
};

template <class Task, class T>
Frame<T> frame_of(const Task& task, std::int64_t W, std::int64_t rows, std::int64_t above, T* data) {
  const std::int64_t row = row_size(task, W);
  return {data, above, task.kw - 1, task.cell, row, (above + rows) * row};
}

// At most `columns` columns of images from `start` on.
template <class T>
View<T> columns_of(View<T> images, std::int64_t start, std::int64_t columns) {
  const std::int64_t rest = images.size[3] - start;
  images.data += start * images.stride[3];
  images.size[3] = rest < columns ? rest : columns;
  return images;
}

template <Lanes A, class View>
std::int64_t images_of(const View& view, std::int64_t unit, std::int64_t lanes) {
  const std::int64_t rest = view.size[0] - unit * lanes;
  return A == Lanes::channels ? 1 : rest < lanes ? rest : lanes;
}

// One row of a unit, from the image into cells.
template <Lanes A, class T>
void gather_row(const View<const T>& view, std::int64_t unit, std::int64_t h, T* cells, std::int64_t cell) {
  const std::int64_t n = view.size[1], W = view.size[3], lanes = kLanes<T>;
  if constexpr (A == Lanes::channels) {
    gather<T>({&at(view, unit, 0, h, 0), view.stride[1], view.stride[3], cells, cell, n, W});
  } else {
    const std::int64_t images = images_of<A>(view, unit, lanes);
    if (images < lanes) std::memset(cells, 0, static_cast<std::size_t>(W * cell) * sizeof(T));
    for (std::int64_t c = 0; c < n; ++c)
      gather<T>({&at(view, unit * lanes, c, h, 0), view.stride[0], view.stride[3], cells + c * lanes, cell, images, W});
  }
}

template <Lanes A, class T>
void scatter_row(const View<T>& view, std::int64_t unit, std::int64_t h, const T* cells, std::int64_t cell) {
  const std::int64_t n = view.size[1], W = view.size[3], lanes = kLanes<T>;
  if constexpr (A == Lanes::channels) {
    scatter<T>({&at(view, unit, 0, h, 0), view.stride[1], view.stride[3], cells, cell, n, W});
  } else {
    const std::int64_t images = images_of<A>(view, unit, lanes);
    for (std::int64_t c = 0; c < n; ++c)
      scatter<T>({&at(view, unit * lanes, c, h, 0), view.stride[0], view.stride[3], cells + c * lanes, cell, images, W});
  }
}

}  // namespace
}  // namespace invconv::INVCONV_ISA
