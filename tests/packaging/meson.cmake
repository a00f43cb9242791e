# SPDX-License-Identifier: MIT
# Builds and runs the consumer by Meson, with rewal as the subproject that a wrap would fetch.
cmake_minimum_required(VERSION 3.20)

find_program(meson meson)
if(NOT meson)
  message("SKIPPED: meson is not on the path")
  return()
endif()

file(REMOVE_RECURSE "${WORK_DIR}")
file(COPY "${CMAKE_CURRENT_LIST_DIR}/meson/meson.build" "${CMAKE_CURRENT_LIST_DIR}/consumer.cpp" DESTINATION "${WORK_DIR}/consumer")
file(COPY "${SOURCE_DIR}/meson.build" "${SOURCE_DIR}/include" DESTINATION "${WORK_DIR}/consumer/subprojects/rewal")
file(COPY "${SOURCE_DIR}/cmake/version.sh" DESTINATION "${WORK_DIR}/consumer/subprojects/rewal/cmake")
set(ENV{CXX} "${COMPILER}")
execute_process(COMMAND "${meson}" setup "${WORK_DIR}/build" "${WORK_DIR}/consumer" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${meson}" test -C "${WORK_DIR}/build" COMMAND_ERROR_IS_FATAL ANY)
