// Contiguous arrays to the splines' pointers; the Python side has made the results.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>

#include "spline.h"

namespace nb = nanobind;

namespace {

template <class T, int Dimensions>
using Array = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;

template <class A, class B>
void check_same_shape(const A& one, const B& other) {
  for (std::size_t axis = 0; axis < one.ndim(); ++axis)
    if (one.shape(axis) != other.shape(axis)) throw std::invalid_argument("splines: a result has another shape");
}

template <class T>
invconv::Splines<T> splines_of(const Array<const T, 3>& knots, const Array<const T, 2>& derivatives) {
  const std::size_t channels = knots.shape(1), count = knots.shape(2);
  if (knots.shape(0) != 2 || count < 2 || derivatives.shape(0) != channels || derivatives.shape(1) != count)
    throw std::invalid_argument("knots: expected [2, C, K + 1], and derivatives [C, K + 1]");
  return {knots.data(), derivatives.data(), static_cast<std::int64_t>(channels), static_cast<std::int64_t>(count) - 1};
}

template <class Images, class T>
invconv::Extent extent_of(const Images& images, const invconv::Splines<T>& splines, int threads) {
  if (static_cast<std::int64_t>(images.shape(1)) != splines.channels)
    throw std::invalid_argument("knots: their channels are not those of the images");
  if (threads < 1) throw std::invalid_argument("threads: none");
  return {static_cast<std::int64_t>(images.shape(0)), static_cast<std::int64_t>(images.shape(2))};
}

template <class Images, class Numbers>
void check_one_an_image(const Images& images, const Numbers& numbers) {
  if (numbers.shape(0) != images.shape(0)) throw std::invalid_argument("logdet: expected one number an image");
}

template <class T>
invconv::SplineGradients<T> gradients_of(const Array<const T, 3>& knots, const Array<const T, 2>& derivatives,
                                         const Array<T, 3>& grad_knots, const Array<T, 2>& grad_derivatives) {
  check_same_shape(knots, grad_knots);
  check_same_shape(derivatives, grad_derivatives);
  return {grad_knots.data(), grad_derivatives.data()};
}

template <class T>
void spline(Array<const T, 3> x, Array<const T, 3> knots, Array<const T, 2> derivatives, Array<T, 3> y,
            Array<T, 1> logdet, int threads) {
  const invconv::Splines<T> splines = splines_of<T>(knots, derivatives);
  const invconv::Extent extent = extent_of(x, splines, threads);
  check_same_shape(x, y);
  check_one_an_image(x, logdet);
  nb::gil_scoped_release release;
  invconv::spline(splines, extent, x.data(), y.data(), logdet.data(), threads);
}

template <class T>
void inverse_spline(Array<const T, 3> y, Array<const T, 3> knots, Array<const T, 2> derivatives, Array<T, 3> x,
                    int threads) {
  const invconv::Splines<T> splines = splines_of<T>(knots, derivatives);
  const invconv::Extent extent = extent_of(y, splines, threads);
  check_same_shape(y, x);
  nb::gil_scoped_release release;
  invconv::inverse_spline(splines, extent, y.data(), x.data(), threads);
}

template <class T>
void spline_gradient(Array<const T, 3> x, Array<const T, 3> knots, Array<const T, 2> derivatives,
                     Array<const T, 3> grad_y, Array<const T, 1> grad_logdet, Array<T, 3> grad_x,
                     Array<T, 3> grad_knots, Array<T, 2> grad_derivatives, int threads) {
  const invconv::Splines<T> splines = splines_of<T>(knots, derivatives);
  const invconv::Extent extent = extent_of(x, splines, threads);
  check_same_shape(x, grad_y);
  check_same_shape(x, grad_x);
  check_one_an_image(x, grad_logdet);
  const auto gradients = gradients_of<T>(knots, derivatives, grad_knots, grad_derivatives);
  nb::gil_scoped_release release;
  invconv::spline_gradient(splines, extent, x.data(), grad_y.data(), grad_logdet.data(), grad_x.data(),
                           gradients, threads);
}

template <class T>
void inverse_spline_gradient(Array<const T, 3> x, Array<const T, 3> knots, Array<const T, 2> derivatives,
                             Array<const T, 3> grad_x, Array<T, 3> grad_y, Array<T, 3> grad_knots,
                             Array<T, 2> grad_derivatives, int threads) {
  const invconv::Splines<T> splines = splines_of<T>(knots, derivatives);
  const invconv::Extent extent = extent_of(x, splines, threads);
  check_same_shape(x, grad_x);
  check_same_shape(x, grad_y);
  const auto gradients = gradients_of<T>(knots, derivatives, grad_knots, grad_derivatives);
  nb::gil_scoped_release release;
  invconv::inverse_spline_gradient(splines, extent, x.data(), grad_x.data(), grad_y.data(), gradients, threads);
}

// Of arrays that have another dtype or are not contiguous, no copy is made: results would be lost in it.
template <class T>
void define(nb::module_& m) {
  using namespace nb::literals;
  const auto x = "x"_a.noconvert(), y = "y"_a.noconvert(), knots = "knots"_a.noconvert();
  const auto derivatives = "derivatives"_a.noconvert(), logdet = "logdet"_a.noconvert();
  const auto grad_x = "grad_x"_a.noconvert(), grad_y = "grad_y"_a.noconvert(), grad_logdet = "grad_logdet"_a.noconvert();
  const auto grad_knots = "grad_knots"_a.noconvert(), grad_derivatives = "grad_derivatives"_a.noconvert();
  m.def("spline", &spline<T>, x, knots, derivatives, y, logdet, "threads"_a);
  m.def("inverse_spline", &inverse_spline<T>, y, knots, derivatives, x, "threads"_a);
  m.def("spline_gradient", &spline_gradient<T>, x, knots, derivatives, grad_y, grad_logdet, grad_x, grad_knots,
        grad_derivatives, "threads"_a);
  m.def("inverse_spline_gradient", &inverse_spline_gradient<T>, x, knots, derivatives, grad_x, grad_y, grad_knots,
        grad_derivatives, "threads"_a);
}

}  // namespace

void define_splines(nb::module_& m) {
  define<float>(m);
  define<double>(m);
}
