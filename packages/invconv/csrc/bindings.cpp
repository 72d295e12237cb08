// Python arrays to views, and nothing more: the Python side has checked shapes and corners.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>
#include <omp.h>

#include <stdexcept>
#include <vector>

#include "invconv.h"

namespace nb = nanobind;

namespace {

template <class T>
using Array = nb::ndarray<T, nb::ndim<4>, nb::device::cpu>;

template <class T>
invconv::View<T> view_of(const Array<T>& array) {
  invconv::View<T> view{array.data(), {}, {}};
  for (int axis = 0; axis < 4; ++axis) {
    view.size[axis] = static_cast<std::int64_t>(array.shape(axis));
    view.stride[axis] = array.stride(axis);
  }
  return view;
}

template <class T>
void inverse_conv2d(Array<const T> y, Array<const T> weight, Array<T> out, const std::vector<int>& corners,
                    int threads) {
  invconv::Problem<T> problem{view_of(y), view_of(weight), view_of(out), {}, threads};
  for (int corner : corners) problem.corners.push_back({(corner & 2) != 0, (corner & 1) != 0});
  // What would read or write outside of the arrays is refused here too, whoever calls.
  for (int axis = 0; axis < 4; ++axis)
    if (problem.y.size[axis] != problem.x.size[axis]) throw std::invalid_argument("out: must have the shape of y");
  const auto channels = static_cast<std::int64_t>(corners.size()) * problem.weight.size[1];
  if (problem.y.size[1] != channels || problem.weight.size[0] != channels)
    throw std::invalid_argument("weight: its channels are not those of y");
  if (problem.weight.size[2] < 1 || problem.weight.size[3] < 1 || threads < 1)
    throw std::invalid_argument("weight: empty, or no threads");
  nb::gil_scoped_release release;
  invconv::inverse_conv2d(problem);
}

}  // namespace

NB_MODULE(_core, m) {
  using namespace nb::literals;
  m.doc() = "The compiled solver of invconv.";
  m.def("inverse_conv2d", &inverse_conv2d<float>, "y"_a.noconvert(), "weight"_a.noconvert(), "out"_a.noconvert(),
        "corners"_a, "threads"_a);
  m.def("inverse_conv2d", &inverse_conv2d<double>, "y"_a.noconvert(), "weight"_a.noconvert(), "out"_a.noconvert(),
        "corners"_a, "threads"_a, "Writes the x with T x = y into out; corners: bit 1 bottom, bit 0 right.");
  m.def("instruction_set", &invconv::instruction_set, "What the solver uses on this processor.");
  m.def("max_threads", &omp_get_max_threads, "How many threads OpenMP would use.");
}
