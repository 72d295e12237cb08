#include "cuda/launch.h"

#include <cuda_runtime.h>

#include <limits>
#include <stdexcept>

namespace invconv::cuda {
namespace {

void check(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
}

struct DeviceBlock {
  std::int64_t index, count;
  int threads;
  unsigned char* shared;

  template <class F>
  __device__ __forceinline__ void phase(F function) {
    function(static_cast<int>(threadIdx.x));
    __syncthreads();
  }

  template <class T>
  __device__ __forceinline__ void copy_async(int, T* to, const T* global) {
    const auto target = static_cast<unsigned>(__cvta_generic_to_shared(to));
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(target), "l"(global), "n"(sizeof(T)) : "memory");
  }
  __device__ __forceinline__ void end_group_of_copies(int) { asm volatile("cp.async.commit_group;" ::: "memory"); }
  template <int Groups>
  __device__ __forceinline__ void wait_for_copies(int) {
    asm volatile("cp.async.wait_group %0;" ::"n"(Groups) : "memory");
  }

  template <class S>
  struct PerThread {
    S mine;
    __device__ __forceinline__ explicit PerThread(const DeviceBlock&) : mine{} {}
    __device__ __forceinline__ S& operator[](int) { return mine; }
  };
};

extern __shared__ __align__(16) unsigned char shared_memory[];

__device__ __forceinline__ DeviceBlock this_block() {
  return {blockIdx.x, gridDim.x, static_cast<int>(blockDim.x), shared_memory};
}

constexpr int kMostThreads = 512;

template <bool shared, class T>
__global__ void __launch_bounds__(kMostThreads, 1) prepare_kernel(const __grid_constant__ PrepareTask<T> task) {
  DeviceBlock block = this_block();
  prepare<shared>(block, task);
}

template <int Tile, Tier tier, class T>
__global__ void __launch_bounds__(kMostThreads, 1) solve_kernel(const __grid_constant__ SolveTask<T> task) {
  DeviceBlock block = this_block();
  solve<Tile, tier>(block, task);
}

template <class T>
__global__ void __launch_bounds__(kMostThreads, 1) pieces_kernel(const __grid_constant__ GradientTask<T> task) {
  DeviceBlock block = this_block();
  sum_over_pieces(block, task);
}

template <class T>
__global__ void __launch_bounds__(kMostThreads, 1) chunks_kernel(const __grid_constant__ ReduceTask<T> task) {
  DeviceBlock block = this_block();
  sum_over_chunks(block, task);
}

int attribute(cudaDeviceAttr name, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, name, device));
  return value;
}

Device limits(int device) {
  return {attribute(cudaDevAttrMultiProcessorCount, device),
          static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device))};
}

// Makes a device the current one of this thread, and then the one that was so before.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) {
    check(cudaGetDevice(&before_));
    changed_ = before_ != device;
    if (changed_) check(cudaSetDevice(device));
  }
  ~DeviceGuard() {
    if (changed_) cudaSetDevice(before_);
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int before_ = 0;
  bool changed_ = false;
};

class Machine {
 public:
  explicit Machine(const Queue& queue)
      : guard_(queue.device), limits_(limits(queue.device)), stream_(static_cast<cudaStream_t>(queue.stream)) {}

  Device device() const { return limits_; }

  template <bool shared, class T>
  void prepare(const Grid& grid, const PrepareTask<T>& task) {
    start(prepare_kernel<shared, T>, grid, task);
  }
  template <int Tile, Tier tier, class T>
  void solve(const Grid& grid, const SolveTask<T>& task) {
    start(solve_kernel<Tile, tier, T>, grid, task);
  }
  template <class T>
  void sum_over_pieces(const Grid& grid, const GradientTask<T>& task) {
    start(pieces_kernel<T>, grid, task);
  }
  template <class T>
  void sum_over_chunks(const Grid& grid, const ReduceTask<T>& task) {
    start(chunks_kernel<T>, grid, task);
  }

 private:
  template <class Task>
  void start(void (*kernel)(const Task), const Grid& grid, const Task& task) {
    if (grid.blocks > std::numeric_limits<int>::max()) throw std::invalid_argument("the arrays need too many blocks");
    constexpr std::size_t without_asking = 48 << 10;
    // For all that there is, because another thread may ask for less between here and the launch.
    if (grid.shared_bytes > without_asking)
      check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(limits_.shared_bytes)));
    kernel<<<static_cast<unsigned>(grid.blocks), grid.threads, grid.shared_bytes, stream_>>>(task);
    check(cudaGetLastError());
  }

  DeviceGuard guard_;
  Device limits_;
  cudaStream_t stream_;
};

}  // namespace

int device_count() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

std::string device_name(int device) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device));
  return properties.name;
}

template <class T>
std::size_t workspace_bytes(const SolveProblem<T>& problem, int device) {
  return solve_workspace(problem, limits(device));
}

template <class T>
std::size_t workspace_bytes(const GradientProblem<T>& problem, int device) {
  return gradient_workspace(problem, limits(device));
}

template <class T>
void launch(const SolveProblem<T>& problem, const Queue& queue) {
  Machine machine(queue);
  solve_layer(problem, queue.workspace, machine);
}

template <class T>
void launch(const GradientProblem<T>& problem, const Queue& queue) {
  Machine machine(queue);
  gradient_layer(problem, queue.workspace, machine);
}

template std::size_t workspace_bytes(const SolveProblem<float>&, int);
template std::size_t workspace_bytes(const SolveProblem<double>&, int);
template std::size_t workspace_bytes(const GradientProblem<float>&, int);
template std::size_t workspace_bytes(const GradientProblem<double>&, int);
template void launch(const SolveProblem<float>&, const Queue&);
template void launch(const SolveProblem<double>&, const Queue&);
template void launch(const GradientProblem<float>&, const Queue&);
template void launch(const GradientProblem<double>&, const Queue&);

}  // namespace invconv::cuda
