// The CUDA kernels on the host, thread after thread, against sums written down from the formula. The memory that a
// block may use is as large as its launch says and full of NaN, so that a sanitizer and the comparison see every stray
// index.
//
//   c++ -std=c++17 -fsanitize=address,undefined -I csrc csrc/tests/test_cuda_host.cpp csrc/cuda/plan.cpp

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <new>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "cuda/layer.h"

namespace {

using namespace invconv;
using namespace invconv::cuda;
using Random = std::mt19937;

constexpr std::align_val_t kAligned{256};

struct Memory {
  explicit Memory(std::size_t bytes) : data(static_cast<unsigned char*>(::operator new(bytes, kAligned))) {
    std::memset(data, 0xff, bytes);
  }
  ~Memory() { ::operator delete(data, kAligned); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  unsigned char* data;
};

// The threads of a phase in ascending or descending order: one that needs what another one writes in the same phase
// is found in one of the two. Copies are made as late as they may be: when their thread waits for them.
struct HostBlock {
  std::int64_t index, count;
  int threads;
  unsigned char* shared;
  bool descending;
  std::vector<std::deque<std::vector<std::function<void()>>>> copies{};  // [thread][group]

  template <class T>
  void copy_async(int thread, T* to, const T* global) {
    open_group(thread).push_back([=] { *to = *global; });
  }
  void end_group_of_copies(int thread) {
    open_group(thread);
    copies[thread].emplace_back();
  }
  template <int Groups>
  void wait_for_copies(int thread) {
    // The last group is still open.
    for (; copies[thread].size() > Groups + 1; copies[thread].pop_front())
      for (const auto& copy : copies[thread].front()) copy();
  }
  std::vector<std::function<void()>>& open_group(int thread) {
    copies.resize(threads);
    if (copies[thread].empty()) copies[thread].emplace_back();
    return copies[thread].back();
  }

  template <class F>
  void phase(F function) {
    for (int thread = 0; thread < threads; ++thread) function(descending ? threads - 1 - thread : thread);
  }

  template <class S>
  struct PerThread {
    explicit PerThread(const HostBlock& block) : all(block.threads) {}
    S& operator[](int thread) { return all[thread]; }
    std::vector<S> all;
  };
};

class HostMachine {
 public:
  HostMachine(const Device& device, bool descending) : device_(device), descending_(descending) {}

  Device device() const { return device_; }
  std::string used() const { return used_; }

  template <bool shared, class T>
  void prepare(const Grid& grid, const PrepareTask<T>& task) {
    run(grid, [&](HostBlock& block) { cuda::prepare<shared>(block, task); });
    used_ += shared ? "" : "anchor in global memory, ";
  }
  template <int Tile, Tier tier, class T>
  void solve(const Grid& grid, const SolveTask<T>& task) {
    run(grid, [&](HostBlock& block) { cuda::solve<Tile, tier>(block, task); });
    const char* const names[] = {"all shared", "kernel in global memory", "all in global memory"};
    used_ += std::string(names[static_cast<int>(tier)]) + ", tile " + std::to_string(Tile);
  }
  template <class T>
  void sum_over_pieces(const Grid& grid, const GradientTask<T>& task) {
    run(grid, [&](HostBlock& block) { cuda::sum_over_pieces(block, task); });
    const GradientLayout& layout = task.layout;
    used_ = layout.columns < task.sizes.W ? "pieces of rows" : layout.rows < task.sizes.H ? "rows" : "whole images";
    used_ += layout.tile_blocks() > 1 ? ", several tiles" : ", one tile";
  }
  template <class T>
  void sum_over_chunks(const Grid& grid, const ReduceTask<T>& task) {
    run(grid, [&](HostBlock& block) { cuda::sum_over_chunks(block, task); });
  }

 private:
  template <class F>
  void run(const Grid& grid, F kernel) {
    for (std::int64_t b = 0; b < grid.blocks; ++b) {
      Memory shared(grid.shared_bytes);
      HostBlock block{descending_ ? grid.blocks - 1 - b : b, grid.blocks, grid.threads, shared.data, descending_};
      kernel(block);
    }
  }

  Device device_;
  bool descending_;
  std::string used_;
};

int uniform(Random& random, int least, int most) { return std::uniform_int_distribution<>(least, most)(random); }

// An array with axes in any order and direction and with gaps; what lies in the gaps must stay as it is.
template <class T>
struct Array {
  Array(Random& random, std::array<int, 4> sizes) {
    int axes[4] = {0, 1, 2, 3};
    std::shuffle(axes, axes + 4, random);
    std::int64_t step = uniform(random, 1, 2), first = 0;
    for (int axis : axes) {
      const int gap = uniform(random, 0, 4) == 0;
      view.size[axis] = sizes[axis];
      view.stride[axis] = uniform(random, 0, 3) ? step : -step;
      if (view.stride[axis] < 0) first += step * std::max(0, sizes[axis] - 1);
      step *= sizes[axis] + gap;
    }
    numbers.assign(step, kGap);
    view.data = numbers.data() + first;
  }
  Array(const Array&) = delete;

  T& operator()(int a, int b, int c, int d) { return at(view, a, b, c, d); }
  View<const T> read() const {
    View<const T> same{view.data, {}, {}};
    std::copy_n(view.size, 4, same.size);
    std::copy_n(view.stride, 4, same.stride);
    return same;
  }
  void each(const std::function<void(int, int, int, int)>& f) const {
    for (int a = 0; a < view.size[0]; ++a)
      for (int b = 0; b < view.size[1]; ++b)
        for (int c = 0; c < view.size[2]; ++c)
          for (int d = 0; d < view.size[3]; ++d) f(a, b, c, d);
  }
  bool gaps_are_intact() {
    std::vector<T> copy = numbers;
    each([&](int a, int b, int c, int d) { copy[&(*this)(a, b, c, d) - numbers.data()] = kGap; });
    return std::all_of(copy.begin(), copy.end(), [](T value) { return value == kGap; });
  }

  static constexpr T kGap = 12345;
  std::vector<T> numbers;
  View<T> view{};
};

struct Case {
  int B, groups, n, H, W, kh, kw;
  bool transposed;
  Device device;
  std::vector<Corner> corners;
  bool descending;
};

std::string describe(const Case& c) {
  std::string text = std::to_string(c.B) + "x" + std::to_string(c.groups) + "*" + std::to_string(c.n) + "x" +
                     std::to_string(c.H) + "x" + std::to_string(c.W) + ", kernel " + std::to_string(c.kh) + "x" +
                     std::to_string(c.kw) + (c.transposed ? ", transposed" : "") + ", shared " +
                     std::to_string(c.device.shared_bytes) + ", corners";
  for (const Corner& corner : c.corners)
    text += std::string(" ") + (corner.bottom ? "b" : "t") + (corner.right ? "r" : "l");
  return text;
}

// Which row and column of an image of one group the stored tap (i, j) multiplies, for the pixel (h, w) of y.
struct Pixel {
  int h, w;
  bool inside;
};

Pixel source(const Case& c, int group, int h, int w, int i, int j) {
  const int row = h + i - (c.corners[group].bottom ? 0 : c.kh - 1);
  const int column = w + j - (c.corners[group].right ? 0 : c.kw - 1);
  return {row, column, row >= 0 && row < c.H && column >= 0 && column < c.W};
}

// Calls f(b, c, h, w of y, d, h, w of x, i, j) for every product in y = T x.
template <class F>
void each_product(const Case& c, F f) {
  for (int b = 0; b < c.B; ++b)
    for (int out = 0; out < c.groups * c.n; ++out)
      for (int h = 0; h < c.H; ++h)
        for (int w = 0; w < c.W; ++w)
          for (int i = 0; i < c.kh; ++i)
            for (int j = 0; j < c.kw; ++j) {
              const Pixel from = source(c, out / c.n, h, w, i, j);
              if (from.inside)
                for (int d = 0; d < c.n; ++d) f(b, out, h, w, d, from.h, from.w, i, j);
            }
}

template <class T>
void fill(Array<T>& array, Random& random, double scale) {
  std::normal_distribution<> normal(0, scale);
  array.each([&](int a, int b, int c, int d) { array(a, b, c, d) = static_cast<T>(normal(random)); });
}

// Anchors that need pivoting and are well conditioned: a permutation, signed and scaled, plus a little noise.
template <class T>
void set_anchors(Array<T>& weight, const Case& c, Random& random) {
  for (int g = 0; g < c.groups; ++g) {
    const int i = c.corners[g].bottom ? 0 : c.kh - 1, j = c.corners[g].right ? 0 : c.kw - 1;
    std::vector<int> order(c.n);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    for (int k = 0; k < c.n; ++k)
      weight(g * c.n + k, order[k], i, j) += static_cast<T>(uniform(random, 0, 1) ? 1.3 : -0.9);
  }
}

int failures = 0;
std::map<std::string, int> seen;

void expect(bool holds, const Case& c, const std::string& what) {
  if (holds) return;
  ++failures;
  std::printf("FAILED: %s: %s\n", what.c_str(), describe(c).c_str());
}

template <class T>
bool close(T value, double expected, double scale) {
  return std::abs(static_cast<double>(value) - expected) <= (sizeof(T) == 4 ? 2e-4 : 1e-11) * scale;
}

template <class T>
void test_solve(const Case& c, Random& random) {
  const int C = c.groups * c.n;
  Array<T> weight(random, {C, c.n, c.kh, c.kw}), y(random, {c.B, C, c.H, c.W}), x(random, {c.B, C, c.H, c.W});
  fill(weight, random, 0.3 / std::sqrt(c.n * c.kh * c.kw));
  set_anchors(weight, c, random);
  Array<double> expected(random, {c.B, C, c.H, c.W}), image(random, {c.B, C, c.H, c.W});
  fill(expected, random, 1);
  image.each([&](int b, int ch, int h, int w) { image(b, ch, h, w) = 0; });
  each_product(c, [&](int b, int out, int h, int w, int d, int xh, int xw, int i, int j) {
    const int in = out / c.n * c.n + d;
    const double tap = weight(out, d, i, j);
    if (c.transposed)
      image(b, in, xh, xw) += tap * expected(b, out, h, w);
    else
      image(b, out, h, w) += tap * expected(b, in, xh, xw);
  });
  image.each([&](int b, int ch, int h, int w) { y(b, ch, h, w) = static_cast<T>(image(b, ch, h, w)); });

  const SolveProblem<T> problem{y.read(), weight.read(), x.view, c.corners, c.transposed};
  Memory workspace(solve_workspace(problem, c.device));
  HostMachine machine(c.device, c.descending);
  solve_layer(problem, workspace.data, machine);
  ++seen["solve: " + machine.used()];
  bool right = true;
  x.each([&](int b, int ch, int h, int w) { right &= close(x(b, ch, h, w), expected(b, ch, h, w), 4); });
  expect(right, c, sizeof(T) == 4 ? "x of a float solve" : "x of a double solve");
  expect(x.gaps_are_intact(), c, "the solve writes beside x");
}

template <class T>
void test_gradient(const Case& c, Random& random) {
  const int C = c.groups * c.n;
  Array<T> v(random, {c.B, C, c.H, c.W}), x(random, {c.B, C, c.H, c.W}), gradient(random, {C, c.n, c.kh, c.kw});
  fill(v, random, 1);
  fill(x, random, 1);
  Array<double> expected(random, {C, c.n, c.kh, c.kw});
  expected.each([&](int a, int b, int i, int j) { expected(a, b, i, j) = 0; });
  each_product(c, [&](int b, int out, int h, int w, int d, int xh, int xw, int i, int j) {
    expected(out, d, i, j) -= static_cast<double>(v(b, out, h, w)) * x(b, out / c.n * c.n + d, xh, xw);
  });
  const invconv::cuda::GradientProblem<T> problem{v.read(), x.read(), gradient.view, c.corners};
  // Room for one pixel and its neighbourhood at least.
  const Device device{c.device.multiprocessors, std::max<std::size_t>(c.device.shared_bytes, 3 << 10)};
  Memory workspace(gradient_workspace(problem, device));
  HostMachine machine(device, c.descending);
  gradient_layer(problem, workspace.data, machine);
  ++seen["gradient: " + machine.used()];
  bool right = true;
  const double scale = 1 + std::sqrt(c.B * c.H * c.W);
  gradient.each([&](int a, int b, int i, int j) { right &= close(gradient(a, b, i, j), expected(a, b, i, j), scale); });
  expect(right, c, sizeof(T) == 4 ? "float gradient" : "double gradient");
  expect(gradient.gaps_are_intact(), c, "the sum writes beside the gradient");
}

void test_both(const Case& c, Random& random) {
  test_solve<float>(c, random);
  test_solve<double>(c, random);
  test_gradient<float>(c, random);
  test_gradient<double>(c, random);
}

Case random_case(Random& random) {
  const std::size_t shared[] = {227 << 10, 8 << 10, 3 << 10, 1 << 10, 256};
  Case c{};
  c.B = uniform(random, 0, 5);
  c.groups = uniform(random, 1, 3);
  c.n = uniform(random, 0, 4) ? uniform(random, 1, 7) : uniform(random, 8, 19);
  c.H = uniform(random, 1, 9);
  c.W = uniform(random, 1, 9);
  c.kh = uniform(random, 1, 4);
  c.kw = uniform(random, 1, 4);
  c.transposed = uniform(random, 0, 1) == 1;
  c.device = {uniform(random, 1, 40), shared[uniform(random, 0, 4)]};
  c.descending = uniform(random, 0, 1) == 1;
  for (int g = 0; g < c.groups; ++g) c.corners.push_back({uniform(random, 0, 1) == 1, uniform(random, 0, 1) == 1});
  return c;
}

Case plain_case(int B, int groups, int n, int H, int W, int k, std::size_t shared = 227 << 10,
                int multiprocessors = 132) {
  Case c{B, groups, n, H, W, k, k, false, {multiprocessors, shared}, {}, false};
  for (int g = 0; g < groups; ++g) c.corners.push_back({(g & 2) != 0, (g & 1) != 0});
  return c;
}

// A singular anchor, or one that is not finite, makes all of its group NaN and leaves the other groups alone.
void test_bad_anchors(double entry, Random& random) {
  const Case c = plain_case(2, 2, 3, 4, 5, 2);
  Array<float> weight(random, {6, 3, 2, 2}), y(random, {2, 6, 4, 5}), x(random, {2, 6, 4, 5});
  fill(weight, random, 0.1);
  set_anchors(weight, c, random);
  for (int d = 0; d < 3; ++d) weight(1, d, 1, 1) = d == 2 ? static_cast<float>(entry) : 0;
  y.each([&](int b, int ch, int h, int w) { y(b, ch, h, w) = 0; });
  const SolveProblem<float> problem{y.read(), weight.read(), x.view, c.corners, false};
  Memory workspace(solve_workspace(problem, c.device));
  HostMachine machine(c.device, false);
  solve_layer(problem, workspace.data, machine);
  bool right = true;
  x.each([&](int b, int ch, int h, int w) { right &= ch < 3 ? std::isnan(x(b, ch, h, w)) : x(b, ch, h, w) == 0; });
  expect(right, c, "an anchor with the row 0 0 " + std::to_string(entry));
}

// Anchors that are regular whatever the scale of their rows and columns, or because they are triangular.
void test_scaled_anchors(bool triangular, Random& random) {
  const int n = 12;
  const Case c = plain_case(1, 1, n, 3, 4, 1);
  Array<double> weight(random, {n, n, 1, 1}), expected(random, {1, n, 3, 4}), y(random, {1, n, 3, 4}), x(random, {1, n, 3, 4});
  set_anchors(weight, c, random);
  fill(expected, random, 1);
  for (int r = 0; r < n; ++r)
    for (int d = 0; d < n; ++d)
      if (triangular)
        weight(r, d, 0, 0) = d > r ? 0 : d == r ? 1 : 30 * ((r * 7 + d * 5) % 11 - 5);
      else
        weight(r, d, 0, 0) *= std::pow(10.0, 20 * (r % 3) - 15 * (d % 2));
  // One channel of each pixel alone: nothing cancels in y, so that the inverse has to bring it back.
  expected.each([&](int b, int ch, int h, int w) { expected(b, ch, h, w) = ch == (triangular ? n - 1 - w : 4 * h + w) ? 1 : 0; });
  y.each([&](int b, int ch, int h, int w) {
    double sum = 0;
    for (int d = 0; d < n; ++d) sum += weight(ch, d, 0, 0) * expected(b, d, h, w);
    y(b, ch, h, w) = sum;
  });
  const SolveProblem<double> problem{y.read(), weight.read(), x.view, c.corners, false};
  Memory workspace(solve_workspace(problem, c.device));
  HostMachine machine(c.device, false);
  solve_layer(problem, workspace.data, machine);
  bool right = true;
  x.each([&](int b, int ch, int h, int w) {
    const double scale = triangular ? 1 : std::pow(10.0, 15 * (ch % 2) - 15 * ((4 * h + w) % 2));
    right &= std::abs(x(b, ch, h, w) - expected(b, ch, h, w)) < 1e-9 * scale;
  });
  expect(right, c, triangular ? "a triangular anchor" : "an anchor of rows and columns of all scales");
}

}  // namespace

int main() {
  Random random(1);
  for (int i = 0; i < 250; ++i) test_both(random_case(random), random);
  test_both(plain_case(3, 1, 12, 16, 16, 3), random);       // the shape of the goals
  test_both(plain_case(2, 4, 3, 16, 16, 3), random);        // one corner for each quarter of the channels
  test_both(plain_case(4, 1, 32, 16, 16, 3, 227 << 10, 1), random);  // enough work for the widest tile
  test_both(plain_case(1, 1, 37, 3, 5, 2, 8 << 10), random);  // the anchor does not fit
  test_both(plain_case(1, 1, 1, 3, 700, 2, 4 << 10), random);  // rows do not fit
  test_both(plain_case(1, 1, 2, 4, 600, 3), random);        // a diagonal of few pixels, many of them
  test_both(plain_case(1, 1, 2, 600, 4, 3), random);
  test_both(plain_case(1, 1, 3, 300, 302, 1), random);      // more pixels on a diagonal than threads in a block
  test_both(plain_case(1, 1, 4, 9, 9, 23, 64 << 10), random);  // most taps only meet the padding
  test_both(plain_case(1, 1, 16, 9, 9, 7), random);         // more taps than a block of the gradient holds
  test_both(plain_case(1, 1100, 1, 2, 3, 2), random);       // more groups than a launch serves
  for (double entry : {0.0, HUGE_VAL, std::nan("")}) test_bad_anchors(entry, random);
  for (bool triangular : {false, true}) test_scaled_anchors(triangular, random);
  for (const auto& [variant, count] : seen) std::printf("%5d  %s\n", count, variant.c_str());
  if (failures) std::printf("%d checks failed\n", failures);
  return failures != 0;
}
