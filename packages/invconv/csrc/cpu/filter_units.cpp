#include "cpu/filter_units.h"

#include <stdexcept>
#include <string>

#include "cpu/processor.h"

namespace invconv {
namespace {

// Multiply-adds of registers that each thread must have: some three milliseconds, because beside other processes it takes
// about that long until another thread begins.
constexpr double kWorthAThread = 1e7;

}  // namespace

template <class T>
FilterKernels<T> best_filter_kernels([[maybe_unused]] std::int64_t signals) {
#ifdef INVCONV_X86
  if (has_avx2()) {
    const FilterKernels<T> half = avx2::filter_kernels<T>();
    // To lay a few signals side by side in the widest registers takes as long as to fill them.
    const bool are_few = signals > 1 && signals <= half.lanes;
    return has_avx512() && !are_few ? avx512::filter_kernels<T>() : half;
  }
#endif
  return portable::filter_kernels<T>();
}

int useful_threads(std::int64_t units, double work, int threads) {
  const double useful = std::min({work / kWorthAThread, static_cast<double>(units), static_cast<double>(threads)});
  return std::max(static_cast<int>(useful), 1);
}

std::vector<Unit> units_of(const Order& order, std::int64_t lanes) {
  std::vector<Unit> units;
  for (std::int64_t o = 0; o < order.outer; ++o)
    for (std::int64_t i = 0; i < order.inner; i += lanes) units.push_back({o, i, std::min(lanes, order.inner - i)});
  return units;
}

template <class T>
Normalized<T>::Normalized(const Filters<T>& filters, std::int64_t count) : zeros(filters.zeros), poles(filters.poles) {
  b_.reserve(count * (zeros + 1));
  a_.reserve(count * poles);
  for (std::int64_t f = 0; f < count; ++f) {
    const T *const b = filters.b + f * (zeros + 1), *const a = filters.a + f * (poles + 1);
    if (a[0] == 0)
      throw std::invalid_argument("a: the first coefficient of filter " + std::to_string(f) +
                                  " is 0, by which all others are divided");
    for (std::int64_t j = 0; j <= zeros; ++j) b_.push_back(b[j] / a[0]);
    for (std::int64_t k = 1; k <= poles; ++k) a_.push_back(a[k] / a[0]);
  }
}

template FilterKernels<float> best_filter_kernels(std::int64_t);
template FilterKernels<double> best_filter_kernels(std::int64_t);
template class Normalized<float>;
template class Normalized<double>;

}  // namespace invconv
