# SPDX-License-Identifier: MIT
# Compiles one mistake and holds the compiler's first error against what mistakes.txt expects.
#   COMPILER, COMPILER_ID, INCLUDE_DIR, FOLDER    STANDARD (default 20)    MISTAKE (NONE must compile)    WARNINGS (more of them)
cmake_minimum_required(VERSION 3.20)

if(NOT STANDARD)
  set(STANDARD 20)
endif()
set(dialect clang)
if(COMPILER_ID STREQUAL "GNU")
  set(dialect g++)
endif()

set(ENV{LC_ALL} C)
execute_process(
  COMMAND "${COMPILER}" -std=c++${STANDARD} -fsyntax-only -Wall -Wextra ${WARNINGS} "-I${INCLUDE_DIR}" "-DREWAL_MISTAKE=${MISTAKE}"
          "${FOLDER}/mistakes.cpp"
  RESULT_VARIABLE status
  ERROR_VARIABLE said)
string(REGEX MATCH "[^\n]*(error|warning):[^\n]*" first "${said}")

if(MISTAKE STREQUAL "NONE" AND STANDARD GREATER_EQUAL 20)
  if(NOT status EQUAL 0 OR first)
    message(FATAL_ERROR "without a mistake: ${said}")
  endif()
  return()
endif()

if(STANDARD LESS 20)
  set(expected "rewal needs C\\+\\+20: compile with -std=c\\+\\+20")
else()
  file(STRINGS "${FOLDER}/mistakes.txt" lines REGEX "^${MISTAKE} ")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^${MISTAKE} " "" line "${line}")
    if(line MATCHES "^(g\\+\\+|clang) (.*)$")
      if(CMAKE_MATCH_1 STREQUAL dialect)
        set(expected "${CMAKE_MATCH_2}")
      endif()
    else()
      set(expected "${line}")
    endif()
  endforeach()
endif()
if(NOT expected)
  message(FATAL_ERROR "nothing is expected of ${MISTAKE}")
endif()
if(status EQUAL 0)
  message(FATAL_ERROR "${MISTAKE} compiles")
endif()
if(NOT first MATCHES "${expected}")
  message(FATAL_ERROR "${MISTAKE}: the compiler says first\n${first}\ninstead of\n${expected}")
endif()
