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
//     // A thread's copies to shared memory come in groups that it closes; it waits for all but the last ones, and the
//     // barrier then shows them to the other threads.
//     template <class T> void copy_async(int thread, T* shared, const T* global);
//     void end_group_of_copies(int thread);
//     template <int Groups> void wait_for_copies(int thread);
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

// Calls f(row, column) for the entries of a matrix that are this thread's, without a division for each.
template <class F>
INVCONV_DEVICE void each_entry(int rows, int columns, int thread, int threads, F f) {
  const int more_rows = threads / columns, more_columns = threads % columns;
  int row = thread / columns, column = thread % columns;
  while (row < rows) {
    f(row, column);
    row += more_rows;
    column += more_columns;
    if (column >= columns) column -= columns, ++row;
  }
}

}  // namespace invconv::cuda
