#include "cpu/plan.h"

#include <algorithm>
#include <vector>

#include "cpu/processor.h"

namespace invconv {
namespace {

template <class T>
struct Available {
  Kernels<T> kernels;
  // Of a multiply-add of one register, by what it holds. Fitted to times of 3 to 48 channels on Zen 4, which splits the
  // widest registers in two; these times were not kept, and the portable code's are guesses. To measure them again,
  // leave one line of available_kernels() and one of the two Lanes, and compare what `python -m invconv.bench --growth`
  // prints for its channels; benchmarks/results/growth-epyc-zen4-2-threads.json has those of what the numbers choose.
  double of_images, of_channels;
};

template <class T>
std::vector<Available<T>> available_kernels() {
  std::vector<Available<T>> found;
#ifdef INVCONV_X86
  if (has_avx512()) found.push_back({avx512::kernels<T>(), 2.6, 2});
  if (has_avx2()) found.push_back({avx2::kernels<T>(), 1.55, 1.6});
  found.push_back({portable::kernels<T>(), 2, 2});  // it multiplies and adds apart
#else
  found.push_back({portable::kernels<T>(), 1, 1});
#endif
  return found;
}

template <class T>
Plan<T> plan_with(const Available<T>& with, Lanes lanes, std::int64_t B, std::int64_t G, std::int64_t n, int threads) {
  const bool by_images = lanes == Lanes::images;
  const std::int64_t width = with.kernels.lanes, units = by_images ? divide_up(B, width) : B;
  const Blocks blocks = blocks_of(n, by_images ? 1 : width, kMaxRows);
  const std::int64_t registers = blocks.count * blocks.rows;
  const double cost = by_images ? with.of_images : with.of_channels;
  const std::int64_t work = std::max<std::int64_t>(units * G, 1);
  // Threads that share a unit wait for each other: 1.6 is their number times their time over that of one thread. What
  // was measured was not kept; `python -m invconv.bench --shape 1x12x64x64 --threads 2` and 1 measure it again.
  const double rounds =
      work < threads ? std::min(1.0, 1.6 / static_cast<double>(threads / work)) : static_cast<double>(divide_up(work, threads));
  return {with.kernels, lanes, blocks, registers * width, units, rounds * static_cast<double>(registers) * cost};
}

}  // namespace

template <class T>
Plan<T> plan_for(std::int64_t B, std::int64_t G, std::int64_t n, int threads) {
  static const std::vector<Available<T>> available = available_kernels<T>();
  Plan<T> best{};
  for (const Available<T>& with : available)
    for (Lanes lanes : {Lanes::channels, Lanes::images}) {
      const Plan<T> plan = plan_with(with, lanes, B, G, n, threads);
      if (best.cell == 0 || plan.cost < best.cost) best = plan;
    }
  return best;
}

// 512 KiB is counted, not measured: half of Zen 4's second-level cache, the other half for the kernel and the images.
Extent2d extent_at_a_time(std::int64_t bytes, std::int64_t H, std::int64_t W, std::int64_t up, std::int64_t left) {
  const std::int64_t pixels = std::max<std::int64_t>((512 << 10) / std::max<std::int64_t>(bytes, 1), 1);
  const std::int64_t strips = std::max<std::int64_t>(pixels / std::max<std::int64_t>(W + left, 1) / kMaxPixels, 1);
  if (strips > 1 || H > kMaxPixels) return {std::min(kMaxPixels * strips, std::max<std::int64_t>(H, 1)), W};
  // Less would be little beside what is carried over from block to block.
  const std::int64_t least = 8 * (left + kMaxPixels), columns = std::max(pixels / std::max<std::int64_t>(up + H, 1), least);
  return {std::max<std::int64_t>(H, 1), std::min(W, columns)};
}

const char* instruction_set() {
#ifdef INVCONV_X86
  if (has_avx512()) return "avx512";
  if (has_avx2()) return "avx2";
#elif defined(__aarch64__)
  return "neon";
#endif
  return "portable";
}

template Plan<float> plan_for(std::int64_t, std::int64_t, std::int64_t, int);
template Plan<double> plan_for(std::int64_t, std::int64_t, std::int64_t, int);

}  // namespace invconv
