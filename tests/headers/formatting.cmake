# SPDX-License-Identifier: MIT
# Checks that clang-format 14 would change none of the sources below ROOT. Where it is missing, the test is skipped.
cmake_minimum_required(VERSION 3.20)

if(CLANG_FORMAT)
  execute_process(COMMAND "${CLANG_FORMAT}" --version OUTPUT_VARIABLE version)
endif()
if(NOT version MATCHES "version 14\\.")
  message(STATUS "skipped: clang-format 14 is not installed")
  return()
endif()

set(sources "")
foreach(folder IN ITEMS include tests bench examples)
  file(GLOB_RECURSE found "${ROOT}/${folder}/*.hpp" "${ROOT}/${folder}/*.cpp")
  list(APPEND sources ${found})
endforeach()
execute_process(COMMAND "${CLANG_FORMAT}" --dry-run -Werror ${sources} RESULT_VARIABLE failed ERROR_VARIABLE why)
if(failed)
  message(FATAL_ERROR "Run clang-format 14 -i over these:\n${why}")
endif()
