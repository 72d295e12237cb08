// The launches, without CUDA's headers: what the bindings call.
#pragma once

#include <cstddef>
#include <string>

#include "cuda/layer.h"

namespace invconv::cuda {

// Where work goes: a stream of a device, and memory there that must live until the work is done.
struct Queue {
  int device;
  void* stream;
  unsigned char* workspace;
};

// 0 without a driver.
int device_count();
std::string device_name(int device);

// Nothing here allocates or waits. Errors of CUDA are std::runtime_error with CUDA's own message.
template <class T>
std::size_t workspace_bytes(const SolveProblem<T>& problem, int device);
template <class T>
std::size_t workspace_bytes(const GradientProblem<T>& problem, int device);

template <class T>
void launch(const SolveProblem<T>& problem, const Queue& queue);
template <class T>
void launch(const GradientProblem<T>& problem, const Queue& queue);

}  // namespace invconv::cuda
