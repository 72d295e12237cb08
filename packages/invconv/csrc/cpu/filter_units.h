// Signals side by side, as many as a register has lanes, and their filters.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cpu/buffer.h"
#include "cpu/filter_kernels.h"
#include "filter.h"

namespace invconv {

// Those of the best instruction set for so many signals side by side.
template <class T>
FilterKernels<T> best_filter_kernels(std::int64_t signals);

// Of so many units, which take so many multiply-adds of registers together.
int useful_threads(std::int64_t units, double work, int threads);

// Signals [first, first + count) of the inner of the two axes, at one place of the outer.
struct Unit {
  std::int64_t outer, first, count;
};

// Batch and filters, the longer one inside; one axis where the strides allow it.
struct Order {
  std::int64_t filters;
  bool filters_inside, is_one;
  std::int64_t outer, inner;

  std::int64_t batch_of(const Unit& unit, std::int64_t lane) const {
    return is_one ? (unit.first + lane) / filters : filters_inside ? unit.outer : unit.first + lane;
  }
  std::int64_t filter_of(const Unit& unit, std::int64_t lane) const {
    return is_one ? (unit.first + lane) % filters : filters_inside ? unit.first + lane : unit.outer;
  }
  std::int64_t signal_of(const Unit& unit, std::int64_t lane) const {
    return batch_of(unit, lane) * filters + filter_of(unit, lane);
  }
};

template <class T>
bool is_one_axis(const Signals<T>& signals) {
  return !signals.data || signals.stride[0] == signals.filters * signals.stride[1];
}

// Of signals of one shape, the first of which is there.
template <class First, class... Rest>
Order order_of(const First& first, const Rest&... rest) {
  const std::int64_t B = first.batch, F = first.filters;
  if (B > 1 && F > 1 && is_one_axis(first) && (is_one_axis(rest) && ...)) return {F, true, true, 1, B * F};
  return F > B ? Order{F, true, false, B, F} : Order{F, false, false, F, B};
}

// Filters whose a_0 is 1, and left out.
template <class T>
class Normalized {
 public:
  Normalized(const Filters<T>& filters, std::int64_t count);
  const T* b(std::int64_t filter) const { return b_.data() + filter * (zeros + 1); }
  const T* a(std::int64_t filter) const { return a_.data() + filter * poles; }

  const std::int64_t zeros, poles;

 private:
  std::vector<T> b_, a_;
};

std::vector<Unit> units_of(const Order& order, std::int64_t lanes);

template <class T>
Samples<T> samples_of(const Signals<T>& signals, const Order& order, const Unit& unit) {
  if (!signals.data) return {};
  const int axis = order.filters_inside ? 1 : 0;
  return {signals.signal(order.batch_of(unit, 0), order.filter_of(unit, 0)), signals.stride[axis], signals.stride[2]};
}

// The filters of a unit's signals with one signal a lane, and that of a signal alone in all lanes.
template <class T>
struct PackedFilters {
  PackedFilters(const Normalized<T>& filters, std::int64_t lanes) : b((filters.zeros + 1) * lanes), minus_a(filters.poles * lanes) {}
  Buffer<T> b, minus_a;
};

template <class T>
PackedFilter<T> pack(const Normalized<T>& filters, const Order& order, const Unit& unit, std::int64_t lanes,
                     const PackedFilters<T>& packed) {
  for (std::int64_t lane = 0; lane < lanes; ++lane) {
    // Lanes without a signal get some filter: they hold zeros.
    const std::int64_t f = order.filter_of(unit, std::min(lane, unit.count - 1));
    for (std::int64_t j = 0; j <= filters.zeros; ++j) packed.b.data()[j * lanes + lane] = filters.b(f)[j];
    for (std::int64_t k = 0; k < filters.poles; ++k) packed.minus_a.data()[k * lanes + lane] = -filters.a(f)[k];
  }
  return {packed.b.data(), packed.minus_a.data(), filters.zeros, filters.poles};
}

}  // namespace invconv
