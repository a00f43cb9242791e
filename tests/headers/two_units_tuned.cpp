// SPDX-License-Identifier: MIT
#include "two_units.hpp"

Answers answers_of_tuned() { return answers(); }
