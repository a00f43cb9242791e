# SPDX-License-Identifier: MIT
# Writes the single header and builds the consumers against it and nothing else: the one file, copied.
cmake_minimum_required(VERSION 3.20)

if(COMPILER_ID STREQUAL "MSVC")
  message("SKIPPED: this needs a compiler with the options of g++")
  return()
endif()

file(REMOVE_RECURSE "${WORK_DIR}")
execute_process(COMMAND "${PYTHON}" "${SOURCE_DIR}/cmake/single_header.py" "${SOURCE_DIR}/include" "${WORK_DIR}/made/rewal.hpp"
                        COMMAND_ERROR_IS_FATAL ANY)
file(STRINGS "${WORK_DIR}/made/rewal.hpp" left REGEX "^#[ \t]*include <rewal/")
if(left)
  message(FATAL_ERROR "the single header includes more of the library: ${left}")
endif()

file(COPY "${WORK_DIR}/made/rewal.hpp" DESTINATION "${WORK_DIR}/copied")
foreach(source IN ITEMS packaging/consumer.cpp headers/forward.cpp)
  file(READ "${SOURCE_DIR}/tests/${source}" text)
  string(REGEX REPLACE "#include <rewal/[a-z]+\\.hpp>" "#include \"rewal.hpp\"" text "${text}")
  get_filename_component(name "${source}" NAME)
  file(WRITE "${WORK_DIR}/copied/${name}" "${text}")
endforeach()
execute_process(
  COMMAND "${COMPILER}" -std=c++20 -Wall -Wextra -Wpedantic -Werror -pthread consumer.cpp forward.cpp -o consumer
  WORKING_DIRECTORY "${WORK_DIR}/copied" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${WORK_DIR}/copied/consumer" COMMAND_ERROR_IS_FATAL ANY)
