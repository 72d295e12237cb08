// Back substitution along anti-diagonals, whose pixels do not depend on each other: H + W - 1 steps, one barrier each.
//
// A block solves one channel group of one image after another. The last diagonals of x and the next ones of y lie in a
// ring. Some warps fetch y; a thread of the others sums up `Tile` channels of a pixel. The anchor is one more tap, that
// of y, so that the sum over all terms is one loop without a branch.
#pragma once

#include "cuda/block.cuh"
#include "cuda/prepare.cuh"

namespace invconv::cuda {

// What shared memory has room for. The ring comes first, because it is written as well.
enum class Tier { all_shared, kernel_global, all_global };

// The most channels that a thread sums up, and how many where the taps come from global memory.
template <class T>
constexpr int kMaxTile = sizeof(T) == 4 ? 8 : 4;
constexpr int kGlobalTile = 4;

template <class T>
struct SolveTask {
  Strided<const T> y;
  Strided<T> x;
  Sizes sizes;
  Corners corners;
  Layout layout;
  // As in PrepareTask.
  const T* taps;
  const int* offsets;
  const unsigned* reciprocals;
  int solving;  // threads of a block that do so; the others fetch y
  T* rings;     // [block][slot][row][cell], for Tier::all_global
};

INVCONV_BOTH std::int64_t ring_numbers(const Layout& layout) {
  return static_cast<std::int64_t>(layout.slots) * layout.slot();
}

template <class T>
INVCONV_BOTH std::int64_t tap_numbers(const Layout& layout) {
  return static_cast<std::int64_t>(layout.terms) * layout.channels * Vector<T>::size;
}

// The pixels (row, d - row) of anti-diagonal d.
struct Diagonal {
  int first_row, length;
};

INVCONV_DEVICE Diagonal diagonal(const Sizes& sizes, int d) {
  const int first = d < sizes.W ? 0 : d - sizes.W + 1;
  const int last = d < sizes.H ? d : sizes.H - 1;
  return {first, last - first + 1};
}

// What the threads of a block share while they solve one image.
template <class T>
struct Recursion {
  Plane<const T> y;
  Plane<T> x;
  T* cells;  // of the pixel in row 0, in slot 0
  const T* taps;
  const int* offsets;
  const unsigned* reciprocals;
};

// By the threads behind those that solve.
template <Tier tier, class Block, class T>
INVCONV_DEVICE void fetch_diagonal(Block& block, const SolveTask<T>& task, const Recursion<T>& r, int d, int slot,
                                   int thread) {
  const auto [first_row, length] = diagonal(task.sizes, d);
  if (length > 0) {
    const unsigned reciprocal = r.reciprocals[length];
    T* const cells = r.cells + slot * task.layout.slot();
    for (int e = thread - task.solving; e < length * task.sizes.n; e += block.threads - task.solving) {
      const int c = divide(e, reciprocal), h = first_row + e - c * length;
      T* const to = cells + h * task.layout.cell + c;
      const T* const from = r.y.at(c, h, d - h);
      if constexpr (tier == Tier::all_global)
        *to = *from;
      else
        block.copy_async(thread, to, from);
    }
  }
  block.end_group_of_copies(thread);
}

// Where the operands of a group of terms lie; one load.
template <int count>
struct alignas(count * sizeof(int)) Offsets {
  int of[count];
};

// A few terms of the sum for `Tile` channels of one pixel, between memory and the multiplications.
template <int Tile, class T>
struct Terms {
  // As many as keep the loads of one group in flight while the one before is multiplied, in a hundred registers.
  static constexpr int count = Tile <= 2 ? 4 : Tile <= 4 ? 2 : 1;
  static constexpr int chains = Tile <= 2 ? 2 : 1;  // few sums wait for their own last addition
  Vector<T> pixel[count], tap[count][Tile];

  INVCONV_DEVICE void read(const T* cell, const T* taps, const Offsets<count>& offsets, int stride) {
#pragma unroll
    for (int t = 0; t < count; ++t) {
      pixel[t] = load(cell + offsets.of[t]);
#pragma unroll
      for (int c = 0; c < Tile; ++c) tap[t][c] = load(taps + t * stride + c * Vector<T>::size);
    }
  }

  INVCONV_DEVICE void multiply(T (&sum)[Tile][chains]) const {
#pragma unroll
    for (int t = 0; t < count; ++t)
#pragma unroll
      for (int v = 0; v < Vector<T>::size; ++v)
#pragma unroll
        for (int c = 0; c < Tile; ++c) sum[c][v % chains] += tap[t][c].lane[v] * pixel[t].lane[v];
  }
};

// sum[c] = sum over terms of taps[term][c] . what the term multiplies. Loads run ahead of the multiplications: taps and
// pixels by one group of terms, the offsets that say where by two.
template <int Tile, class T>
INVCONV_DEVICE void sum_terms(T (&sum)[Tile], const T* cell, const T* taps, const int* offsets, int terms, int stride) {
  using Group = Terms<Tile, T>;
  const auto offsets_from = [&](int term) {
    return *reinterpret_cast<const Offsets<Group::count>*>(offsets + (term < terms ? term : 0));
  };
  T part[Tile][Group::chains] = {};
  Group now, ahead;
  now.read(cell, taps, offsets_from(0), stride);
  auto next = offsets_from(Group::count);
#pragma unroll 2
  for (int term = Group::count; term < terms; term += Group::count) {
    taps += Group::count * stride;
    ahead.read(cell, taps, next, stride);
    next = offsets_from(term + Group::count);
    now.multiply(part);
    now = ahead;
  }
  now.multiply(part);
#pragma unroll
  for (int c = 0; c < Tile; ++c) sum[c] = Group::chains == 1 ? part[c][0] : part[c][0] + part[c][Group::chains - 1];
}

template <int Tile, class T>
INVCONV_DEVICE void solve_diagonal(const SolveTask<T>& task, const Recursion<T>& r, int d, int slot, int thread) {
  const Layout& layout = task.layout;
  const auto [first_row, length] = diagonal(task.sizes, d);
  const unsigned reciprocal = r.reciprocals[length];
  const int* const offsets = r.offsets + slot * layout.terms;
  const int target = (slot == 0 ? layout.slots - 1 : slot - 1) * layout.slot();
  for (int item = thread; item < length * (layout.channels / Tile); item += task.solving) {
    const int tile = divide(item, reciprocal), first = tile * Tile, h = first_row + item - tile * length;
    T* const cell = r.cells + h * layout.cell;
    T sum[Tile];
    sum_terms(sum, cell, r.taps + first * Vector<T>::size, offsets, layout.terms,
              layout.channels * Vector<T>::size);
#pragma unroll
    for (int c = 0; c < Tile; ++c)
      if (first + c < task.sizes.n) {
        cell[target + first + c] = sum[c];
        *r.x.at(first + c, h, d - h) = sum[c];
      }
  }
}

template <int Tile, Tier tier, class Block, class T>
INVCONV_DEVICE void solve_image(Block& block, const SolveTask<T>& task, const Recursion<T>& r, T* ring) {
  const Layout& layout = task.layout;
  const int threads = block.threads, diagonals = task.sizes.H + task.sizes.W - 1;
  // Cells outside of the image are never written: they stay the zeros of the padding.
  block.phase([&](int thread) {
    for (std::int64_t e = thread; e < ring_numbers(layout); e += threads) ring[e] = 0;
  });
  block.phase([&](int thread) {
    if (thread < task.solving) return;
    for (int d = 0; d < kAhead; ++d) fetch_diagonal<tier>(block, task, r, d, d, thread);
    block.template wait_for_copies<kAhead - 1>(thread);
  });
  int slot = 0, next = kAhead;
  for (int d = 0; d < diagonals; ++d) {
    block.phase([&](int thread) {
      if (thread < task.solving) {
        solve_diagonal<Tile>(task, r, d, slot, thread);
      } else {
        fetch_diagonal<tier>(block, task, r, d + kAhead, next, thread);
        block.template wait_for_copies<kAhead - 1>(thread);
      }
    });
    slot = slot + 1 == layout.slots ? 0 : slot + 1;
    next = next + 1 == layout.slots ? 0 : next + 1;
  }
}

template <int Tile, Tier tier, class Block, class T>
INVCONV_DEVICE void solve(Block& block, const SolveTask<T>& task) {
  const Layout& layout = task.layout;
  const int threads = block.threads, group = static_cast<int>(block.index % task.sizes.groups);
  auto* const shared = reinterpret_cast<T*>(block.shared);
  Recursion<T> r{};
  r.taps = task.taps + group * tap_numbers<T>(layout);
  r.offsets = task.offsets;
  r.reciprocals = task.reciprocals;
  T* ring;
  if constexpr (tier == Tier::all_global)
    ring = task.rings + block.index * ring_numbers(layout);
  else
    ring = shared;
  if constexpr (tier == Tier::all_shared) {
    T* const taps = shared + ring_numbers(layout);
    int* const offsets = reinterpret_cast<int*>(taps + tap_numbers<T>(layout));
    auto* const reciprocals = reinterpret_cast<unsigned*>(offsets + layout.slots * layout.terms);
    block.phase([&](int thread) {
      for (std::int64_t e = thread; e < tap_numbers<T>(layout) / Vector<T>::size; e += threads)
        reinterpret_cast<Vector<T>*>(taps)[e] = load(r.taps + e * Vector<T>::size);
      for (int e = thread; e < layout.slots * layout.terms; e += threads) offsets[e] = r.offsets[e];
      for (int e = 1 + thread; e <= task.sizes.H; e += threads) reciprocals[e] = r.reciprocals[e];
    });
    r.taps = taps;
    r.offsets = offsets;
    r.reciprocals = reciprocals;
  }
  r.cells = ring + (layout.rows - task.sizes.H) * layout.cell;
  for (std::int64_t image = block.index / task.sizes.groups; image < task.sizes.images;
       image += block.count / task.sizes.groups) {
    r.y = plane_of(task.y, task.sizes, task.corners, image, group);
    r.x = plane_of(task.x, task.sizes, task.corners, image, group);
    solve_image<Tile, tier>(block, task, r, ring);
  }
}

}  // namespace invconv::cuda
