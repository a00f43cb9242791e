# SPDX-License-Identifier: MIT
# What only the project's own tests, examples and benches use: build type, warnings, sanitizers and test tools.
# Nothing here reaches a program that uses rewal.

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(CMAKE_CXX_EXTENSIONS OFF)
set(REWAL_SANITIZE "" CACHE STRING "Sanitizers for tests, examples and benches: address,undefined or thread")
option(REWAL_WARNINGS_AS_ERRORS "Treat warnings in tests, examples and benches as errors" ON)

# Every executable of the project links this beside rewal::rewal.
add_library(rewal_developer INTERFACE)
if(MSVC)
  target_compile_options(rewal_developer INTERFACE /W4 /permissive- /utf-8
                                                   $<$<BOOL:${REWAL_WARNINGS_AS_ERRORS}>:/WX>)
else()
  target_compile_options(
    rewal_developer
    INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
              $<$<BOOL:${REWAL_WARNINGS_AS_ERRORS}>:-Werror>)
endif()
if(REWAL_SANITIZE)
  set(rewal_sanitize_flags -fsanitize=${REWAL_SANITIZE} -fno-omit-frame-pointer -g1)
  if(REWAL_SANITIZE MATCHES "undefined")
    list(APPEND rewal_sanitize_flags -fno-sanitize-recover=undefined)
  endif()
  target_compile_options(rewal_developer INTERFACE ${rewal_sanitize_flags})
  target_link_options(rewal_developer INTERFACE ${rewal_sanitize_flags})
endif()

# rewal_need(<package> <version> <git address> <tag> <target>): an installed package, else its sources at a pinned tag.
# Fetched headers are system headers too: our warnings are not theirs.
macro(rewal_need package version repository tag target)
  find_package(${package} ${version} QUIET)
  if(NOT ${package}_FOUND)
    message(STATUS "${package} ${version} is not installed: fetching ${tag}")
    include(FetchContent)
    FetchContent_Declare(${package} GIT_REPOSITORY ${repository} GIT_TAG ${tag} GIT_SHALLOW ON)
    FetchContent_MakeAvailable(${package})
    get_target_property(rewal_fetched_includes ${target} INTERFACE_INCLUDE_DIRECTORIES)
    set_target_properties(${target} PROPERTIES INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${rewal_fetched_includes}")
  endif()
endmacro()

# The library as one header, and with REWAL_SINGLE_HEADER everything that is built here against it.
option(REWAL_SINGLE_HEADER "Build tests, examples and benches against the single header" OFF)
find_package(Python3 3.9 QUIET COMPONENTS Interpreter)
if(Python3_FOUND AND PROJECT_IS_TOP_LEVEL)
  set(rewal_single_dir "${PROJECT_BINARY_DIR}/single-header")
  set(rewal_single_header
      "${Python3_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/cmake/single_header.py" "${PROJECT_SOURCE_DIR}/include"
      "${rewal_single_dir}/rewal.hpp" --stubs "${rewal_single_dir}/stubs")
  add_custom_target(single-header COMMAND ${rewal_single_header} VERBATIM)
  if(REWAL_SINGLE_HEADER)
    execute_process(COMMAND ${rewal_single_header} COMMAND_ERROR_IS_FATAL ANY)
    set_target_properties(rewal PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${rewal_single_dir}/stubs")
  endif()
endif()
