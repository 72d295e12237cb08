// Python arrays to signals and filters, and nothing more: the Python side has made the results.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

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

// From the last sample to the first.
template <class T>
invconv::Signals<T> backwards(invconv::Signals<T> signals) {
  if (signals.length > 0) signals.data += (signals.length - 1) * signals.stride[2];
  signals.stride[2] *= -1;
  return signals;
}

template <class T>
using Coefficients = Contiguous<const T, 2>;

// What would read or write outside of the arrays is refused here too, whoever calls.
template <class T>
invconv::Filters<T> filters_of(const Coefficients<T>& b, const Coefficients<T>& a, std::int64_t count, int threads) {
  const auto is_for_all = [&](const Coefficients<T>& taps) { return static_cast<std::int64_t>(taps.shape(0)) == count; };
  if (!is_for_all(b) || !is_for_all(a)) throw std::invalid_argument("b, a: expected one filter for each of x");
  if (b.shape(1) < 1 || a.shape(1) < 1 || threads < 1) throw std::invalid_argument("b, a: empty, or no threads");
  return {b.data(), a.data(), static_cast<std::int64_t>(b.shape(1)) - 1, static_cast<std::int64_t>(a.shape(1)) - 1};
}

template <class Signals, class OtherSignals>
void check_shape(const Signals& signals, const OtherSignals& other, const char* name) {
  if (signals.batch != other.batch || signals.filters != other.filters || signals.length != other.length)
    throw std::invalid_argument(std::string(name) + ": must have the shape of x");
}

template <class States, class T>
auto state_of(const std::optional<States>& states, const invconv::FilterProblem<T>& problem) {
  if (!states) return decltype(states->data()){nullptr};
  const auto is = [&](int axis, std::int64_t size) { return static_cast<std::int64_t>(states->shape(axis)) == size; };
  if (!is(0, problem.x.batch) || !is(1, problem.x.filters) || !is(2, std::max(problem.filters.zeros, problem.filters.poles)))
    throw std::invalid_argument("state: expected [batch, filters, order]");
  return states->data();
}

template <class T>
void lfilter(AnySignals<const T> x, Coefficients<T> b, Coefficients<T> a, AnySignals<T> y,
             std::optional<Contiguous<const T, 3>> initial, std::optional<Contiguous<T, 3>> final, bool reversed, int threads) {
  invconv::FilterProblem<T> problem{signals_of(x), signals_of(y), {}, nullptr, nullptr, threads};
  check_shape(problem.x, problem.y, "y");
  problem.filters = filters_of(b, a, problem.x.filters, threads);
  problem.initial = state_of(initial, problem);
  problem.final = state_of(final, problem);
  if (reversed) problem.x = backwards(problem.x), problem.y = backwards(problem.y);
  nb::gil_scoped_release release;
  invconv::lfilter(problem);
}

// As the recursion of the gradient runs; none where it is not asked for.
template <class Array, class T>
auto signals_of(const std::optional<Array>& array, const invconv::Signals<const T>& of_y, bool reversed, const char* name) {
  if (!array) return decltype(signals_of(*array)){};
  const auto signals = signals_of(*array);
  check_shape(of_y, signals, name);
  return reversed ? signals : backwards(signals);
}

template <class T>
void store(const std::vector<double>& gradient, const std::optional<Contiguous<T, 2>>& out, std::size_t taps, const char* name) {
  if (!out) return;
  if (out->shape(0) * taps != gradient.size() || out->shape(1) != taps)
    throw std::invalid_argument(std::string(name) + ": must have the shape of its coefficients");
  std::transform(gradient.begin(), gradient.end(), out->data(), [](double sum) { return static_cast<T>(sum); });
}

template <class T>
void filter_gradients(AnySignals<const T> of_y, std::optional<AnySignals<const T>> x, std::optional<AnySignals<const T>> y,
                      Coefficients<T> b, Coefficients<T> a, std::optional<AnySignals<T>> of_x,
                      std::optional<Contiguous<T, 2>> of_b, std::optional<Contiguous<T, 2>> of_a, bool reversed, int threads) {
  if ((of_b && !x) || (of_a && !y)) throw std::invalid_argument("x, y: needed for the gradients of b and a");
  const invconv::Signals<const T> forwards = signals_of(of_y);
  const invconv::FilterGradientProblem<T> problem{reversed ? forwards : backwards(forwards),
                                                  signals_of(x, forwards, reversed, "x"),
                                                  signals_of(y, forwards, reversed, "y"),
                                                  signals_of(of_x, forwards, reversed, "of_x"),
                                                  filters_of(b, a, forwards.filters, threads),
                                                  threads};
  invconv::FilterGradients gradients;
  {
    nb::gil_scoped_release release;
    gradients = invconv::filter_gradients(problem);
  }
  store<T>(gradients.of_b, of_b, b.shape(1), "of_b");
  store<T>(gradients.of_a, of_a, a.shape(1), "of_a");
}

template <class T>
void define(nb::module_& m) {
  using namespace nb::literals;
  m.def("lfilter", &lfilter<T>, "x"_a.noconvert(), "b"_a.noconvert(), "a"_a.noconvert(), "y"_a.noconvert(),
        "initial"_a.noconvert().none(), "final"_a.noconvert().none(), "reversed"_a, "threads"_a,
        "Writes the filtered x into y; reversed, against time.");
  m.def("filter_gradients", &filter_gradients<T>, "of_y"_a.noconvert(), "x"_a.noconvert().none(), "y"_a.noconvert().none(),
        "b"_a.noconvert(), "a"_a.noconvert(), "of_x"_a.noconvert().none(), "of_b"_a.noconvert().none(),
        "of_a"_a.noconvert().none(), "reversed"_a, "threads"_a,
        "Writes the gradients of x, of b, which needs x, and of a, which needs y, for the y that lfilter() has written.");
}

}  // namespace

void define_filters(nb::module_& m) {
  define<float>(m);
  define<double>(m);
}
