// Random problems, solved on the CPU, put back into the convolution by naive loops in double, and compared; gradients
// likewise, and filters and splines beside their definition. Built with AddressSanitizer and UndefinedBehaviorSanitizer: the memory
// of an array ends where its view ends.
//
//   test_solver [INSTRUCTION SET] [PROBLEMS] [SEED]

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "filter_checks.h"
#include "invconv.h"
#include "spline.h"

#ifdef INVCONV_X86
// What __builtin_cpu_supports asks; the layout is fixed, because GCC and Clang compile it into programs.
extern "C" struct {
  unsigned vendor, type, subtype, features;
} __cpu_model;
#endif

namespace {

using invconv::at;
using invconv::View;
using Random = std::mt19937_64;
using Size = std::vector<std::int64_t>;

constexpr int kNotHere = 77;

std::int64_t uniform(Random& random, std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(random);
}

double normal(Random& random) { return std::normal_distribution<double>()(random); }

bool chance(Random& random, double probability) { return std::bernoulli_distribution(probability)(random); }

void require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

// The view of one array and its memory, in which all that the view does not show is NaN: who reads it, shows it.
template <class T>
struct Array {
  std::vector<T> memory;
  View<T> view;

  View<const T> read_only() const {
    View<const T> copy{view.data, {}, {}};
    std::copy(view.size, view.size + 4, copy.size);
    std::copy(view.stride, view.stride + 4, copy.stride);
    return copy;
  }
};

template <class T, class Function>
void for_each_index(const View<T>& view, Function function) {
  for (std::int64_t a = 0; a < view.size[0]; ++a)
    for (std::int64_t b = 0; b < view.size[1]; ++b)
      for (std::int64_t c = 0; c < view.size[2]; ++c)
        for (std::int64_t d = 0; d < view.size[3]; ++d) function(a, b, c, d);
}

// Axes in any order, with or without gaps, forwards or backwards. Overlapping ones show some memory more than once.
template <class T>
Array<T> make_array(Random& random, const Size& size, bool overlapping) {
  Array<T> array{{}, {nullptr, {}, {}}};
  std::copy(size.begin(), size.end(), array.view.size);
  int order[4] = {0, 1, 2, 3};
  if (chance(random, 0.7)) std::shuffle(order, order + 4, random);
  const std::int64_t gap = uniform(random, 0, 2);
  std::int64_t reach = 1, start = 0;
  for (int i = 3; i >= 0; --i) {
    const std::int64_t stride = overlapping ? uniform(random, 0, 2) : reach + uniform(random, 0, gap);
    const std::int64_t extent = stride * std::max<std::int64_t>(size[order[i]] - 1, 0);
    const bool backwards = chance(random, 0.3);
    array.view.stride[order[i]] = backwards ? -stride : stride;
    start += backwards ? extent : 0;
    reach += extent;
  }
  if (std::count(size.begin(), size.end(), 0) > 0) return array;  // nothing to show, and no address
  array.memory.assign(reach, std::numeric_limits<T>::quiet_NaN());
  array.view.data = array.memory.data() + start;
  return array;
}

// Numbers for a kernel whose anchors are far from singular, but need row exchanges.
template <class T>
void fill_kernel(Random& random, const View<T>& weight, const std::vector<invconv::Corner>& corners) {
  const std::int64_t n = weight.size[1], kh = weight.size[2], kw = weight.size[3];
  const double scale = 0.5 / std::sqrt(static_cast<double>(n * kh * kw));
  const std::int64_t turn = uniform(random, 0, n - 1);
  for_each_index(weight, [&](auto c, auto d, auto i, auto j) {
    const invconv::Corner corner = corners[c / n];
    const bool anchor = i == (corner.bottom ? 0 : kh - 1) && j == (corner.right ? 0 : kw - 1);
    const bool diagonal = anchor && (c + turn) % n == d;
    at(weight, c, d, i, j) = static_cast<T>(diagonal ? (chance(random, 0.5) ? 1 : -1) * (1 + 0.3 * normal(random) / 4)
                                                     : normal(random) * (anchor ? 0.1 / n : scale));
  });
}

template <class T>
struct Layer {
  Array<T> y, weight, x;
  invconv::Problem<T> problem;
};

struct Shape {
  Size images, kernel;
  std::int64_t groups;
};

Shape random_shape(Random& random) {
  const bool wide = chance(random, 0.03);  // does not fit into scratch memory at once
  const std::int64_t G = uniform(random, 1, 4), n = uniform(random, 1, wide ? 2 : chance(random, 0.05) ? 110 : 14);
  const std::int64_t B = uniform(random, 0, wide ? 3 : chance(random, 0.1) ? 150 : 20), side = n > 40 ? 4 : 10;
  return {{B, G * n, uniform(random, 0, wide ? 25 : side), uniform(random, 0, wide ? 1500 : side)},
          {G * n, n, uniform(random, 1, n > 40 ? 2 : 5), uniform(random, 1, 5)}, G};
}

// Rows or columns, mostly of one channel a group.
Shape random_line(Random& random) {
  const bool is_long = chance(random, 0.2);
  const std::int64_t G = uniform(random, 1, 4), n = chance(random, 0.7) ? 1 : 3, L = uniform(random, 0, is_long ? 3000 : 40);
  const std::int64_t B = uniform(random, 0, is_long ? 2 : 20), k = uniform(random, 1, chance(random, 0.1) ? 80 : 9);
  const bool column = chance(random, 0.5);
  return {{B, G * n, column ? L : 1, column ? 1 : L}, {G * n, n, column ? k : 2, column ? 2 : k}, G};
}

template <class T>
Layer<T> random_layer(Random& random) {
  const auto [images, kernel, G] = chance(random, 0.3) ? random_line(random) : random_shape(random);
  Layer<T> layer{make_array<T>(random, images, chance(random, 0.2)), make_array<T>(random, kernel, false),
                 make_array<T>(random, images, false), {}};
  std::vector<invconv::Corner> corners;
  for (std::int64_t g = 0; g < G; ++g) corners.push_back({chance(random, 0.5), chance(random, 0.5)});
  for_each_index(layer.y.view, [&](auto... index) { at(layer.y.view, index...) = static_cast<T>(normal(random)); });
  fill_kernel(random, layer.weight.view, corners);
  layer.problem = {layer.y.read_only(), layer.weight.read_only(), layer.x.view, corners,
                   static_cast<int>(uniform(random, 1, 4))};
  return layer;
}

// (T x)_p of one channel, and the sum of the absolute values of its terms.
template <class T>
std::pair<double, double> convolve(const invconv::Problem<T>& problem, std::int64_t b, std::int64_t c, std::int64_t h,
                                   std::int64_t w) {
  const auto& weight = problem.weight;
  const std::int64_t n = weight.size[1], first = c / n * n;
  const invconv::Corner corner = problem.corners[c / n];
  const std::int64_t up = corner.bottom ? 0 : weight.size[2] - 1, left = corner.right ? 0 : weight.size[3] - 1;
  double sum = 0, absolute = 0;
  for (std::int64_t i = 0; i < weight.size[2]; ++i)
    for (std::int64_t j = 0; j < weight.size[3]; ++j) {
      const std::int64_t row = h + i - up, column = w + j - left;
      if (row < 0 || row >= problem.x.size[2] || column < 0 || column >= problem.x.size[3]) continue;
      for (std::int64_t d = 0; d < n; ++d) {
        const double term = static_cast<double>(at(weight, c, d, i, j)) * at(problem.x, b, first + d, row, column);
        sum += term;
        absolute += std::abs(term);
      }
    }
  return {sum, absolute};
}

template <class T>
void check_solution(const Layer<T>& layer) {
  const invconv::Problem<T>& problem = layer.problem;
  const double terms = problem.weight.size[1] * (problem.weight.size[2] * problem.weight.size[3] + 1.0);
  const double unit = terms * std::numeric_limits<T>::epsilon();
  for_each_index(problem.x, [&](auto b, auto c, auto h, auto w) {
    const auto [sum, absolute] = convolve(problem, b, c, h, w);
    const double y = at(problem.y, b, c, h, w), error = std::abs(sum - y);
    require(error <= 16 * unit * (1 + std::abs(y) + absolute), "wrong by " + std::to_string(error));
  });
  const auto gaps = std::count_if(layer.x.memory.begin(), layer.x.memory.end(), [](T v) { return std::isnan(v); });
  std::size_t shown = 0;
  for_each_index(problem.x, [&](auto...) { ++shown; });
  require(layer.x.memory.size() - static_cast<std::size_t>(gaps) == shown, "wrote beside x");
}

template <class T>
void check_inverse(Random& random) {
  const Layer<T> layer = random_layer<T>(random);
  invconv::inverse_conv2d(layer.problem);
  check_solution(layer);
}

// Minus the sum of v_p x_{p-t} for one entry of the kernel, and the sum of the absolute values of its terms.
template <class T>
std::pair<double, double> correlate(const invconv::GradientProblem<T>& problem, std::int64_t c, std::int64_t d,
                                    std::int64_t i, std::int64_t j) {
  const auto& weight = problem.weight;
  const invconv::Corner corner = problem.corners[c / weight.size[1]];
  const std::int64_t first = c / weight.size[1] * weight.size[1];
  const std::int64_t up = corner.bottom ? 0 : weight.size[2] - 1, left = corner.right ? 0 : weight.size[3] - 1;
  double sum = 0, absolute = 0;
  for (std::int64_t b = 0; b < problem.v.size[0]; ++b)
    for (std::int64_t h = 0; h < problem.v.size[2]; ++h)
      for (std::int64_t w = 0; w < problem.v.size[3]; ++w) {
        const std::int64_t row = h + i - up, column = w + j - left;
        if (row < 0 || row >= problem.x.size[2] || column < 0 || column >= problem.x.size[3]) continue;
        const double term = static_cast<double>(at(problem.v, b, c, h, w)) * at(problem.x, b, first + d, row, column);
        sum -= term;
        absolute += std::abs(term);
      }
  return {sum, absolute};
}

template <class T>
void check_gradient(Random& random) {
  Layer<T> layer = random_layer<T>(random);
  const auto& size = layer.weight.view.size;
  for_each_index(layer.x.view, [&](auto... index) { at(layer.x.view, index...) = static_cast<T>(normal(random)); });
  const invconv::GradientProblem<T> problem{layer.y.read_only(), layer.x.read_only(), layer.weight.view,
                                            layer.problem.corners, layer.problem.threads};
  invconv::weight_gradient(problem);
  for (int sample = 0; sample < 20; ++sample) {
    std::int64_t index[4];
    for (int axis = 0; axis < 4; ++axis) index[axis] = uniform(random, 0, size[axis] - 1);
    const auto [sum, absolute] = correlate(problem, index[0], index[1], index[2], index[3]);
    const double error = std::abs(sum - at(problem.weight, index[0], index[1], index[2], index[3]));
    require(error <= 100 * std::numeric_limits<T>::epsilon() * absolute, "gradient wrong by " + std::to_string(error));
  }
}

// Both gradients at once: those of separate calls.
template <class T>
void check_gradients(Random& random) {
  Layer<T> layer = random_layer<T>(random);
  for_each_index(layer.x.view, [&](auto... index) { at(layer.x.view, index...) = static_cast<T>(normal(random)); });
  const Size images(layer.x.view.size, layer.x.view.size + 4), kernel(layer.weight.view.size, layer.weight.view.size + 4);
  const Array<T> of_y = make_array<T>(random, images, false), of_weight = make_array<T>(random, kernel, false);
  const Array<T> v = make_array<T>(random, images, false), expected = make_array<T>(random, kernel, false);
  const bool transposed = chance(random, 0.5);
  const invconv::InverseGradientsProblem<T> problem{layer.y.read_only(), layer.weight.read_only(), layer.x.read_only(), of_y.view,
                                                    of_weight.view, layer.problem.corners, layer.problem.threads, transposed};
  invconv::inverse_conv2d_gradients(problem);
  invconv::Problem<T> solve = invconv::problem_of(problem);
  solve.x = v.view;
  invconv::inverse_conv2d(solve);
  const auto [first, second] = transposed ? std::pair(problem.x, v.read_only()) : std::pair(v.read_only(), problem.x);
  const invconv::GradientProblem<T> sums{first, second, expected.view, problem.corners, problem.threads};
  invconv::weight_gradient(sums);
  const double unit = 1000 * std::numeric_limits<T>::epsilon();
  double largest = 1;
  for_each_index(v.view, [&](auto... index) { largest = std::max(largest, std::abs(double(at(v.view, index...)))); });
  for_each_index(v.view, [&](auto... index) {
    require(std::abs(at(of_y.view, index...) - at(v.view, index...)) <= unit * largest, "the gradient of y is wrong");
  });
  const double terms = 1 + static_cast<double>(images[0] * images[2] * images[3]);
  for_each_index(expected.view, [&](auto... index) {
    const double error = std::abs(at(of_weight.view, index...) - at(expected.view, index...));
    require(error <= unit * largest * terms, "the gradient of the kernel is wrong by " + std::to_string(error));
  });
}

template <class T>
void check_refusal(Random& random) {
  const Layer<T> layer = random_layer<T>(random);
  const auto& weight = layer.weight.view;
  const T bad = chance(random, 0.5) ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::quiet_NaN();
  if (chance(random, 0.5)) {
    for_each_index(weight, [&](auto... index) { at(weight, index...) = 0; });  // singular
  } else {
    at(weight, weight.size[0] - 1, weight.size[1] - 1, weight.size[2] - 1, weight.size[3] - 1) = bad;
  }
  try {
    invconv::inverse_conv2d(layer.problem);
  } catch (const std::invalid_argument&) {
    return;
  }
  throw std::runtime_error("accepted a kernel without an inverse");
}

// The splines' numbers one behind another: knots, the values there, derivatives, each [C, K + 1].
using Numbers = std::vector<double>;

// The spline of channel c at x by its definition, and its slope there.
std::pair<double, double> spline_at(double x, const Numbers& splines, std::int64_t c, std::int64_t K) {
  const std::size_t size = splines.size() / 3;
  const double *const knots = &splines[c * (K + 1)], *const values = knots + size, *const derivatives = values + size;
  if (x < knots[0]) return {x - knots[0] + values[0], 1};
  if (x >= knots[K]) return {x - knots[K] + values[K], 1};
  const std::int64_t k = std::upper_bound(knots, knots + K + 1, x) - knots - 1;
  const double width = knots[k + 1] - knots[k], height = values[k + 1] - values[k], s = height / width;
  const double xi = (x - knots[k]) / width, d0 = derivatives[k], d1 = derivatives[k + 1];
  const double between = s + (d0 + d1 - 2 * s) * xi * (1 - xi);
  const double ends = d1 * xi * xi + 2 * s * xi * (1 - xi) + d0 * (1 - xi) * (1 - xi);
  return {values[k] + height * (s * xi * xi + d0 * xi * (1 - xi)) / between, s * s * ends / (between * between)};
}

// Every array has just the memory that it needs.
template <class T>
struct SplineLayer {
  std::int64_t C, K;
  invconv::Extent extent;
  std::vector<T> knots, derivatives, x, y, logdet;
  int threads;

  invconv::Splines<T> splines() const { return {knots.data(), derivatives.data(), C, K}; }

  Numbers numbers() const {
    Numbers found(knots.begin(), knots.end());
    found.insert(found.end(), derivatives.begin(), derivatives.end());
    return found;
  }

  std::int64_t channel(std::size_t entry) const { return static_cast<std::int64_t>(entry) / extent.pixels % C; }
};

template <class T>
SplineLayer<T> random_spline_layer(Random& random) {
  SplineLayer<T> layer{uniform(random, 1, 5), uniform(random, 1, chance(random, 0.1) ? 60 : 8), {}, {}, {}, {}, {}, {}, 1};
  const bool large = chance(random, 0.1);
  layer.extent = {uniform(random, 0, large ? 3 : 40), uniform(random, 0, large ? 9000 : 90)};
  layer.threads = static_cast<int>(uniform(random, 1, 4));
  for (std::int64_t line = 0; line < 2 * layer.C; ++line) {
    double at = -0.5 * layer.K;
    for (std::int64_t k = 0; k <= layer.K; ++k, at += 0.1 + std::exp(normal(random) / 2)) layer.knots.push_back(T(at));
  }
  for (std::int64_t i = 0; i < layer.C * (layer.K + 1); ++i) layer.derivatives.push_back(T(std::exp(normal(random) / 2)));
  for (std::int64_t i = 0; i < layer.extent.images * layer.C * layer.extent.pixels; ++i)
    layer.x.push_back(T(normal(random) * layer.K));
  layer.y.resize(layer.x.size());
  layer.logdet.resize(layer.extent.images);
  return layer;
}

template <class T>
void check_spline(Random& random) {
  SplineLayer<T> layer = random_spline_layer<T>(random);
  const Numbers numbers = layer.numbers();
  const double unit = 100 * std::numeric_limits<T>::epsilon();
  invconv::spline(layer.splines(), layer.extent, layer.x.data(), layer.y.data(), layer.logdet.data(), layer.threads);
  std::vector<double> logdet(layer.extent.images, 0);
  for (std::size_t i = 0; i < layer.x.size(); ++i) {
    const auto [y, slope] = spline_at(layer.x[i], numbers, layer.channel(i), layer.K);
    require(std::abs(layer.y[i] - y) <= unit * (10 + std::abs(y)), "spline wrong by " + std::to_string(layer.y[i] - y));
    logdet[static_cast<std::int64_t>(i) / layer.extent.pixels / layer.C] += std::log(slope);
  }
  const double terms = static_cast<double>(layer.C * layer.extent.pixels);
  for (std::size_t b = 0; b < logdet.size(); ++b)
    require(std::abs(layer.logdet[b] - logdet[b]) <= unit * (1 + terms), "the splines' log-determinant is wrong");
  std::vector<T> back(layer.x.size());
  invconv::inverse_spline(layer.splines(), layer.extent, layer.y.data(), back.data(), layer.threads);
  for (std::size_t i = 0; i < back.size(); ++i)
    require(std::abs(back[i] - layer.x[i]) <= 100 * unit * (10 + std::abs(layer.x[i])), "the splines' inverse is wrong");
}

// sum y + sum log dy/dx of the splines that lie so far along a direction.
template <class T>
double loss_at(const SplineLayer<T>& layer, const Numbers& direction, double step) {
  Numbers numbers = layer.numbers();
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] += step * direction[i];
  double loss = 0;
  for (std::size_t i = 0; i < layer.x.size(); ++i) {
    const auto [y, slope] = spline_at(layer.x[i], numbers, layer.channel(i), layer.K);
    loss += y + std::log(slope);
  }
  return loss;
}

template <class T>
void check_spline_gradient(Random& random) {
  const SplineLayer<T> layer = random_spline_layer<T>(random);
  const std::vector<T> ones(layer.x.size(), 1), of_logdet(layer.extent.images, 1);
  std::vector<T> grad(layer.x.size()), grad_knots(layer.knots.size()), grad_derivatives(layer.derivatives.size());
  const invconv::SplineGradients<T> gradients{grad_knots.data(), grad_derivatives.data()};
  invconv::spline_gradient(layer.splines(), layer.extent, layer.x.data(), ones.data(), of_logdet.data(), grad.data(),
                           gradients, layer.threads);
  Numbers direction(grad_knots.size() + grad_derivatives.size());
  double actual = 0, absolute = 1;
  for (std::size_t i = 0; i < direction.size(); ++i) {
    direction[i] = normal(random) / 10;
    const double term = direction[i] * (i < grad_knots.size() ? grad_knots[i] : grad_derivatives[i - grad_knots.size()]);
    actual += term;
    absolute += std::abs(term);
  }
  const double expected = (loss_at(layer, direction, 1e-6) - loss_at(layer, direction, -1e-6)) / 2e-6;
  const double error = std::abs(actual - expected);
  require(error <= (sizeof(T) == 4 ? 1e-3 : 1e-5) * absolute, "the splines' gradient is wrong by " + std::to_string(error));
  invconv::inverse_spline_gradient(layer.splines(), layer.extent, layer.x.data(), ones.data(), grad.data(), gradients,
                                   layer.threads);
  const Numbers numbers = layer.numbers();
  for (std::size_t i = 0; i < grad.size(); ++i) {
    const double slope = spline_at(layer.x[i], numbers, layer.channel(i), layer.K).second;
    require(std::abs(grad[i] * slope - 1) <= 1e3 * std::numeric_limits<T>::epsilon(), "the gradient of y is wrong");
  }
}

// Hides what is better than the instruction set, so that the solver chooses it.
void pretend(const std::string& instruction_set) {
#ifdef INVCONV_X86
  __builtin_cpu_init();
  constexpr unsigned avx2 = 1u << 10, avx512f = 1u << 15;
  if (instruction_set == "portable" || instruction_set == "avx2") __cpu_model.features &= ~avx512f;
  if (instruction_set == "portable") __cpu_model.features &= ~avx2;
#endif
}

}  // namespace

int main(int argc, char** argv) {
  const std::string instruction_set = argc > 1 ? argv[1] : invconv::instruction_set();
  const int problems = argc > 2 ? std::stoi(argv[2]) : 300, seed = argc > 3 ? std::stoi(argv[3]) : 0;
  if (argc > 1) pretend(instruction_set);
  if (instruction_set != invconv::instruction_set()) {
    std::printf("no %s here: the solver uses %s\n", instruction_set.c_str(), invconv::instruction_set());
    return kNotHere;
  }
  void (*const checks[])(Random&) = {check_inverse<float>,  check_inverse<double>,  check_gradient<float>,
                                     check_gradient<double>, check_gradients<float>, check_gradients<double>,
                                     check_refusal<float>,  check_refusal<double>,
                                     check_spline<float>,   check_spline<double>,   check_spline_gradient<float>,
                                     check_spline_gradient<double>, filter_checks::check_filter<float>,
                                     filter_checks::check_filter<double>,
                                     filter_checks::check_filter_gradients<float>,
                                     filter_checks::check_filter_gradients<double>};
  for (int index = 0; index < problems; ++index) {
    std::seed_seq numbers{seed, index};
    Random random(numbers);
    try {
      for (auto* const check : checks) check(random);
    } catch (const std::exception& error) {
      std::printf("seed %d, problem %d: %s\n", seed, index, error.what());
      return 1;
    }
  }
  std::printf("%s: %d problems, none wrong\n", invconv::instruction_set(), problems);
}
