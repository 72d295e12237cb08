// What kernels get: plain data, so that a launch copies nothing else to the device.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define INVCONV_BOTH __host__ __device__ __forceinline__
#else
#define INVCONV_BOTH inline
#endif

namespace invconv::cuda {

// One launch serves this many channel groups; more of them are solved by several launches.
constexpr int kMaxGroups = 1024;

// Bit 1 bottom, bit 0 right, as in Python; two bits for each group.
struct Corners {
  std::uint32_t bits[kMaxGroups / 16];

  INVCONV_BOTH bool bottom(int group) const { return (bits[group / 16] >> (group % 16 * 2) & 2) != 0; }
  INVCONV_BOTH bool right(int group) const { return (bits[group / 16] >> (group % 16 * 2) & 1) != 0; }
};

template <class T>
struct Strided {
  T* data;
  std::int64_t stride[4];
};

// The channels of one group in one image, turned so that the recursion starts at the top left.
template <class T>
struct Plane {
  T* data;
  std::int64_t channel, row, column;

  INVCONV_BOTH T* at(int c, int h, int w) const { return data + c * channel + h * row + w * column; }
};

// Sizes of one channel group: n channels in images H x W. Taps farther away than the image is large are left out of
// kh x kw: they only ever meet the padding.
struct Sizes {
  std::int64_t images;
  int groups, n, H, W, kh, kw;

  INVCONV_BOTH int taps() const { return kh * kw; }
};

template <class T>
INVCONV_BOTH Plane<T> plane_of(const Strided<T>& images, const Sizes& sizes, const Corners& corners, std::int64_t image,
                               int group, int first_channel = 0) {
  const auto& stride = images.stride;
  const std::int64_t channel = static_cast<std::int64_t>(group) * sizes.n + first_channel;
  Plane<T> plane{images.data + image * stride[0] + channel * stride[1], stride[1], stride[2], stride[3]};
  if (corners.bottom(group)) {
    plane.data += (sizes.H - 1) * plane.row;
    plane.row = -plane.row;
  }
  if (corners.right(group)) {
    plane.data += (sizes.W - 1) * plane.column;
    plane.column = -plane.column;
  }
  return plane;
}

// A kernel [G n, n, kh, kw] as stored; tap (i, j) multiplies the pixel i rows up and j columns to the left.
template <class T>
struct Kernel {
  Strided<T> weight;
  Corners corners;
  int kh, kw;       // as stored
  bool transposed;  // channels in and out exchanged in each group

  INVCONV_BOTH T* at(int n, int group, int c, int d, int i, int j) const {
    const int row = corners.bottom(group) ? i : kh - 1 - i;
    const int column = corners.right(group) ? j : kw - 1 - j;
    const std::int64_t out = static_cast<std::int64_t>(group) * n + (transposed ? d : c), in = transposed ? c : d;
    return weight.data + out * weight.stride[0] + in * weight.stride[1] + row * weight.stride[2] +
           column * weight.stride[3];
  }
};

}  // namespace invconv::cuda
