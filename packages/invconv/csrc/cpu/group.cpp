#include "cpu/group.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace invconv {
namespace {

template <class T>
View<T> slice(View<T> view, int axis, std::int64_t start, std::int64_t count) {
  if (view.data) view.data += start * view.stride[axis];  // what is empty may have no address
  view.size[axis] = count;
  return view;
}

template <class T>
View<T> flip(View<T> view, int axis) {
  if (view.data) view.data += (view.size[axis] - 1) * view.stride[axis];
  view.stride[axis] = -view.stride[axis];
  return view;
}

// Images, turned so that the zeros of the padding stand at the top left.
template <class T>
View<T> turn_images(View<T> images, const Corner& corner) {
  if (corner.bottom) images = flip(images, 2);
  return corner.right ? flip(images, 3) : images;
}

// A kernel, turned likewise: its anchor is in the last row or column where the zeros stand at the top or left.
template <class T>
View<T> turn_taps(View<T> taps, const Corner& corner, const std::int64_t (&images)[4]) {
  if (!corner.bottom) taps = flip(taps, 2);
  if (!corner.right) taps = flip(taps, 3);
  // What lies farther away than the image is large only ever meets the padding.
  for (int axis : {2, 3}) taps.size[axis] = std::clamp<std::int64_t>(images[axis], 1, taps.size[axis]);
  return taps;
}

// The largest sum of absolute values in a row.
double norm(const std::vector<double>& a, std::int64_t n) {
  double largest = 0;
  for (std::int64_t r = 0; r < n; ++r) {
    double sum = 0;
    for (std::int64_t c = 0; c < n; ++c) sum += std::abs(a[r * n + c]);
    largest = std::max(largest, sum);
  }
  return largest;
}

// The power of two that brings a size between 1 and 2; 1 where there is none.
double unit_of(double size) {
  return size > 0 && std::isfinite(size) ? std::ldexp(1.0, std::min(-std::ilogb(size), 1023)) : 1;
}

// Rows and then columns of a matrix, brought to a largest entry between 1 and 2 by these factors, without rounding.
struct Scales {
  std::vector<double> rows, columns;
};

Scales scale(std::vector<double>& a, std::int64_t n) {
  Scales scales{std::vector<double>(n), std::vector<double>(n)};
  for (bool columns : {false, true})
    for (std::int64_t i = 0; i < n; ++i) {
      double* const line = &a[i * (columns ? 1 : n)];
      const std::int64_t step = columns ? n : 1;
      double largest = 0;
      for (std::int64_t j = 0; j < n; ++j) largest = std::max(largest, std::abs(line[j * step]));
      const double factor = (columns ? scales.columns : scales.rows)[i] = unit_of(largest);
      for (std::int64_t j = 0; j < n; ++j) line[j * step] *= factor;
    }
  return scales;
}

bool is_triangular(const std::vector<double>& a, std::int64_t n) {
  bool lower = true, upper = true;
  for (std::int64_t r = 0; r < n; ++r)
    for (std::int64_t c = 0; c < n; ++c) {
      if (c > r && a[r * n + c] != 0) lower = false;
      if (c < r && a[r * n + c] != 0) upper = false;
    }
  return lower || upper;
}

using Eliminate = void (*)(double*, std::int64_t, std::int64_t);

// Gauss-Jordan elimination in place, in double: the anchor is small and its error would spread to every pixel. False when
// it meets a pivot of 0.
bool eliminate_all(std::vector<double>& a, std::int64_t n, bool exchange, Eliminate eliminate) {
  std::vector<std::int64_t> pivots(n);
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t r = k + 1; exchange && r < n; ++r)
      if (std::abs(a[r * n + k]) > std::abs(a[pivot * n + k])) pivot = r;
    if (a[pivot * n + k] == 0) return false;
    pivots[k] = pivot;
    double* const row = &a[k * n];
    if (pivot != k) std::swap_ranges(row, row + n, &a[pivot * n]);
    const double factor = 1 / row[k];
    row[k] = 1;
    for (std::int64_t c = 0; c < n; ++c) row[c] *= factor;
    eliminate(a.data(), n, k);
  }
  // The rows exchanged on the way are columns of the inverse.
  for (std::int64_t k = n - 1; k >= 0; --k)
    if (pivots[k] != k)
      for (std::int64_t r = 0; r < n; ++r) std::swap(a[r * n + k], a[r * n + pivots[k]]);
  return true;
}

// Inverts in place and returns the condition number, which is infinite for a singular matrix and does not depend on the
// scale of rows and columns. A triangular matrix has an inverse if its diagonal has no zero, however large it is: there
// substitution divides by nothing else, so that it counts as well conditioned.
double invert(std::vector<double>& a, std::int64_t n, Eliminate eliminate) {
  const bool triangular = is_triangular(a, n);
  const Scales scales = scale(a, n);
  const double size = norm(a, n);
  if (!eliminate_all(a, n, !triangular, eliminate)) return std::numeric_limits<double>::infinity();
  const double condition = triangular ? 1 : size * norm(a, n);
  for (std::int64_t r = 0; r < n; ++r)
    for (std::int64_t c = 0; c < n; ++c) a[r * n + c] *= scales.columns[r] * scales.rows[c];
  return condition;
}

void check_condition(double condition, std::int64_t n, std::int64_t index) {
  const std::string name = "weight: the anchor tap of channel group " + std::to_string(index) + " is singular";
  if (std::isinf(condition)) throw std::invalid_argument(name + ", so the convolution has no inverse");
  // A singular matrix seldom meets a pivot of exactly 0, but then its condition number is that of rounding errors.
  if (!(condition * static_cast<double>(n) * std::numeric_limits<double>::epsilon() < 0.1))
    throw std::invalid_argument(name + " to working precision: rounding would leave no digit of the inverse");
}

}  // namespace

template <class T>
std::vector<double> anchor_inverse(const View<const T>& taps, std::int64_t index, Eliminate eliminate) {
  const std::int64_t n = taps.size[0];
  std::vector<double> inverse(n * n);
  for (std::int64_t c = 0; c < n; ++c)
    for (std::int64_t d = 0; d < n; ++d) inverse[c * n + d] = static_cast<double>(at(taps, c, d, 0, 0));
  check_condition(invert(inverse, n, eliminate), n, index);
  return inverse;
}

template <class T>
Group<T> group_of(const Problem<T>& problem, std::int64_t index) {
  const std::int64_t n = problem.weight.size[1];
  const Corner& corner = problem.corners[index];
  View<const T> taps = turn_taps(slice(problem.weight, 0, index * n, n), corner, problem.y.size);
  // The transposed map takes from the pixels on the other side, by the transposed taps.
  const Corner start = problem.transposed ? Corner{!corner.bottom, !corner.right} : corner;
  if (problem.transposed) std::swap(taps.stride[0], taps.stride[1]);
  return {turn_images(slice(problem.y, 1, index * n, n), start), taps,
          turn_images(slice(problem.x, 1, index * n, n), start)};
}

template <class T>
GradientGroup<T> gradient_group_of(const GradientProblem<T>& problem, std::int64_t index) {
  const std::int64_t n = problem.weight.size[1];
  const Corner& corner = problem.corners[index];
  const View<T> weight = slice(problem.weight, 0, index * n, n);
  for (std::int64_t c = 0; c < n; ++c)
    for (std::int64_t d = 0; d < n; ++d)
      for (std::int64_t i = 0; i < weight.size[2]; ++i)
        for (std::int64_t j = 0; j < weight.size[3]; ++j) at(weight, c, d, i, j) = 0;
  return {turn_images(slice(problem.v, 1, index * n, n), corner), turn_images(slice(problem.x, 1, index * n, n), corner),
          turn_taps(weight, corner, problem.x.size)};
}

Blocks blocks_of(std::int64_t channels, std::int64_t lanes, std::int64_t max_rows) {
  const std::int64_t registers = (channels + lanes - 1) / lanes, count = (registers + max_rows - 1) / max_rows;
  const std::int64_t rows = (registers + count - 1) / count;
  return {count, rows, rows * lanes};
}

template <class T>
PackedKernel<T> pack(const View<const T>& taps, std::int64_t index, const Blocks& blocks, const Kernels<T>& kernels,
                     int threads) {
  const std::int64_t n = taps.size[0], kh = taps.size[2], kw = taps.size[3], count = kh * kw - 1, width = blocks.width;
  const std::vector<double> inverse = anchor_inverse(taps, index, kernels.eliminate);
  const std::int64_t entries = blocks.count * n * width;
  PackedKernel<T> packed{Buffer<T>(count * entries), Buffer<T>(entries)};
  std::fill_n(packed.taps.data(), count * entries, T(0));
  std::fill_n(packed.anchor.data(), entries, T(0));
  // A small kernel is packed before other threads are at hand.
#pragma omp parallel for num_threads(threads) if (threads > 1 && n * n * count > 10000)
  for (std::int64_t c = 0; c < n; ++c) {
    T* const anchor = packed.anchor.data() + c / width * n * width + c % width;
    T* const first = packed.taps.data() + c / width * count * n * width + c % width;
    for (std::int64_t d = 0; d < n; ++d) {
      anchor[d * width] = static_cast<T>(inverse[c * n + d]);
      T* to = first + d * width;
      for (std::int64_t i = kh - 1; i >= 0; --i)
        for (std::int64_t j = kw - 1; j >= (i == 0); --j, to += n * width) *to = -at(taps, c, d, i, j);
    }
  }
  return packed;
}

template std::vector<double> anchor_inverse(const View<const float>&, std::int64_t, Eliminate);
template std::vector<double> anchor_inverse(const View<const double>&, std::int64_t, Eliminate);
template Group<float> group_of(const Problem<float>&, std::int64_t);
template Group<double> group_of(const Problem<double>&, std::int64_t);
template GradientGroup<float> gradient_group_of(const GradientProblem<float>&, std::int64_t);
template GradientGroup<double> gradient_group_of(const GradientProblem<double>&, std::int64_t);
template PackedKernel<float> pack(const View<const float>&, std::int64_t, const Blocks&, const Kernels<float>&, int);
template PackedKernel<double> pack(const View<const double>&, std::int64_t, const Blocks&, const Kernels<double>&, int);

}  // namespace invconv
