// Problems of one row and one channel a group: they are filters.
#pragma once

#include "invconv.h"

namespace invconv {

// Lays columns down as rows: the same problem for the images, and for their kernels.
template <class AnyProblem>
AnyProblem laid_down(AnyProblem problem);

// Whether each row is a signal, alone in its group: of so many rows, and of so many channels a group.
inline bool is_filter(std::int64_t rows, std::int64_t group_channels) { return rows == 1 && group_channels == 1; }

template <class T>
void filter_rows(const Problem<T>& problem);

template <class T>
void filter_gradient(const GradientProblem<T>& problem);

template <class T>
void gradients_of_rows(const InverseGradientsProblem<T>& problem);

}  // namespace invconv
