// Memory for packed kernels and scratch.
#pragma once

#include <cstdint>
#include <memory>
#include <new>

namespace invconv {

// Uninitialized numbers that start at a cache line.
template <class T>
class Buffer {
 public:
  explicit Buffer(std::int64_t size)
      : data_(static_cast<T*>(::operator new(static_cast<std::size_t>(size) * sizeof(T), kAlignment))) {}
  T* data() const { return data_.get(); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Delete {
    void operator()(T* data) const { ::operator delete(data, kAlignment); }
  };
  std::unique_ptr<T, Delete> data_;
};

// Scratch memory of the calling thread, which keeps it for the next call as long as it is not large: new memory comes
// page by page from the system, and that takes longer than to solve a small layer.
template <class T>
class Scratch {
 public:
  explicit Scratch(std::int64_t size) {
    static thread_local std::unique_ptr<Buffer<T>> kept;
    static thread_local std::int64_t kept_size = 0;
    if (size > kMostKept) {
      own_ = std::make_unique<Buffer<T>>(size);
    } else if (size > kept_size) {
      kept = std::make_unique<Buffer<T>>(size);
      kept_size = size;
    }
    data_ = own_ ? own_->data() : kept ? kept->data() : nullptr;
  }
  T* data() const { return data_; }

 private:
  static constexpr std::int64_t kMostKept = (4 << 20) / sizeof(T);
  std::unique_ptr<Buffer<T>> own_;
  T* data_;
};

}  // namespace invconv
