#include "cpu/one_row.h"

#include <utility>
#include <vector>

#include "cpu/group.h"
#include "filter.h"

namespace invconv {
namespace {

template <class T>
void exchange_axes(View<T>& view) {
  std::swap(view.size[2], view.size[3]);
  std::swap(view.stride[2], view.stride[3]);
}

template <class T>
void exchange_axes(Problem<T>& problem) {
  exchange_axes(problem.y);
  exchange_axes(problem.x);
}

template <class T>
void exchange_axes(GradientProblem<T>& problem) {
  exchange_axes(problem.v);
  exchange_axes(problem.x);
}

// The rows of `filters` groups, of which this is the first.
template <class T>
Signals<T> signals_of(const View<T>& rows, std::int64_t filters) {
  return {rows.data, rows.size[0], filters, rows.size[3], {rows.stride[0], rows.stride[1], rows.stride[3]}};
}

// Calls function(first, count) for neighbouring groups whose recursion starts at the same side.
template <class Function>
void for_each_run(const std::vector<Corner>& corners, const Function& function) {
  const auto count = static_cast<std::int64_t>(corners.size());
  for (std::int64_t first = 0, end = 0; first < count; first = end) {
    while (end < count && corners[end].right == corners[first].right) ++end;
    function(first, end - first);
  }
}

}  // namespace

template <class AnyProblem>
AnyProblem laid_down(AnyProblem problem) {
  if (problem.x.size[3] != 1 || problem.x.size[2] == 1) return problem;
  exchange_axes(problem);
  exchange_axes(problem.weight);
  for (Corner& corner : problem.corners) std::swap(corner.bottom, corner.right);
  return problem;
}

template <class T>
void filter_rows(const Problem<T>& problem) {
  for_each_run(problem.corners, [&](std::int64_t first, std::int64_t filters) {
    const Group<T> group = group_of(problem, first);
    const std::int64_t poles = group.taps.size[3] - 1;
    std::vector<T> b, a;
    for (std::int64_t f = first; f < first + filters; ++f) {
      const View<const T> taps = group_of(problem, f).taps;
      const double inverse = anchor_inverse(taps, f, [](double*, std::int64_t, std::int64_t) {})[0];
      b.push_back(static_cast<T>(inverse));
      for (std::int64_t k = 1; k <= poles; ++k) a.push_back(static_cast<T>(at(taps, 0, 0, 0, k) * inverse));
    }
    lfilter<T>({signals_of(group.y, filters), signals_of(group.x, filters), b.data(), a.data(), 0, poles, nullptr, nullptr,
                problem.threads});
  });
}

template <class T>
void filter_gradient(const GradientProblem<T>& problem) {
  for_each_run(problem.corners, [&](std::int64_t first, std::int64_t filters) {
    std::vector<View<T>> taps;
    for (std::int64_t f = first; f < first + filters; ++f) taps.push_back(gradient_group_of(problem, f).taps);
    const GradientGroup<T> group = gradient_group_of(problem, first);
    const std::int64_t count = group.taps.size[3];
    const std::vector<double> sums =
        correlate<T>({signals_of(group.v, filters), signals_of(group.x, filters), count, problem.threads});
    for (std::int64_t f = 0; f < filters; ++f)
      for (std::int64_t k = 0; k < count; ++k) at(taps[f], 0, 0, 0, k) = static_cast<T>(-sums[f * count + k]);
  });
}

template Problem<float> laid_down(Problem<float>);
template Problem<double> laid_down(Problem<double>);
template GradientProblem<float> laid_down(GradientProblem<float>);
template GradientProblem<double> laid_down(GradientProblem<double>);
template void filter_rows(const Problem<float>&);
template void filter_rows(const Problem<double>&);
template void filter_gradient(const GradientProblem<float>&);
template void filter_gradient(const GradientProblem<double>&);

}  // namespace invconv
