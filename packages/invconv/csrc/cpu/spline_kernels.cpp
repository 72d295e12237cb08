// Splines register by register, in runs: what remains of a row is copied into a whole one.

#include "cpu/spline_kernels.h"

#include <cstring>

#include "cpu/registers.h"

namespace invconv::INVCONV_ISA {
namespace {

constexpr int kRun = 32;

template <class T>
using Run = T[kRun];

// The sum of the logarithms, by that of their product: a logarithm takes longer than all the rest.
template <class T>
inline double sum_of_logs(const T* numbers, int count) {
  double products[4] = {1, 1, 1, 1};
  for (int i = 0; i < kRun; i += 4)
    for (int j = 0; j < 4; ++j) products[j] *= i + j < count ? static_cast<double>(numbers[i + j]) : 1;
  const double product = products[0] * products[1] * (products[2] * products[3]);
  if (__builtin_isnormal(product)) return __builtin_log(product);
  double sum = 0;
  for (int i = 0; i < count; ++i) sum += __builtin_log(static_cast<double>(numbers[i]));
  return sum;
}

template <class T>
using Mask = decltype(Register<T>{} < Register<T>{});

// What of its bin each lane needs.
template <class T>
struct Fields {
  Register<T> x0, per_width, height, a, b, y0;
  Mask<T> bin;

  // Only a tail has no width. There xi is 0, or not a number where x is not finite, and the slope is that of a bin of
  // width 1; an entry is moved by as much as its knot.
  Mask<T> is_tail() const { return per_width == 0; }
  Register<T> per_width_of_slope() const { return is_tail() ? Register<T>{} + 1 : per_width; }
};

// The bins are those that start at `start`, one behind another. All are looked at: for as few as splines have, that is
// several times as fast as to look up the fields by the bin's number.
template <Field Start, class T>
inline Fields<T> find(const Bins<T>& bins, Register<T> x) {
  const Register<T> zero{};
  const auto field = [&](Field which, std::int64_t k) { return zero + bins.fields[which][k]; };
  Fields<T> found{field(kX0, 0), field(kPerWidth, 0), field(kHeight, 0), field(kA, 0), field(kB, 0), field(kY0, 0), {}};
  for (std::int64_t k = 1; k < bins.count; ++k) {
    const Mask<T> behind = x >= field(Start, k);
    found.x0 = behind ? field(kX0, k) : found.x0;
    found.per_width = behind ? field(kPerWidth, k) : found.per_width;
    found.height = behind ? field(kHeight, k) : found.height;
    found.a = behind ? field(kA, k) : found.a;
    found.b = behind ? field(kB, k) : found.b;
    found.y0 = behind ? field(kY0, k) : found.y0;
    found.bin -= behind;
  }
  return found;
}

template <class V>
inline V root(V numbers) {
  for (std::size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i)
    numbers[i] = sizeof numbers[0] == 4 ? __builtin_sqrtf(numbers[i]) : __builtin_sqrt(numbers[i]);
  return numbers;
}

// A run of a row, or a copy of what is there of it.
template <class T>
inline const T* read_run(const T* from, int count, Run<T>& copy) {
  if (count == kRun) return from;
  for (int i = 0; i < kRun; ++i) copy[i] = i < count ? from[i] : T(0);
  return copy;
}

// Calls function(start, count) for the runs of a row.
template <class Function>
inline void for_each_run(std::int64_t count, const Function& function) {
  for (std::int64_t start = 0; start < count; start += kRun)
    function(start, static_cast<int>(count - start < kRun ? count - start : kRun));
}

// Calls function(i) for the first lane of each register of a run.
template <class T, class Function>
inline void for_each_register(const Function& function) {
  for (int i = 0; i < kRun; i += kLanes<T>) function(i);
}

template <class T>
inline void store(Register<T> from, T* to) {
  std::memcpy(to, &from, sizeof from);
}

template <class T>
double forward(const Bins<T>& bins, std::int64_t count, const T* x, T* y) {
  double sum = 0;
  for_each_run(count, [&](std::int64_t start, int size) {
    Run<T> copy, value, slope;
    const T* const in = read_run(x + start, size, copy);
    for_each_register<T>([&](int i) {
      const Register<T> at = load<kLanes<T>>(in + i);
      const Fields<T> bin = find<kX0>(bins, at);
      const Register<T> xi = (at - bin.x0) * bin.per_width, eta = 1 - xi;
      const Register<T> e = xi + bin.a * eta, f = eta + bin.b * xi;
      const Register<T> per_d = 1 / (xi * e + eta * f), p = eta * e + xi * f;
      store<T>(bin.is_tail() ? at + (bin.y0 - bin.x0) : bin.y0 + bin.height * (xi * e * per_d), value + i);
      store<T>(bin.height * bin.per_width_of_slope() * p * per_d * per_d, slope + i);
    });
    std::memcpy(y + start, value, size * sizeof(T));
    sum += sum_of_logs(slope, size);
  });
  return sum;
}

// The root of the quadratic equation (Durkan et al. 2019, section 3.1), written so that no denominator cancels: with
// q = 1 - r, g = a q - b r and m = |g| / 2 + sqrt(g^2 / 4 + r q), it is r / (r + m) where g >= 0, else m / (m + q).
template <class T>
void inverse(const Bins<T>& bins, std::int64_t count, const T* y, T* x) {
  for_each_run(count, [&](std::int64_t start, int size) {
    Run<T> copy, value;
    const T* const in = read_run(y + start, size, copy);
    for_each_register<T>([&](int i) {
      const Register<T> at = load<kLanes<T>>(in + i);
      const Fields<T> bin = find<kY0>(bins, at);
      const Register<T> r = (at - bin.y0) / bin.height, q = 1 - r, g = bin.a * q - bin.b * r;
      const Mask<T> rises = g >= 0;
      const Register<T> m = (rises ? g : -g) / 2 + root(g * g / 4 + r * q);
      const Register<T> over = rises ? r : m, with = rises ? m : q;
      const Register<T> between = bin.x0 + over / ((over + with) * bin.per_width);
      store<T>(bin.is_tail() ? at + (bin.x0 - bin.y0) : between, value + i);
    });
    std::memcpy(x + start, value, size * sizeof(T));
  });
}

// Adds the terms of each entry to a cell of its bin. They are turned in registers, so that a cell is one number to add to.
template <class T>
inline void add(const std::int32_t (&bin)[kRun], const T (&terms)[kFields][kRun], int count, T* sums) {
  constexpr int n = kBlock<T>;
  for (int field = 0; field < kFields; field += n)
    for (int i = 0; i < count; i += n) {
      BlockRow<T> rows[n];
#pragma GCC unroll 8
      for (int j = 0; j < n; ++j) rows[j] = field + j < kFields ? load_row<T>(terms[field + j] + i) : BlockRow<T>{};
      transpose<T>(rows);
#pragma GCC unroll 8
      for (int j = 0; j < n; ++j) {
        if (i + j >= count) break;
        T* const cell = sums + (bin[i + j] * kCells + j % kCells) * kCell + field;
        const BlockRow<T> sum = load_row<T>(cell) + rows[j];
        std::memcpy(cell, &sum, sizeof sum);
      }
    }
}

// With u = xi eta / d, the derivatives of lambda = log p - 2 log d are
//   by xi: 2 (f - e) / p - 2 (a + b - 2) (eta - xi) / d,  by a: eta^2 / p - 2 u,  by b: xi^2 / p - 2 u,
// and those of r are p / d^2, (1 - r) u and -r u.
// For the inverse, `grad` is that of x, that of y is made of it by the inverse function's derivative, and the spline gets
// what minus that of y would give it.
template <bool Inverse, class T>
inline void gradient_of(const Bins<T>& bins, std::int64_t count, const T* x, const T* grad, T grad_l, T* result,
                        T* sums) {
  const Register<T> g_l = Register<T>{} + (Inverse ? T(0) : grad_l);
  for_each_run(count, [&](std::int64_t start, int size) {
    Run<T> copy_x, copy_grad, value;
    T terms[kFields][kRun];
    std::int32_t numbers[kRun];
    const T *const in = read_run(x + start, size, copy_x), *const given = read_run(grad + start, size, copy_grad);
    for_each_register<T>([&](int i) {
      const Register<T> at = load<kLanes<T>>(in + i), g = load<kLanes<T>>(given + i);
      const Fields<T> bin = find<kX0>(bins, at);
      const Register<T> xi = (at - bin.x0) * bin.per_width, eta = 1 - xi;
      const Register<T> e = xi + bin.a * eta, f = eta + bin.b * xi;
      const Register<T> d = xi * e + eta * f, p = eta * e + xi * f, per_d = 1 / d, per_p = 1 / p;
      const Register<T> per_width = bin.per_width_of_slope();
      const Register<T> of_inverse = g * d * d * per_p / (bin.height * per_width), g_y = Inverse ? -of_inverse : g;
      const Register<T> g_r = g_y * bin.height, v = g_l * per_p, u = xi * eta * per_d;
      const Register<T> of_height = g_l + g_r * (xi * e * per_d), rest = of_height + g_l;
      const Register<T> g_xi =
          (g_r * p * per_d - 2 * g_l * (bin.a + bin.b - 2) * (eta - xi)) * per_d + 2 * (f - e) * v;
      store<T>(g_xi, terms[0] + i);
      store<T>(g_l + g_xi * xi, terms[1] + i);
      store<T>(of_height, terms[2] + i);
      store<T>((g_r - rest) * u + v * eta * eta, terms[3] + i);
      store<T>(v * xi * xi - u * rest, terms[4] + i);
      store<T>(g_y, terms[5] + i);
      store<T>(Inverse ? of_inverse : g_xi * per_width, value + i);
      for (int lane = 0; lane < kLanes<T>; ++lane) numbers[i + lane] = static_cast<std::int32_t>(bin.bin[lane]);
    });
    std::memcpy(result + start, value, size * sizeof(T));
    add(numbers, terms, size, sums);
  });
}

template <class T>
void gradient(const Bins<T>& bins, std::int64_t count, const T* x, const T* grad_y, T grad_l, T* grad_x, T* sums) {
  gradient_of<false>(bins, count, x, grad_y, grad_l, grad_x, sums);
}

template <class T>
void inverse_gradient(const Bins<T>& bins, std::int64_t count, const T* x, const T* grad_x, T* grad_y, T* sums) {
  gradient_of<true>(bins, count, x, grad_x, T(0), grad_y, sums);
}

}  // namespace

template <class T>
SplineKernels<T> spline_kernels() {
  return {forward<T>, inverse<T>, gradient<T>, inverse_gradient<T>};
}

template SplineKernels<float> spline_kernels();
template SplineKernels<double> spline_kernels();

}  // namespace invconv::INVCONV_ISA
