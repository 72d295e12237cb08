// Addresses and sizes from Python to views, and nothing more: the Python side has checked shapes and corners.

#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda/launch.h"

namespace nb = nanobind;

namespace {

using invconv::Corner;
using invconv::View;
namespace cuda = invconv::cuda;

using Four = std::array<std::int64_t, 4>;

template <class T>
View<T> view_of(std::uintptr_t address, const Four& size, const Four& stride) {
  View<T> view{reinterpret_cast<T*>(address), {}, {}};
  for (int axis = 0; axis < 4; ++axis) view.size[axis] = size[axis], view.stride[axis] = stride[axis];
  return view;
}

std::vector<Corner> corners_from(const std::vector<int>& corners) {
  std::vector<Corner> found;
  for (int corner : corners) found.push_back({(corner & 2) != 0, (corner & 1) != 0});
  return found;
}

// What would read or write outside of the arrays is refused here too, whoever calls.
void check_sizes(const Four& images, const Four& weight, const std::vector<int>& corners) {
  const auto channels = static_cast<std::int64_t>(corners.size()) * weight[1];
  if (images[1] != channels || weight[0] != channels)
    throw std::invalid_argument("weight: its channels are not those of the images");
  if (weight[1] < 1 || weight[2] < 1 || weight[3] < 1) throw std::invalid_argument("weight: empty");
}

// Calls f with a null pointer to the type that has this name.
template <class F>
auto with_dtype(const std::string& dtype, F f) {
  if (dtype == "float32") return f(static_cast<float*>(nullptr));
  if (dtype == "float64") return f(static_cast<double*>(nullptr));
  throw std::invalid_argument("dtype: expected float32 or float64, got " + dtype);
}

std::size_t solve_workspace(const Four& images, const Four& weight, const std::vector<int>& corners,
                            const std::string& dtype, int device) {
  check_sizes(images, weight, corners);
  return with_dtype(dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const cuda::SolveProblem<T> problem{view_of<const T>(0, images, {}), view_of<const T>(0, weight, {}),
                                        view_of<T>(0, images, {}), corners_from(corners), false};
    return cuda::workspace_bytes(problem, device);
  });
}

void solve(const Four& images, std::uintptr_t y, const Four& y_stride, const Four& weight_size, std::uintptr_t weight,
           const Four& weight_stride, std::uintptr_t x, const Four& x_stride, const std::vector<int>& corners,
           bool transposed, const std::string& dtype, std::uintptr_t workspace, std::uintptr_t stream, int device) {
  check_sizes(images, weight_size, corners);
  with_dtype(dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const cuda::SolveProblem<T> problem{view_of<const T>(y, images, y_stride),
                                        view_of<const T>(weight, weight_size, weight_stride),
                                        view_of<T>(x, images, x_stride), corners_from(corners), transposed};
    const nb::gil_scoped_release release;
    cuda::launch(problem, {device, reinterpret_cast<void*>(stream), reinterpret_cast<unsigned char*>(workspace)});
  });
}

std::size_t weight_gradient_workspace(const Four& images, const Four& weight, const std::vector<int>& corners,
                                      const std::string& dtype, int device) {
  check_sizes(images, weight, corners);
  return with_dtype(dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const cuda::GradientProblem<T> problem{view_of<const T>(0, images, {}), view_of<const T>(0, images, {}),
                                           view_of<T>(0, weight, {}), corners_from(corners)};
    return cuda::workspace_bytes(problem, device);
  });
}

void weight_gradient(const Four& images, std::uintptr_t v, const Four& v_stride, std::uintptr_t x,
                     const Four& x_stride, const Four& weight_size, std::uintptr_t gradient,
                     const Four& gradient_stride, const std::vector<int>& corners, const std::string& dtype,
                     std::uintptr_t workspace, std::uintptr_t stream, int device) {
  check_sizes(images, weight_size, corners);
  with_dtype(dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const cuda::GradientProblem<T> problem{view_of<const T>(v, images, v_stride),
                                           view_of<const T>(x, images, x_stride),
                                           view_of<T>(gradient, weight_size, gradient_stride), corners_from(corners)};
    const nb::gil_scoped_release release;
    cuda::launch(problem, {device, reinterpret_cast<void*>(stream), reinterpret_cast<unsigned char*>(workspace)});
  });
}

}  // namespace

NB_MODULE(_cuda, m) {
  using namespace nb::literals;
  m.doc() = "The CUDA solver of invconv: device addresses in, launches on a stream out. Nothing waits or allocates.";
  m.def("device_count", &cuda::device_count, "How many devices the driver offers; 0 without a driver.");
  m.def("device_name", &cuda::device_name, "device"_a);
  m.def("solve_workspace", &solve_workspace, "images"_a, "weight"_a, "corners"_a, "dtype"_a, "device"_a,
        "Bytes of device memory that solve() needs besides its arrays.");
  m.def("solve", &solve, "images"_a, "y"_a, "y_stride"_a, "weight_size"_a, "weight"_a, "weight_stride"_a, "x"_a,
        "x_stride"_a, "corners"_a, "transposed"_a, "dtype"_a, "workspace"_a, "stream"_a, "device"_a,
        "Writes the x with T x = y, or T^T x = y; corners: bit 1 bottom, bit 0 right. All of a channel group is NaN "
        "where its anchor is singular or not finite.");
  m.def("weight_gradient_workspace", &weight_gradient_workspace, "images"_a, "weight"_a, "corners"_a, "dtype"_a,
        "device"_a, "Bytes of device memory that weight_gradient() needs besides its arrays.");
  m.def("weight_gradient", &weight_gradient, "images"_a, "v"_a, "v_stride"_a, "x"_a, "x_stride"_a, "weight_size"_a,
        "gradient"_a, "gradient_stride"_a, "corners"_a, "dtype"_a, "workspace"_a, "stream"_a, "device"_a,
        "Writes minus the sum over images and pixels of v_p x_{p-t}^T for every tap t.");
}
