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

template <class T>
void exchange_axes(InverseGradientsProblem<T>& problem) {
  exchange_axes(problem.of_x);
  exchange_axes(problem.x);
  exchange_axes(problem.of_y);
  exchange_axes(problem.of_weight);
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

// The filters 1 / K of `count` groups.
template <class T>
class Reciprocals {
 public:
  Reciprocals(const Problem<T>& problem, std::int64_t first, std::int64_t count) : one_(count, T(1)) {
    for (std::int64_t f = first; f < first + count; ++f) {
      const View<const T> taps = group_of(problem, f).taps;
      anchor_inverse(taps, f, [](double*, std::int64_t, std::int64_t) {});  // for its errors
      for (std::int64_t k = 0; k < taps.size[3]; ++k) taps_.push_back(at(taps, 0, 0, 0, k));
    }
  }
  Filters<T> filters() const {
    return {one_.data(), taps_.data(), 0, static_cast<std::int64_t>(taps_.size() / one_.size()) - 1};
  }

 private:
  std::vector<T> one_, taps_;
};

// Stores sums over signals, [group][tap], of groups from `first` on.
template <class T>
void store(const GradientProblem<T>& problem, std::int64_t first, std::int64_t count, const std::vector<double>& sums) {
  const auto taps = static_cast<std::int64_t>(sums.size()) / count;
  for (std::int64_t f = 0; f < count; ++f) {
    const View<T> to = gradient_group_of(problem, first + f).taps;
    for (std::int64_t k = 0; k < taps; ++k) at(to, 0, 0, 0, k) = static_cast<T>(sums[f * taps + k]);
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
  for_each_run(problem.corners, [&](std::int64_t first, std::int64_t count) {
    const Group<T> group = group_of(problem, first);
    const Reciprocals<T> reciprocals(problem, first, count);
    lfilter<T>({signals_of(group.y, count), signals_of(group.x, count), reciprocals.filters(), nullptr, nullptr, problem.threads});
  });
}

// Minus the sums of v_t x_{t-k} are the gradients of filters without poles whose outputs have the gradient x, for inputs -v.
template <class T>
void filter_gradient(const GradientProblem<T>& problem) {
  for_each_run(problem.corners, [&](std::int64_t first, std::int64_t count) {
    const GradientGroup<T> group = gradient_group_of(problem, first);
    const std::int64_t taps = group.taps.size[3];
    const std::vector<T> b(count * taps, T(0)), a(count, T(-1));
    const FilterGradients gradients = filter_gradients<T>(
        {signals_of(group.x, count), signals_of(group.v, count), {}, {}, {b.data(), a.data(), taps - 1, 0}, problem.threads});
    store(problem, first, count, gradients.of_b);
  });
}

template <class T>
void gradients_of_rows(const InverseGradientsProblem<T>& problem) {
  const Problem<T> solve = problem_of(problem);
  Problem<T> with_x = solve;
  with_x.y = problem.x;
  for_each_run(problem.corners, [&](std::int64_t first, std::int64_t count) {
    const Group<T> group = group_of(solve, first);
    const Reciprocals<T> reciprocals(solve, first, count);
    const FilterGradients gradients =
        filter_gradients<T>({signals_of(group.y, count), {}, signals_of(group_of(with_x, first).y, count),
                             signals_of(group.x, count), reciprocals.filters(), problem.threads});
    store<T>({problem.x, problem.x, problem.of_weight, problem.corners, problem.threads}, first, count, gradients.of_a);
  });
}

template Problem<float> laid_down(Problem<float>);
template Problem<double> laid_down(Problem<double>);
template GradientProblem<float> laid_down(GradientProblem<float>);
template GradientProblem<double> laid_down(GradientProblem<double>);
template InverseGradientsProblem<float> laid_down(InverseGradientsProblem<float>);
template InverseGradientsProblem<double> laid_down(InverseGradientsProblem<double>);
template void filter_rows(const Problem<float>&);
template void filter_rows(const Problem<double>&);
template void filter_gradient(const GradientProblem<float>&);
template void filter_gradient(const GradientProblem<double>&);
template void gradients_of_rows(const InverseGradientsProblem<float>&);
template void gradients_of_rows(const InverseGradientsProblem<double>&);

}  // namespace invconv
