// Python arrays to views, and nothing more: the Python side has checked shapes and corners.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>
#include <omp.h>

#include <stdexcept>
#include <vector>

#include "invconv.h"

namespace nb = nanobind;

void define_filters(nb::module_& m);  // filter_bindings.cpp
void define_splines(nb::module_& m);  // spline_bindings.cpp

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

std::vector<invconv::Corner> corners_of(const std::vector<int>& corners) {
  std::vector<invconv::Corner> found;
  for (int corner : corners) found.push_back({(corner & 2) != 0, (corner & 1) != 0});
  return found;
}

// What would read or write outside of the arrays is refused here too, whoever calls.
template <class Image, class OtherImage, class Kernel>
void check(const Image& image, const OtherImage& other, const char* names, const Kernel& weight, std::size_t groups,
           int threads) {
  for (int axis = 0; axis < 4; ++axis)
    if (image.size[axis] != other.size[axis]) throw std::invalid_argument(names);
  const auto channels = static_cast<std::int64_t>(groups) * weight.size[1];
  if (image.size[1] != channels || weight.size[0] != channels)
    throw std::invalid_argument("weight: its channels are not those of the images");
  if (weight.size[2] < 1 || weight.size[3] < 1 || threads < 1)
    throw std::invalid_argument("weight: empty, or no threads");
}

template <class T>
void inverse_conv2d(Array<const T> y, Array<const T> weight, Array<T> out, const std::vector<int>& corners,
                    int threads, bool transposed) {
  const invconv::Problem<T> problem{view_of(y), view_of(weight), view_of(out), corners_of(corners), threads, transposed};
  check(problem.y, problem.x, "out: must have the shape of y", problem.weight, corners.size(), threads);
  nb::gil_scoped_release release;
  invconv::inverse_conv2d(problem);
}

template <class T>
void weight_gradient(Array<const T> v, Array<const T> x, Array<T> out, const std::vector<int>& corners, int threads) {
  const invconv::GradientProblem<T> problem{view_of(v), view_of(x), view_of(out), corners_of(corners), threads};
  check(problem.v, problem.x, "x: must have the shape of v", problem.weight, corners.size(), threads);
  nb::gil_scoped_release release;
  invconv::weight_gradient(problem);
}

template <class T>
void inverse_conv2d_gradients(Array<const T> of_x, Array<const T> weight, Array<const T> x, Array<T> of_y, Array<T> of_weight,
                              const std::vector<int>& corners, int threads, bool transposed) {
  const invconv::InverseGradientsProblem<T> problem{view_of(of_x),      view_of(weight),     view_of(x), view_of(of_y),
                                                    view_of(of_weight), corners_of(corners), threads,    transposed};
  check(problem.of_x, problem.x, "x: must have the shape of its gradient", problem.weight, corners.size(), threads);
  check(problem.of_x, problem.of_y, "of_y: must have the shape of x", problem.of_weight, corners.size(), threads);
  for (int axis = 0; axis < 4; ++axis)
    if (problem.of_weight.size[axis] != problem.weight.size[axis])
      throw std::invalid_argument("of_weight: must have the shape of weight");
  nb::gil_scoped_release release;
  invconv::inverse_conv2d_gradients(problem);
}

template <class T>
void define(nb::module_& m) {
  using namespace nb::literals;
  m.def("inverse_conv2d", &inverse_conv2d<T>, "y"_a.noconvert(), "weight"_a.noconvert(), "out"_a.noconvert(), "corners"_a,
        "threads"_a, "transposed"_a,
        "Writes the x with T x = y, or T^T x = y, into out; corners: bit 1 bottom, bit 0 right.");
  m.def("weight_gradient", &weight_gradient<T>, "v"_a.noconvert(), "x"_a.noconvert(), "out"_a.noconvert(), "corners"_a,
        "threads"_a, "Writes minus the sum over images and pixels of v_p x_{p-t}^T into out.");
  m.def("inverse_conv2d_gradients", &inverse_conv2d_gradients<T>, "of_x"_a.noconvert(), "weight"_a.noconvert(),
        "x"_a.noconvert(), "of_y"_a.noconvert(), "of_weight"_a.noconvert(), "corners"_a, "threads"_a, "transposed"_a,
        "Writes the gradients of y and of the weight for the x that inverse_conv2d() has written.");
}

}  // namespace

NB_MODULE(_core, m) {
  m.doc() = "The compiled solver of invconv.";
  define<float>(m);
  define<double>(m);
  define_filters(m);
  define_splines(m);
  m.def("instruction_set", &invconv::instruction_set, "What the solver uses on this processor.");
  m.def("max_threads", &omp_get_max_threads, "How many threads OpenMP would use.");
}
