# SPDX-License-Identifier: MIT
# Builds and runs the consumer with nothing but a compiler and pkg-config, from the prefix PREFIX.
cmake_minimum_required(VERSION 3.20)

find_program(pkg_config NAMES pkg-config pkgconf)
if(NOT pkg_config OR COMPILER_ID STREQUAL "MSVC")
  message("SKIPPED: this needs pkg-config and a compiler that takes its flags")
  return()
endif()

set(ENV{PKG_CONFIG_PATH} "${PREFIX}/share/pkgconfig")
execute_process(COMMAND "${pkg_config}" --cflags --libs rewal OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${pkg_config}" --modversion rewal OUTPUT_VARIABLE version COMMAND_ERROR_IS_FATAL ANY)
string(STRIP "${version}" version)
if(NOT version STREQUAL EXPECTED_VERSION)
  message(FATAL_ERROR "pkg-config found rewal ${version}, ${EXPECTED_VERSION} expected")
endif()
separate_arguments(flags UNIX_COMMAND "${flags}")
file(MAKE_DIRECTORY "${WORK_DIR}")
execute_process(
  COMMAND "${COMPILER}" -std=c++20 "${CMAKE_CURRENT_LIST_DIR}/consumer.cpp" ${flags} -o "${WORK_DIR}/consumer"
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${WORK_DIR}/consumer" COMMAND_ERROR_IS_FATAL ANY)
