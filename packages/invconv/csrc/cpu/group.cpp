#include "cpu/group.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace invconv {
namespace {

template <class T>
View<T> slice(View<T> view, int axis, std::int64_t start, std::int64_t count) {
  view.data += start * view.stride[axis];
  view.size[axis] = count;
  return view;
}

template <class T>
View<T> flip(View<T> view, int axis) {
  view.data += (view.size[axis] - 1) * view.stride[axis];
  view.stride[axis] = -view.stride[axis];
  return view;
}

// Gauss-Jordan elimination with row pivoting, in double: the anchor is small and its error would spread to every
// pixel. Turns `inverse` from the identity into a^-1; false for a matrix that is singular to working precision.
bool invert(std::vector<double>& a, std::vector<double>& inverse, std::int64_t n) {
  double scale = 0;
  for (double entry : a) scale = std::max(scale, std::abs(entry));
  const double tolerance = scale * static_cast<double>(n) * std::numeric_limits<double>::epsilon();
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t r = k + 1; r < n; ++r)
      if (std::abs(a[r * n + k]) > std::abs(a[pivot * n + k])) pivot = r;
    if (std::abs(a[pivot * n + k]) <= tolerance) return false;
    std::swap_ranges(&a[k * n], &a[k * n] + n, &a[pivot * n]);
    std::swap_ranges(&inverse[k * n], &inverse[k * n] + n, &inverse[pivot * n]);
    const double factor = 1 / a[k * n + k];
    for (std::int64_t c = 0; c < n; ++c) a[k * n + c] *= factor, inverse[k * n + c] *= factor;
    for (std::int64_t r = 0; r < n; ++r) {
      const double f = a[r * n + k];
      if (r == k || f == 0) continue;
      for (std::int64_t c = 0; c < n; ++c) a[r * n + c] -= f * a[k * n + c];
      for (std::int64_t c = 0; c < n; ++c) inverse[r * n + c] -= f * inverse[k * n + c];
    }
  }
  return true;
}

template <class T>
View<const T> tap(const View<const T>& taps, std::int64_t i, std::int64_t j) {
  return slice(slice(taps, 2, i, 1), 3, j, 1);
}

template <class T>
std::vector<double> anchor_inverse(const View<const T>& taps, std::int64_t index) {
  const std::int64_t n = taps.size[0];
  std::vector<double> anchor(n * n), inverse(n * n, 0.0);
  for (std::int64_t c = 0; c < n; ++c) {
    for (std::int64_t d = 0; d < n; ++d) anchor[c * n + d] = static_cast<double>(at(taps, c, d, 0, 0));
    inverse[c * n + c] = 1;
  }
  if (!invert(anchor, inverse, n))
    throw std::invalid_argument("weight: the anchor tap of channel group " + std::to_string(index) +
                                " is singular, so the convolution has no inverse");
  return inverse;
}

// Matrices [n, n, 1, 1] as [block][matrix][channel in][channel out], blocks of `width` channels out, zeros behind n.
template <class T, class S>
std::vector<T> pack_matrices(const std::vector<View<const S>>& matrices, std::int64_t blocks, std::int64_t width,
                             T sign) {
  const auto count = static_cast<std::int64_t>(matrices.size());
  if (count == 0) return {};
  const std::int64_t n = matrices[0].size[0];
  std::vector<T> packed(blocks * count * n * width);
  for (std::int64_t c = 0; c < n; ++c)
    for (std::int64_t m = 0; m < count; ++m)
      for (std::int64_t d = 0; d < n; ++d)
        packed[((c / width * count + m) * n + d) * width + c % width] =
            sign * static_cast<T>(at(matrices[m], c, d, 0, 0));
  return packed;
}

}  // namespace

template <class T>
Group<T> group_of(const Problem<T>& problem, std::int64_t index) {
  const std::int64_t n = problem.weight.size[1];
  Group<T> group{slice(problem.y, 1, index * n, n), slice(problem.weight, 0, index * n, n),
                 slice(problem.x, 1, index * n, n)};
  const bool reversed[2] = {problem.corners[index].bottom, problem.corners[index].right};
  for (int side = 0; side < 2; ++side) {
    const int axis = 2 + side;
    // A kernel whose zeros stand at the top or left has its anchor in the last row or column.
    if (reversed[side]) {
      group.y = flip(group.y, axis);
      group.x = flip(group.x, axis);
    } else {
      group.taps = flip(group.taps, axis);
    }
    // What lies farther away than the image is large only ever meets the padding.
    group.taps.size[axis] = std::clamp<std::int64_t>(group.y.size[axis], 1, group.taps.size[axis]);
  }
  return group;
}

template <class T>
PackedKernel<T> pack(const View<const T>& taps, std::int64_t index, std::int64_t lanes, std::int64_t max_rows) {
  const std::int64_t n = taps.size[0], kh = taps.size[2], kw = taps.size[3];
  const std::int64_t registers = (n + lanes - 1) / lanes;
  PackedKernel<T> packed{};
  packed.blocks = (registers + max_rows - 1) / max_rows;
  packed.rows = (registers + packed.blocks - 1) / packed.blocks;
  const std::int64_t width = packed.rows * lanes;

  std::vector<View<const T>> above, beside;
  for (std::int64_t i = kh - 1; i > 0; --i)
    for (std::int64_t j = kw - 1; j >= 0; --j) above.push_back(tap(taps, i, j));
  for (std::int64_t j = kw - 1; j > 0; --j) beside.push_back(tap(taps, 0, j));
  packed.above = pack_matrices(above, packed.blocks, width, T(-1));
  packed.beside = pack_matrices(beside, packed.blocks, width, T(-1));
  const std::vector<double> inverse = anchor_inverse(taps, index);
  const View<const double> anchor{inverse.data(), {n, n, 1, 1}, {n, 1, 0, 0}};
  packed.anchor = pack_matrices(std::vector{anchor}, packed.blocks, width, T(1));
  return packed;
}

template Group<float> group_of(const Problem<float>&, std::int64_t);
template Group<double> group_of(const Problem<double>&, std::int64_t);
template PackedKernel<float> pack(const View<const float>&, std::int64_t, std::int64_t, std::int64_t);
template PackedKernel<double> pack(const View<const double>&, std::int64_t, std::int64_t, std::int64_t);

}  // namespace invconv
