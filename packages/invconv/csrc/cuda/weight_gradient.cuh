// The gradient of a loss with respect to the taps, dK_t = -sum over images and pixels of v_p x_{p-t}^T.
//
// First each block sums over its pieces of images, then one thread for each entry sums over the blocks, always in the
// same order: no atomics, and the same bits every time. A thread of a block owns 4 channels of v times 4 of x for one
// tap; several threads share the pixels of a piece out among them (slices).
#pragma once

#include "cuda/block.cuh"

namespace invconv::cuda {

constexpr int kEdge = 4;  // of the square of channels that a thread owns
constexpr int kSquare = kEdge * kEdge;

struct GradientLayout {
  int rows, columns;                // of a piece
  int row_pieces, column_pieces;    // of an image
  int channels, channel_blocks;     // of v, and of x, that a block holds
  int cell;                         // numbers from one pixel to the next
  int taps, tap_blocks;             // that a block computes
  int slices;
  std::int64_t units, chunks;       // pieces of all images, and over how many blocks they are spread

  INVCONV_BOTH int edge_tiles() const { return channels / kEdge; }
  INVCONV_BOTH int tiles() const { return taps * edge_tiles() * edge_tiles(); }
  INVCONV_BOTH int tile_blocks() const { return tap_blocks * channel_blocks * channel_blocks; }
};

template <class T>
struct GradientTask {
  Strided<const T> v, x;
  Sizes sizes;
  Corners corners;
  GradientLayout layout;
  T* partial;  // [chunk][group][tap][channel of v][channel of x]
};

INVCONV_BOTH std::int64_t piece_numbers(const Sizes& sizes, const GradientLayout& layout) {
  const std::int64_t of_x = static_cast<std::int64_t>(layout.rows + sizes.kh - 1) * (layout.columns + sizes.kw - 1);
  return (of_x + static_cast<std::int64_t>(layout.rows) * layout.columns) * layout.cell;
}

// What a block computes, and the part of it that a thread does.
struct GradientTile {
  int group, first_tap, first_out, first_in;
  std::int64_t chunk;
};

INVCONV_DEVICE GradientTile gradient_tile(std::int64_t block, const Sizes& sizes, const GradientLayout& layout) {
  const int tile = static_cast<int>(block % layout.tile_blocks());
  const std::int64_t rest = block / layout.tile_blocks();
  return {static_cast<int>(rest % sizes.groups),
          tile / (layout.channel_blocks * layout.channel_blocks) * layout.taps,
          tile / layout.channel_blocks % layout.channel_blocks * layout.channels,
          tile % layout.channel_blocks * layout.channels, rest / sizes.groups};
}

struct ThreadTile {
  int slice, tap, out, in;
};

INVCONV_DEVICE ThreadTile thread_tile(int thread, const GradientLayout& layout) {
  const int tile = thread % layout.tiles(), edge = layout.edge_tiles();
  return {thread / layout.tiles(), tile / (edge * edge), tile / edge % edge * kEdge, tile % edge * kEdge};
}

// Rows and columns of an image, some of which may lie outside of it, as cells; zeros outside and behind channel n.
template <class T>
INVCONV_DEVICE void load_piece(T* to, const Plane<const T>& plane, const Sizes& sizes, int channels, int cell,
                               int first_channel, int first_row, int first_column, int rows, int columns, int thread,
                               int threads) {
  each_entry(channels * rows, columns, thread, threads, [&](int line, int column) {
    const int c = line / rows, row = line % rows, h = first_row + row, w = first_column + column;
    const bool inside = first_channel + c < sizes.n && h >= 0 && h < sizes.H && w >= 0 && w < sizes.W;
    to[(row * columns + column) * cell + c] = inside ? *plane.at(c, h, w) : T(0);
  });
}

template <class T>
struct alignas(kVectorBytes) Four {
  T lane[kEdge];
};

template <class T>
struct Square {
  T sum[kEdge][kEdge] = {};

  INVCONV_DEVICE void add_product(const T* v, const T* x) {
    const Four<T> a = *reinterpret_cast<const Four<T>*>(v), b = *reinterpret_cast<const Four<T>*>(x);
#pragma unroll
    for (int c = 0; c < kEdge; ++c)
#pragma unroll
      for (int d = 0; d < kEdge; ++d) sum[c][d] += a.lane[c] * b.lane[d];
  }
};

// Adds what every `slices`-th pixel of a piece contributes to this thread's square.
template <class T>
INVCONV_DEVICE void add_piece(Square<T>& square, const T* x, const T* v, const GradientTask<T>& task, int first_tap,
                              int thread) {
  const GradientLayout& layout = task.layout;
  const ThreadTile tile = thread_tile(thread, layout);
  const int tap = first_tap + tile.tap;
  if (tile.slice >= layout.slices || tap >= task.sizes.taps()) return;
  const int i = tap / task.sizes.kw, j = tap % task.sizes.kw, x_columns = layout.columns + task.sizes.kw - 1;
  const T* const shifted = x + ((task.sizes.kh - 1 - i) * x_columns + task.sizes.kw - 1 - j) * layout.cell + tile.in;
  const T* const own = v + tile.out;
  int row = 0, column = tile.slice;
  for (int pixel = tile.slice; pixel < layout.rows * layout.columns; pixel += layout.slices) {
    for (; column >= layout.columns; column -= layout.columns) ++row;
    square.add_product(own + pixel * layout.cell, shifted + (row * x_columns + column) * layout.cell);
    column += layout.slices;
  }
}

// Sums the squares of all slices and writes those of them that belong to a channel and a tap.
template <class T>
INVCONV_DEVICE void write_partial(const T* squares, const GradientTask<T>& task, const GradientTile& tile, int thread,
                                  int threads) {
  const GradientLayout& layout = task.layout;
  const int n = task.sizes.n, taps = task.sizes.taps(), size = layout.tiles() * kSquare;
  for (int e = thread; e < size; e += threads) {
    const ThreadTile own = thread_tile(e / kSquare, layout);
    const int tap = tile.first_tap + own.tap, c = tile.first_out + own.out + e % kSquare / kEdge;
    const int d = tile.first_in + own.in + e % kEdge;
    if (tap >= taps || c >= n || d >= n) continue;
    T sum = 0;
    for (int slice = 0; slice < layout.slices; ++slice) sum += squares[slice * size + e];
    const std::int64_t matrix = (tile.chunk * task.sizes.groups + tile.group) * taps + tap;
    task.partial[(matrix * n + c) * n + d] = sum;
  }
}

template <class Block, class T>
INVCONV_DEVICE void sum_over_pieces(Block& block, const GradientTask<T>& task) {
  const Sizes& sizes = task.sizes;
  const GradientLayout& layout = task.layout;
  const int threads = block.threads, x_rows = layout.rows + sizes.kh - 1, x_columns = layout.columns + sizes.kw - 1;
  const GradientTile tile = gradient_tile(block.index, sizes, layout);
  auto* const x_piece = reinterpret_cast<T*>(block.shared);
  T* const v_piece = x_piece + x_rows * x_columns * layout.cell;
  typename Block::template PerThread<Square<T>> squares(block);
  const std::int64_t end = layout.units * (tile.chunk + 1) / layout.chunks;
  for (std::int64_t unit = layout.units * tile.chunk / layout.chunks; unit < end; ++unit) {
    const int column = static_cast<int>(unit % layout.column_pieces) * layout.columns;
    const int row = static_cast<int>(unit / layout.column_pieces % layout.row_pieces) * layout.rows;
    const std::int64_t image = unit / layout.column_pieces / layout.row_pieces;
    const auto x = plane_of(task.x, sizes, task.corners, image, tile.group, tile.first_in);
    const auto v = plane_of(task.v, sizes, task.corners, image, tile.group, tile.first_out);
    block.phase([&](int thread) {
      load_piece(x_piece, x, sizes, layout.channels, layout.cell, tile.first_in, row - sizes.kh + 1,
                 column - sizes.kw + 1, x_rows, x_columns, thread, threads);
      load_piece(v_piece, v, sizes, layout.channels, layout.cell, tile.first_out, row, column, layout.rows,
                 layout.columns, thread, threads);
    });
    block.phase(
        [&](int thread) { add_piece(squares[thread], x_piece, v_piece, task, tile.first_tap, thread); });
  }
  auto* const sums = reinterpret_cast<T*>(block.shared);
  block.phase([&](int thread) {
    if (thread < layout.slices * layout.tiles())
      for (int e = 0; e < kSquare; ++e) sums[thread * kSquare + e] = squares[thread].sum[e / kEdge][e % kEdge];
  });
  block.phase([&](int thread) { write_partial(sums, task, tile, thread, threads); });
}

template <class T>
struct ReduceTask {
  const T* partial;
  std::int64_t chunks;
  Sizes sizes;
  Kernel<T> gradient;
};

constexpr int kReduceEntries = 32;  // that a block sums up, side by side in memory
constexpr int kReduceParts = 8;     // over which it spreads the chunks

// Entry (c, d) of tap (i, j), for all taps as stored: those that only meet the padding get 0.
template <class T>
INVCONV_DEVICE void write_gradient(const ReduceTask<T>& task, int entry, double sum) {
  const int n = task.sizes.n, c = entry / n % n, matrix = entry / n / n;
  const int taps = task.gradient.kh * task.gradient.kw, tap = matrix % taps;
  *task.gradient.at(n, matrix / taps, c, entry % n, tap / task.gradient.kw, tap % task.gradient.kw) =
      static_cast<T>(-sum);
}

// Where an entry of all taps as stored lies among the taps that were computed; -1 for one that was left out.
template <class T>
INVCONV_DEVICE int computed_entry(const ReduceTask<T>& task, int entry) {
  const int square = task.sizes.n * task.sizes.n, matrix = entry / square;
  const int stored = task.gradient.kh * task.gradient.kw, tap = matrix % stored;
  const int i = tap / task.gradient.kw, j = tap % task.gradient.kw;
  if (i >= task.sizes.kh || j >= task.sizes.kw) return -1;
  return (matrix / stored * task.sizes.taps() + i * task.sizes.kw + j) * square + entry % square;
}

template <class Block, class T>
INVCONV_DEVICE void sum_over_chunks(Block& block, const ReduceTask<T>& task) {
  const int square = task.sizes.n * task.sizes.n * task.sizes.groups;
  const int entries = square * task.gradient.kh * task.gradient.kw;
  const int first = static_cast<int>(block.index) * kReduceEntries;
  const std::int64_t chunk_size = static_cast<std::int64_t>(square) * task.sizes.taps();
  auto* const sums = reinterpret_cast<double*>(block.shared);
  block.phase([&](int thread) {
    const int entry = first + thread % kReduceEntries, from = entry < entries ? computed_entry(task, entry) : -1;
    double sum = 0;
    if (from >= 0) {
#pragma unroll 4
      for (std::int64_t chunk = thread / kReduceEntries; chunk < task.chunks; chunk += kReduceParts)
        sum += static_cast<double>(task.partial[chunk * chunk_size + from]);
    }
    sums[thread] = sum;
  });
  block.phase([&](int thread) {
    const int entry = first + thread;
    if (thread >= kReduceEntries || entry >= entries) return;
    double sum = 0;
    for (int part = 0; part < kReduceParts; ++part) sum += sums[part * kReduceEntries + thread];
    write_gradient(task, entry, sum);
  });
}

}  // namespace invconv::cuda
