// Python arrays to signals and filters, and nothing more: the Python side has made the results.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "filter.h"

namespace nb = nanobind;

namespace {

template <class T>
using AnySignals = nb::ndarray<T, nb::ndim<3>, nb::device::cpu>;
template <class T, int Dimensions>
using Contiguous = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;

template <class T>
invconv::Signals<T> signals_of(const AnySignals<T>& array) {
  const auto size = [&](int axis) { return static_cast<std::int64_t>(array.shape(axis)); };
  return {array.data(), size(0), size(1), size(2), {array.stride(0), array.stride(1), array.stride(2)}};
}

// What would read or write outside of the arrays is refused here too, whoever calls.
template <class T>
void check(const invconv::FilterProblem<T>& problem, std::size_t filters_of_b, std::size_t filters_of_a) {
  const auto F = static_cast<std::size_t>(problem.x.filters);
  if (problem.y.batch != problem.x.batch || problem.y.filters != problem.x.filters || problem.y.length != problem.x.length)
    throw std::invalid_argument("y: must have the shape of x");
  if (filters_of_b != F || filters_of_a != F) throw std::invalid_argument("b, a: expected one filter for each of x");
  if (problem.zeros < 0 || problem.threads < 1) throw std::invalid_argument("b: empty, or no threads");
}

template <class States, class T>
auto state_of(const std::optional<States>& states, const invconv::FilterProblem<T>& problem) {
  if (!states) return decltype(states->data()){nullptr};
  const auto is = [&](int axis, std::int64_t size) { return static_cast<std::int64_t>(states->shape(axis)) == size; };
  if (!is(0, problem.x.batch) || !is(1, problem.x.filters) || !is(2, std::max(problem.zeros, problem.poles)))
    throw std::invalid_argument("state: expected [batch, filters, order]");
  return states->data();
}

template <class T>
void lfilter(AnySignals<const T> x, Contiguous<const T, 2> b, Contiguous<const T, 2> a, AnySignals<T> y,
             std::optional<Contiguous<const T, 3>> initial, std::optional<Contiguous<T, 3>> final, int threads) {
  invconv::FilterProblem<T> problem{signals_of(x), signals_of(y), b.data(), a.data(),
                                    static_cast<std::int64_t>(b.shape(1)) - 1, static_cast<std::int64_t>(a.shape(1)),
                                    nullptr, nullptr, threads};
  check(problem, b.shape(0), a.shape(0));
  problem.initial = state_of(initial, problem);
  problem.final = state_of(final, problem);
  nb::gil_scoped_release release;
  invconv::lfilter(problem);
}

template <class T>
void define(nb::module_& m) {
  using namespace nb::literals;
  m.def("lfilter", &lfilter<T>, "x"_a.noconvert(), "b"_a.noconvert(), "a"_a.noconvert(), "y"_a.noconvert(),
        "initial"_a.noconvert().none(), "final"_a.noconvert().none(), "threads"_a,
        "Writes the filtered x into y; a is a_1, ... of filters whose a_0 is 1.");
}

}  // namespace

void define_filters(nb::module_& m) {
  define<float>(m);
  define<double>(m);
}
