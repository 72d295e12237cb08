// Makes the bins, gives every thread its pixels, and adds up what they return: in an order that depends on the shape only,
// so that no number depends on the threads.

#include "spline.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "cpu/processor.h"
#include "cpu/spline_kernels.h"

namespace invconv {
namespace {

constexpr std::int64_t kPixelsOfUnit = 4096;

template <class T>
SplineKernels<T> best_kernels() {
#ifdef INVCONV_X86
  if (has_avx512()) return avx512::spline_kernels<T>();
  if (has_avx2()) return avx2::spline_kernels<T>();
#endif
  return portable::spline_kernels<T>();
}

template <class T>
class Tables {
 public:
  explicit Tables(const Splines<T>& splines) : size_(splines.bins + 2), fields_(splines.channels * kFields * size_) {
    for (std::int64_t c = 0; c < splines.channels; ++c) fill(splines, c);
  }

  Bins<T> of(std::int64_t channel) const {
    Bins<T> bins{{}, size_};
    for (int field = 0; field < kFields; ++field) bins.fields[field] = &fields_[(channel * kFields + field) * size_];
    return bins;
  }

 private:
  void fill(const Splines<T>& splines, std::int64_t c) {
    const std::int64_t K = splines.bins;
    const T *const x = splines.knots + c * (K + 1), *const y = x + splines.channels * (K + 1);
    const T* const derivative = splines.derivatives + c * (K + 1);
    set(c, 0, {x[0], 0, 1, 1, 1, y[0]});
    for (std::int64_t k = 0; k < K; ++k) {
      const double width = double(x[k + 1]) - x[k], height = double(y[k + 1]) - y[k], slope = height / width;
      set(c, k + 1, {x[k], 1 / width, height, derivative[k] / slope, derivative[k + 1] / slope, y[k]});
    }
    set(c, K + 1, {x[K], 0, 1, 1, 1, y[K]});
  }

  void set(std::int64_t c, std::int64_t bin, const double (&values)[kFields]) {
    for (int field = 0; field < kFields; ++field)
      fields_[(c * kFields + field) * size_ + bin] = static_cast<T>(values[field]);
  }

  std::int64_t size_;
  std::vector<T> fields_;  // [C, kFields, K + 2]
};

// Images [begin, end), pixels [first, first + count) of one channel. Of the parts of an image, all channels', it is `part`.
struct Unit {
  std::int64_t channel, begin, end, first, count, part;
};

std::int64_t parts_of(Extent extent) {
  return std::max<std::int64_t>((extent.pixels + kPixelsOfUnit - 1) / kPixelsOfUnit, 1);
}

std::vector<Unit> units_of(Extent extent, std::int64_t channels) {
  const std::int64_t parts = parts_of(extent);
  const std::int64_t images = std::max<std::int64_t>(kPixelsOfUnit / std::max<std::int64_t>(extent.pixels, 1), 1);
  std::vector<Unit> units;
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t b = 0; b < extent.images; b += images)
      for (std::int64_t part = 0; part < parts; ++part) {
        const std::int64_t first = part * extent.pixels / parts, last = (part + 1) * extent.pixels / parts;
        units.push_back({c, b, std::min(b + images, extent.images), first, last - first, c * parts + part});
      }
  return units;
}

// Calls function(index, unit) for all units.
template <class Function>
void for_each_unit(const std::vector<Unit>& units, int threads, const Function& function) {
  const auto count = static_cast<std::int64_t>(units.size());
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1 && count > 1)
  for (std::int64_t u = 0; u < count; ++u) function(u, units[u]);
}

// Calls function(image, offset of its first pixel) for the rows of a unit, one an image.
template <class Function>
void for_each_row(const Unit& unit, Extent extent, std::int64_t channels, const Function& function) {
  for (std::int64_t b = unit.begin; b < unit.end; ++b)
    function(b, (b * channels + unit.channel) * extent.pixels + unit.first);
}

// The gradients of one channel's spline by its sums, [kFields][K + 2]: those of a bin's start, size and ends, handed on to
// the knots between which it lies.
template <class T>
void store(const Bins<T>& bins, const std::vector<double>& sums, std::int64_t channels, std::int64_t c,
           const SplineGradients<T>& gradients) {
  const std::int64_t size = bins.count, K = size - 2;
  std::vector<double> x(K + 1), y(K + 1), derivative(K + 1);
  const auto sum = [&](int field, std::int64_t k) { return sums[field * size + k]; };
  for (std::int64_t k = 0; k < size; ++k) {
    // A tail starts at its knot, and is of constant size, as of width 1.
    const bool is_tail = k == 0 || k == size - 1;
    const double per_width = is_tail ? 1 : bins.fields[kPerWidth][k], height = bins.fields[kHeight][k];
    const std::int64_t knot = std::max<std::int64_t>(k - 1, 0);
    x[knot] -= sum(kX0, k) * per_width;
    y[knot] += sum(kY0, k);
    if (is_tail) continue;
    const double by_slope = sum(kA, k) * bins.fields[kA][k] + sum(kB, k) * bins.fields[kB][k];
    const double of_width = (by_slope - sum(kPerWidth, k)) * per_width, of_height = (sum(kHeight, k) - by_slope) / height;
    x[knot] -= of_width;
    x[knot + 1] += of_width;
    y[knot] -= of_height;
    y[knot + 1] += of_height;
    derivative[knot] += sum(kA, k) / (height * per_width);
    derivative[knot + 1] += sum(kB, k) / (height * per_width);
  }
  for (std::int64_t k = 0; k <= K; ++k) {
    gradients.knots[c * (K + 1) + k] = static_cast<T>(x[k]);
    gradients.knots[(channels + c) * (K + 1) + k] = static_cast<T>(y[k]);
    gradients.derivatives[c * (K + 1) + k] = static_cast<T>(derivative[k]);
  }
}

// Calls row(kernels, bins, image, offset, count, sums) for all rows, and stores the gradients of the splines.
template <class T, class Row>
void gradients_of(const Splines<T>& splines, Extent extent, const SplineGradients<T>& gradients, int threads, const Row& row) {
  const Tables<T> tables(splines);
  const SplineKernels<T> kernels = best_kernels<T>();
  const std::vector<Unit> units = units_of(extent, splines.channels);
  const std::int64_t size = splines.bins + 2, cells = size * kCells * kCell;
  std::vector<T> sums(units.size() * cells);
  for_each_unit(units, threads, [&](std::int64_t u, const Unit& unit) {
    const Bins<T> bins = tables.of(unit.channel);
    for_each_row(unit, extent, splines.channels, [&](std::int64_t image, std::int64_t offset) {
      row(kernels, bins, image, offset, unit.count, &sums[u * cells]);
    });
  });
  const std::int64_t of_channel = static_cast<std::int64_t>(units.size()) / std::max<std::int64_t>(splines.channels, 1);
  for (std::int64_t c = 0; c < splines.channels; ++c) {
    std::vector<double> total(kFields * size);
    for (std::int64_t u = c * of_channel; u < (c + 1) * of_channel; ++u)
      for (std::int64_t k = 0; k < size; ++k)
        for (int cell = 0; cell < kCells; ++cell)
          for (int field = 0; field < kFields; ++field)
            total[field * size + k] += sums[u * cells + (k * kCells + cell) * kCell + field];
    store(tables.of(c), total, splines.channels, c, gradients);
  }
}

}  // namespace

template <class T>
void spline(const Splines<T>& splines, Extent extent, const T* x, T* y, T* logdet, int threads) {
  const Tables<T> tables(splines);
  const SplineKernels<T> kernels = best_kernels<T>();
  const std::int64_t parts = splines.channels * parts_of(extent);
  std::vector<double> sums(extent.images * parts);
  for_each_unit(units_of(extent, splines.channels), threads, [&](std::int64_t, const Unit& unit) {
    const Bins<T> bins = tables.of(unit.channel);
    for_each_row(unit, extent, splines.channels, [&](std::int64_t image, std::int64_t offset) {
      sums[image * parts + unit.part] = kernels.forward(bins, unit.count, x + offset, y + offset);
    });
  });
  for (std::int64_t b = 0; b < extent.images; ++b) {
    const auto of_image = sums.begin() + b * parts;
    logdet[b] = static_cast<T>(std::accumulate(of_image, of_image + parts, 0.0));
  }
}

template <class T>
void inverse_spline(const Splines<T>& splines, Extent extent, const T* y, T* x, int threads) {
  const Tables<T> tables(splines);
  const SplineKernels<T> kernels = best_kernels<T>();
  for_each_unit(units_of(extent, splines.channels), threads, [&](std::int64_t, const Unit& unit) {
    const Bins<T> bins = tables.of(unit.channel);
    for_each_row(unit, extent, splines.channels, [&](std::int64_t, std::int64_t offset) {
      kernels.inverse(bins, unit.count, y + offset, x + offset);
    });
  });
}

template <class T>
void spline_gradient(const Splines<T>& splines, Extent extent, const T* x, const T* grad_y, const T* grad_logdet,
                     T* grad_x, const SplineGradients<T>& gradients, int threads) {
  gradients_of(splines, extent, gradients, threads,
               [&](const SplineKernels<T>& kernels, const Bins<T>& bins, std::int64_t image, std::int64_t offset,
                   std::int64_t count, T* sums) {
                 kernels.gradient(bins, count, x + offset, grad_y + offset, grad_logdet[image], grad_x + offset, sums);
               });
}

template <class T>
void inverse_spline_gradient(const Splines<T>& splines, Extent extent, const T* x, const T* grad_x, T* grad_y,
                             const SplineGradients<T>& gradients, int threads) {
  gradients_of(splines, extent, gradients, threads,
               [&](const SplineKernels<T>& kernels, const Bins<T>& bins, std::int64_t, std::int64_t offset,
                   std::int64_t count, T* sums) {
                 kernels.inverse_gradient(bins, count, x + offset, grad_x + offset, grad_y + offset, sums);
               });
}

#define INVCONV_INSTANTIATE(T)                                                                                       \
  template void spline(const Splines<T>&, Extent, const T*, T*, T*, int);                                            \
  template void inverse_spline(const Splines<T>&, Extent, const T*, T*, int);                                        \
  template void spline_gradient(const Splines<T>&, Extent, const T*, const T*, const T*, T*, const SplineGradients<T>&, int); \
  template void inverse_spline_gradient(const Splines<T>&, Extent, const T*, const T*, T*, const SplineGradients<T>&, int);
INVCONV_INSTANTIATE(float)
INVCONV_INSTANTIATE(double)
#undef INVCONV_INSTANTIATE

}  // namespace invconv
