# SPDX-License-Identifier: MIT
# Checks that no source in include/ and tests/ is over 300 lines: one noun, one file. Golden files and the fuzzers'
# corpus are data.
#   CASE=sources  checks those below ROOT
#   CASE=planted  checks that a file with a line too many is found, so that the check itself cannot go blind
cmake_minimum_required(VERSION 3.20)

set(MOST_LINES 300)

function(too_long_of root out)
  set(found "")
  file(GLOB_RECURSE sources RELATIVE "${root}" "${root}/include/*" "${root}/tests/*")
  list(FILTER sources EXCLUDE REGEX "(^|/)(golden|corpus|__pycache__)/")
  foreach(source IN LISTS sources)
    file(READ "${root}/${source}" text)
    string(REGEX MATCHALL "\n" lines "${text}")
    list(LENGTH lines count)
    if(count GREATER MOST_LINES)
      list(APPEND found "${source} has ${count} lines")
    endif()
  endforeach()
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

if(CASE STREQUAL "sources")
  too_long_of("${ROOT}" found)
  if(found)
    list(JOIN found "\n  " text)
    message(FATAL_ERROR "Over ${MOST_LINES} lines, so more than one noun:\n  ${text}")
  endif()
  return()
endif()

function(plant file lines violations)
  file(REMOVE_RECURSE "${WORK_DIR}")
  string(REPEAT "// [a; line\n" ${lines} text)
  file(WRITE "${WORK_DIR}/${file}" "${text}")
  too_long_of("${WORK_DIR}" found)
  list(LENGTH found count)
  if(NOT count EQUAL violations)
    message(FATAL_ERROR "${file} of ${lines} lines: ${count} violations found, expected ${violations}: ${found}")
  endif()
endfunction()

plant(include/rewal/queue/ring.hpp 300 0)
plant(include/rewal/queue/ring.hpp 301 1)
plant(tests/queue/ring_test.cpp 301 1)
plant(tests/mutants/run 301 1)
plant(tests/golden/events.jsonl 301 0)
plant(tests/fuzz/corpus/frames/long 301 0)
