// What the kernels need of a machine. They are templates over a Block that runs each phase, a function of the thread's
// number, for all of its threads, with a barrier behind it: __syncthreads on a device, a loop on a host. So the tests
// run the very same index arithmetic where there is no GPU.
//
//   struct Block {
//     std::int64_t index, count;   // this block, and how many there are
//     int threads;
//     unsigned char* shared;
//     template <class F> void phase(F function);            // function(thread) for every thread, then a barrier
//     template <class S> struct PerThread { S& operator[](int thread); };   // what a thread keeps across phases
//   };
#pragma once

#include "cuda/problem.h"

#ifdef __CUDACC__
#define INVCONV_DEVICE __device__ __forceinline__
#else
#define INVCONV_DEVICE inline
#endif

namespace invconv::cuda {

constexpr int kVectorBytes = 16;

// What one load instruction can fetch.
template <class T>
struct alignas(kVectorBytes) Vector {
  static constexpr int size = kVectorBytes / static_cast<int>(sizeof(T));
  T lane[size];
};

template <class T>
INVCONV_DEVICE Vector<T> load(const T* p) {
  return *reinterpret_cast<const Vector<T>*>(p);
}

// Copies one number from global to shared memory without waiting for it.
template <class T>
INVCONV_DEVICE void copy_async(T* shared, const T* global) {
#ifdef __CUDA_ARCH__
  const auto target = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(target), "l"(global), "n"(sizeof(T)) : "memory");
#else
  *shared = *global;
#endif
}

// Closes the group of this thread's copies that wait_for_copies counts.
INVCONV_DEVICE void end_group_of_copies() {
#ifdef __CUDA_ARCH__
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits for this thread's copies but those of the last Groups groups; a barrier shows them to the other threads.
template <int Groups>
INVCONV_DEVICE void wait_for_copies() {
#ifdef __CUDA_ARCH__
  asm volatile("cp.async.wait_group %0;" ::"n"(Groups) : "memory");
#endif
}

}  // namespace invconv::cuda
