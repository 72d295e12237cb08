#include "cuda/plan.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace invconv::cuda {
namespace {

// No number of this file is measured, since no GPU has run the kernels yet: each is counted or guessed, as it says. To
// measure one, change it and compare what `benchmarks/bench_gpu.py --json results/NAME.json` writes of each layer.
constexpr int kWarp = 32;
// Counted: of the 65,536 registers of a multiprocessor the kernels take up to 128 a thread (`nvcc -Xptxas -v`).
constexpr int kThreadsOfMultiprocessor = 512;
constexpr int kMaxThreads = 512;     // likewise, for a block alone on its multiprocessor
constexpr int kMaxFetching = 128;    // guessed: threads of them that fetch y, so that most of them sum
constexpr int kFetchesOfThread = 6;  // guessed: numbers of y that each of these has under way

template <class I>
I divide_up(I a, I b) {
  return (a + b - 1) / b;
}

template <class I>
I round_up(I a, I b) {
  return divide_up(a, b) * b;
}

int whole_warps(std::int64_t threads, int most) {
  return static_cast<int>(std::min<std::int64_t>(round_up<std::int64_t>(threads, kWarp), most));
}

void check_index(std::int64_t numbers) {
  if (numbers > std::numeric_limits<std::int32_t>::max())
    throw std::invalid_argument(
        "weight: the kernel or the diagonals of an image are too large for the CUDA solver; use method 'fixed_point'");
}

// Cycles of a step, up to a factor, when a thread computes `tile` channels: a load from shared memory for the pixel
// (one for each lane) and for each row of the tap (one for all lanes), or the instructions of the four schedulers: all
// counted.
std::int64_t cost_of_step(const Sizes& sizes, int tile, std::int64_t blocks_of_multiprocessor) {
  const std::int64_t items = static_cast<std::int64_t>(divide_up(sizes.n, tile)) * sizes.H;
  const std::int64_t warps = divide_up<std::int64_t>(items, kWarp) * blocks_of_multiprocessor;
  return std::max(warps * (4 + tile), divide_up<std::int64_t>(warps, 4) * (1 + 5 * tile));
}

template <class T>
int best_tile(const Sizes& sizes, const Device& device) {
  const std::int64_t blocks = divide_up<std::int64_t>(sizes.images * sizes.groups, device.multiprocessors);
  int best = 1;
  for (int tile = 2; tile <= kMaxTile<T>; tile *= 2)
    if (cost_of_step(sizes, tile, blocks) < cost_of_step(sizes, best, blocks)) best = tile;
  return best;
}

template <class T>
Layout layout_of(const Sizes& sizes, int tile) {
  constexpr int V = Vector<T>::size;
  Layout layout{};
  layout.vectors = divide_up(sizes.n, V);
  layout.cell = (layout.vectors | 1) * V;
  layout.rows = sizes.H + sizes.kh - 1;
  layout.slots = kAhead + sizes.kh + sizes.kw;
  layout.channels = round_up(sizes.n, tile);
  const std::int64_t terms =
      round_up<std::int64_t>(static_cast<std::int64_t>(sizes.taps()) * layout.vectors, kTermGroup);
  check_index(terms * layout.channels * V);
  check_index(terms * layout.slots);
  check_index(static_cast<std::int64_t>(layout.slots) * layout.rows * layout.cell);
  check_index(static_cast<std::int64_t>(layout.channels) * sizes.H * sizes.H);
  layout.terms = static_cast<int>(terms);
  return layout;
}

template <class T>
std::size_t ring_bytes(const Layout& layout) {
  return static_cast<std::size_t>(ring_numbers(layout)) * sizeof(T);
}

std::size_t offset_bytes(const Layout& layout) {
  return static_cast<std::size_t>(layout.slots) * layout.terms * sizeof(int);
}

std::size_t reciprocal_bytes(const Sizes& sizes) { return (static_cast<std::size_t>(sizes.H) + 1) * sizeof(unsigned); }

template <class T>
std::size_t tap_bytes(const Layout& layout) {
  return static_cast<std::size_t>(tap_numbers<T>(layout)) * sizeof(T);
}

template <class T>
void choose_tier(SolvePlan& plan, const Sizes& sizes, const Device& device) {
  plan.tile = best_tile<T>(sizes, device);
  plan.layout = layout_of<T>(sizes, plan.tile);
  const std::size_t ring = ring_bytes<T>(plan.layout);
  plan.tier = Tier::all_shared;
  plan.solve.shared_bytes =
      ring + tap_bytes<T>(plan.layout) + offset_bytes(plan.layout) + reciprocal_bytes(sizes);
  if (plan.solve.shared_bytes <= device.shared_bytes) return;
  plan.tile = kGlobalTile;
  plan.layout = layout_of<T>(sizes, plan.tile);
  plan.tier = ring <= device.shared_bytes ? Tier::kernel_global : Tier::all_global;
  plan.solve.shared_bytes = plan.tier == Tier::kernel_global ? ring : 0;
}

// As many blocks as the device runs at a time, each with the same number of images where that divides.
std::int64_t solve_blocks(const SolvePlan& plan, const Sizes& sizes, const Device& device) {
  const std::size_t fit = plan.solve.shared_bytes ? device.shared_bytes / plan.solve.shared_bytes : kWarp;
  const std::int64_t of_threads = std::max(1, kThreadsOfMultiprocessor / plan.solve.threads);
  const std::int64_t at_once = std::min<std::int64_t>(of_threads, fit) * device.multiprocessors;
  const std::int64_t of_group = std::max<std::int64_t>(1, at_once / sizes.groups);
  return divide_up(sizes.images, divide_up(sizes.images, of_group)) * sizes.groups;
}

constexpr std::size_t kAlignment = 256;  // that of cudaMalloc

template <class T>
void lay_out_workspace(SolvePlan& plan, const Sizes& sizes) {
  const std::size_t scratch = plan.global_scratch ? prepare_bytes(sizes.n) * plan.prepare.blocks : 0;
  const std::size_t rings = plan.tier == Tier::all_global ? ring_bytes<T>(plan.layout) * plan.solve.blocks : 0;
  plan.offsets = round_up(tap_bytes<T>(plan.layout) * sizes.groups, kAlignment);
  plan.reciprocals = plan.offsets + round_up(offset_bytes(plan.layout), kAlignment);
  plan.scratch = plan.reciprocals + round_up(reciprocal_bytes(sizes), kAlignment);
  plan.rings = plan.scratch + round_up(scratch, kAlignment);
  plan.workspace_bytes = plan.rings + rings;
}

// Channels of v and of x that a block holds, guessed: a quarter of what it loads is then computed with, whatever n is.
constexpr int kBlockChannels = 16;
constexpr std::size_t kPieceBytes = 48 << 10;  // what a block may have of shared memory without asking

// The largest piece that fits, in whole rows where they do; smaller ones while multiprocessors would have no block, that
// is while a quarter of them has none: guessed.
template <class T>
void choose_pieces(GradientLayout& layout, const Sizes& sizes, const Device& device) {
  const std::size_t most = std::min(kPieceBytes, device.shared_bytes);
  const auto bytes = [&] { return static_cast<std::size_t>(piece_numbers(sizes, layout)) * sizeof(T); };
  layout.rows = sizes.H;
  layout.columns = sizes.W;
  while (bytes() > most && layout.rows > 1) layout.rows = divide_up(layout.rows, 2);
  while (bytes() > most && layout.columns > 1) layout.columns = divide_up(layout.columns, 2);
  if (bytes() > device.shared_bytes)
    throw std::invalid_argument("weight: its taps are too many for the CUDA solver; use method 'fixed_point'");
  const auto blocks = [&] {
    return sizes.images * divide_up(sizes.H, layout.rows) * divide_up(sizes.W, layout.columns) * sizes.groups *
           layout.tile_blocks();
  };
  while (4 * blocks() < 3 * device.multiprocessors && layout.rows > sizes.kh) layout.rows = divide_up(layout.rows, 2);
  layout.row_pieces = divide_up(sizes.H, layout.rows);
  layout.column_pieces = divide_up(sizes.W, layout.columns);
}

template <class T>
GradientLayout gradient_layout(const Sizes& sizes, const Device& device) {
  GradientLayout layout{};
  layout.channels = std::min(round_up(sizes.n, kEdge), kBlockChannels);
  layout.channel_blocks = divide_up(sizes.n, layout.channels);
  // An odd number of vectors, as in Layout.
  layout.cell = (layout.channels / Vector<T>::size | 1) * Vector<T>::size;
  const int squares = layout.edge_tiles() * layout.edge_tiles();
  layout.taps = std::min(sizes.taps(), kMaxThreads / squares);
  layout.tap_blocks = divide_up(sizes.taps(), layout.taps);
  layout.slices = std::max(1, kMaxThreads / 2 / layout.tiles());
  choose_pieces<T>(layout, sizes, device);
  layout.units = sizes.images * layout.row_pieces * layout.column_pieces;
  // Four blocks a multiprocessor, guessed: they even out who is done early, and each writes sums of its own.
  const std::int64_t wanted = 4 * static_cast<std::int64_t>(device.multiprocessors) /
                              (static_cast<std::int64_t>(sizes.groups) * layout.tile_blocks());
  layout.chunks = std::min(layout.units, std::max<std::int64_t>(1, wanted));
  return layout;
}

}  // namespace

template <class T>
SolvePlan plan_solve(const Sizes& sizes, const Device& device) {
  SolvePlan plan{};
  choose_tier<T>(plan, sizes, device);
  const std::int64_t items = static_cast<std::int64_t>(plan.layout.channels / plan.tile) * sizes.H;
  plan.solving = whole_warps(items, kMaxThreads - kMaxFetching);
  const std::int64_t numbers = static_cast<std::int64_t>(sizes.n) * sizes.H;
  plan.solve.threads = plan.solving + whole_warps(divide_up<std::int64_t>(numbers, kFetchesOfThread), kMaxFetching);
  plan.solve.blocks = solve_blocks(plan, sizes, device);
  plan.prepare.blocks = static_cast<std::int64_t>(sizes.groups) * sizes.taps();
  plan.prepare.threads = whole_warps(static_cast<std::int64_t>(sizes.n) * sizes.n, kMaxThreads);
  plan.global_scratch = prepare_bytes(sizes.n) > device.shared_bytes;
  plan.prepare.shared_bytes = plan.global_scratch ? 0 : prepare_bytes(sizes.n);
  lay_out_workspace<T>(plan, sizes);
  return plan;
}

template <class T>
GradientPlan plan_gradient(const Sizes& sizes, int kh_stored, int kw_stored, const Device& device) {
  const std::int64_t square = static_cast<std::int64_t>(sizes.n) * sizes.n * sizes.groups;
  check_index(square * kh_stored * kw_stored);
  GradientPlan plan{};
  plan.layout = gradient_layout<T>(sizes, device);
  const int tiles = plan.layout.tiles() * plan.layout.slices;
  const auto piece = static_cast<std::size_t>(piece_numbers(sizes, plan.layout));
  plan.sum.blocks = plan.layout.chunks * sizes.groups * plan.layout.tile_blocks();
  plan.sum.threads = whole_warps(tiles, kMaxThreads);
  plan.sum.shared_bytes = std::max(piece, static_cast<std::size_t>(tiles) * kSquare) * sizeof(T);
  plan.reduce.blocks = divide_up<std::int64_t>(square * kh_stored * kw_stored, kReduceEntries);
  plan.reduce.threads = kReduceEntries * kReduceParts;
  plan.reduce.shared_bytes = plan.reduce.threads * sizeof(double);
  plan.workspace_bytes = static_cast<std::size_t>(plan.layout.chunks * square * sizes.taps()) * sizeof(T);
  return plan;
}

template SolvePlan plan_solve<float>(const Sizes&, const Device&);
template SolvePlan plan_solve<double>(const Sizes&, const Device&);
template GradientPlan plan_gradient<float>(const Sizes&, int, int, const Device&);
template GradientPlan plan_gradient<double>(const Sizes&, int, int, const Device&);

}  // namespace invconv::cuda
