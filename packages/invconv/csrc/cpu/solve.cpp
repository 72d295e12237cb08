// Back substitution: x_p = K_0^-1 (y_p - sum_{t != 0} K_t x_{p-t}).
//
// Several pixels that do not need each other are solved together, so that an entry of the kernel is read once for all:
// the same pixel of several units, or the pixels of one anti-diagonal. In memory both are at a constant distance.

#include "cpu/frame.h"
#include "cpu/gradient.h"

namespace invconv::INVCONV_ISA {
namespace {

// Pixels on which the same taps act.
template <class T>
struct Pixels {
  T* first;
  std::int64_t stride, count;
  std::int64_t up, left;  // how far the taps reach: no farther than the image
};

// P pixels in place, y to x.
template <Lanes A, int R, int P, class T>
void solve_pixels(const Task<T>& task, const Frame<T>& frame, const Pixels<T>& pixels, T* residual) {
  constexpr int kernel = kKernelLanes<T, A>, pixel = kPixelLanes<T, A>;
  constexpr std::int64_t entry = R * kernel, block = R * kLanes<T>;
  const std::int64_t n = task.y.size[1], stride = pixels.stride;
  const T* taps = task.taps;
  Register<T> sum[P][R];
  for (std::int64_t start = 0; start < frame.cell; start += block, taps += (task.kh * task.kw - 1) * n * entry) {
    T* const x = pixels.first + start;
    read<R, P>(sum, x, stride);
    for (std::int64_t i = pixels.up; i >= 0; --i)
      for (std::int64_t j = pixels.left; j >= (i == 0); --j)
        multiply_add<kernel, pixel>(sum, taps + ((task.kh - 1 - i) * task.kw + task.kw - 1 - j) * n * entry, entry,
                                    pixels.first - i * frame.row - j * frame.cell, pixel, stride, n);
    write<R, P>(sum, residual + start, frame.cell);
  }
  const T* anchor = task.anchor;
  for (std::int64_t start = 0; start < frame.cell; start += block, anchor += n * entry) {
    clear<R, P, T>(sum);
    multiply_add<kernel, pixel>(sum, anchor, entry, residual, pixel, frame.cell, n);
    write<R, P>(sum, pixels.first + start, stride);
  }
}

template <Lanes A, int R, int P, class T>
void solve_run(const Task<T>& task, const Frame<T>& frame, Pixels<T> pixels, T* residual) {
  for (; pixels.count >= P; pixels.count -= P, pixels.first += P * pixels.stride)
    solve_pixels<A, R, P>(task, frame, pixels, residual);
  if constexpr (P > 1) solve_run<A, R, P / 2>(task, frame, pixels, residual);
}

// The rows h, ... of a unit, at most kPixels of them, along their anti-diagonals. The neighbours in the team that solve
// the rows above and below share their progress; without a team there are none.
template <Lanes A, int R, class T>
void solve_rows(const Task<T>& task, const Frame<T>& frame, std::int64_t h, std::int64_t rows, T* residual,
                const std::int64_t* above, std::int64_t* mine) {
  const std::int64_t W = task.y.size[3], steps = W + rows - 1, steps_above = W + kPixels<R> - 1;
  for (std::int64_t s = 0; s < steps; ++s) {
    const std::int64_t first = s < W ? 0 : s - W + 1, last = s < rows ? s : rows - 1;
    const std::int64_t needed = s + kPixels<R>;
    if (above) wait_for(above, needed < steps_above ? needed : steps_above);
    const Pixels<T> pixels{frame.at(0, h + first, s - first), frame.row - frame.cell, last - first + 1, task.kh - 1,
                           task.kw - 1};
    solve_run<A, R, kPixels<R>>(task, frame, pixels, residual);
    if (mine) __atomic_store_n(mine, s + 1, __ATOMIC_RELEASE);
  }
}

// One pixel after the other of a row, each of all units at once.
template <Lanes A, int R, class T>
void solve_side_by_side(const Task<T>& task, const Frame<T>& frame, std::int64_t units, std::int64_t h,
                        std::int64_t rows_above, std::int64_t first_column, T* residual) {
  const std::int64_t up = rows_above < task.kh ? rows_above : task.kh - 1;
  for (std::int64_t w = 0; w < task.y.size[3]; ++w) {
    const std::int64_t left = first_column + w < task.kw ? first_column + w : task.kw - 1;
    solve_run<A, R, kPixels<R>>(task, frame, Pixels<T>{frame.at(0, h, w), frame.unit, units, up, left}, residual);
  }
}

// So many sums keep the arithmetic busy: as many multiply-adds are under way at a time.
constexpr int kBusy = 6;

// How many of the units that remain are solved together: enough for that, or else 1, along the anti-diagonals, which are
// short at the corners.
template <int R>
std::int64_t side_by_side(std::int64_t units) {
  for (int P = kPixels<R>; P > 1; P /= 2)
    if (units >= P && P * R >= kBusy) return P;
  return 1;
}

// Units from `first` on, pixel by pixel or along anti-diagonals, by strips of rows. The task is that of columns from
// `first_column` on; those before it that the taps reach back to are in the frame.
template <Lanes A, int R, class T>
void solve_units(const Task<T>& task, std::int64_t first, std::int64_t units, std::int64_t first_column,
                 const Frame<T>& frame, T* residual) {
  const bool by_pixels = units * R >= kBusy;
  const std::int64_t H = task.y.size[2], above = frame.above, strip = by_pixels ? 1 : kPixels<R>;
  for (std::int64_t u = 0; u < units; ++u) frame.clear(u, -above, above);
  for (std::int64_t top = 0; top < H; top += strip) {
    const std::int64_t h = top % task.band, rows = H - top < strip ? H - top : strip;
    for (std::int64_t u = 0; u < units; ++u) {
      if (h == 0 && top > 0)
        std::memmove(frame.row_start(u, -above), frame.row_start(u, task.band - above),
                     static_cast<std::size_t>(above * frame.row) * sizeof(T));
      for (std::int64_t i = 0; i < rows; ++i)
        gather_row<A>(task.y, first + u, top + i, frame.at(u, h + i, 0), frame.cell);
    }
    if (by_pixels)
      solve_side_by_side<A, R>(task, frame, units, h, top, first_column, residual);
    else
      solve_rows<A, R>(task, frame, h, rows, residual, nullptr, nullptr);
    for (std::int64_t u = 0; u < units; ++u)
      for (std::int64_t i = 0; i < rows; ++i)
        scatter_row<A>(task.x, first + u, top + i, frame.at(u, h + i, 0), frame.cell);
  }
}

// Units from `first` on, by blocks of columns.
template <Lanes A, int R, class T>
void solve_columns(const Task<T>& task, std::int64_t first, std::int64_t units, const Frame<T>& frame, T* residual) {
  const std::int64_t W = task.y.size[3];
  for (std::int64_t start = 0; start < W; start += task.columns) {
    for (std::int64_t u = 0; task.columns < W && u < units; ++u) frame.start_columns(u, task.band, start ? task.columns : 0);
    Task<T> part = task;
    part.y = columns_of(task.y, start, task.columns);
    part.x = columns_of(task.x, start, task.columns);
    solve_units<A, R>(part, first, units, start, frame, residual);
  }
}

template <Lanes A, int R, class T>
void solve_of_rows(const Task<T>& task, std::int64_t begin, std::int64_t end, T* scratch) {
  T* const residual = scratch;
  const auto frame = frame_of(task, task.columns, task.band, task.kh - 1, residual + kMaxPixels * task.cell);
  std::memset(scratch, 0, static_cast<std::size_t>(solve_scratch(task, end - begin)) * sizeof(T));
  while (begin < end) {
    const std::int64_t units = side_by_side<R>(end - begin);
    solve_columns<A, R>(task, begin, units, frame, residual);
    begin += units;
  }
}

template <Lanes A, int R, class T>
void solve_together_of_rows(const Task<T>& task, std::int64_t unit, const Team& team, T* scratch) {
  const std::int64_t H = task.y.size[2];
  T* const residual = scratch + team.member * kMaxPixels * task.cell;
  const auto frame =
      frame_of(task, task.y.size[3], H, task.kh - 1, scratch + team.size * kMaxPixels * task.cell);
  for (std::int64_t band; (band = __atomic_fetch_add(team.next, 1, __ATOMIC_RELAXED)) * kPixels<R> < H;) {
    const std::int64_t top = band * kPixels<R>, rows = H - top < kPixels<R> ? H - top : kPixels<R>;
    if (band == 0) frame.clear(0, -frame.above, frame.above);
    for (std::int64_t h = top; h < top + rows; ++h) {
      std::memset(frame.row_start(0, h), 0, static_cast<std::size_t>(frame.left * frame.cell) * sizeof(T));
      gather_row<A>(task.y, unit, h, frame.at(0, h, 0), frame.cell);
    }
    std::int64_t* const mine = team.progress + band;
    solve_rows<A, R>(task, frame, top, rows, residual, band > 0 ? mine - 1 : nullptr, mine);
    for (std::int64_t h = top; h < top + rows; ++h) scatter_row<A>(task.x, unit, h, frame.at(0, h, 0), frame.cell);
  }
}

void eliminate(double* a, std::int64_t n, std::int64_t k) {
  const double* const pivot = a + k * n;
  for (double* row = a; row < a + n * n; row += n) {
    const double factor = row[k];
    if (row == pivot || factor == 0) continue;
    row[k] = 0;
#pragma GCC ivdep
    for (std::int64_t c = 0; c < n; ++c) row[c] -= factor * pivot[c];
  }
}

}  // namespace

template <Lanes A, class T>
void solve(const Task<T>& task, std::int64_t begin, std::int64_t end, T* scratch) {
  with_rows(task.rows, [&](auto R) { solve_of_rows<A, R.value>(task, begin, end, scratch); });
}

template <Lanes A, class T>
void solve_together(const Task<T>& task, std::int64_t unit, const Team& team, T* scratch) {
  with_rows(task.rows, [&](auto R) { solve_together_of_rows<A, R.value>(task, unit, team, scratch); });
}

template <class T>
Kernels<T> kernels() {
  return {kLanes<T>,
          {solve<Lanes::images, T>, solve<Lanes::channels, T>},
          {solve_together<Lanes::images, T>, solve_together<Lanes::channels, T>},
          {add_gradient<Lanes::images, T>, add_gradient<Lanes::channels, T>},
          eliminate};
}

template Kernels<float> kernels();
template Kernels<double> kernels();

}  // namespace invconv::INVCONV_ISA
