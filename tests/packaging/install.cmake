# SPDX-License-Identifier: MIT
# Installs the build tree BINARY_DIR into INSTALLED and moves it to PREFIX. Only what is named here may be in it.
cmake_minimum_required(VERSION 3.20)

file(REMOVE_RECURSE "${INSTALLED}" "${PREFIX}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BINARY_DIR}" --prefix "${INSTALLED}" --config "${CONFIG}"
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(GLOB_RECURSE files RELATIVE "${INSTALLED}" "${INSTALLED}/*")
foreach(file IN LISTS files)
  if(NOT file MATCHES "^(include/rewal/.*\\.hpp|share/cmake/rewal/instances\\.cpp|share/cmake/rewal/rewal[A-Za-z]+\\.cmake|share/pkgconfig/rewal\\.pc|share/cps/rewal\\.cps)$"
     AND NOT file MATCHES "^(bin/walctl|share/man/man1/walctl\\.1|share/(bash-completion|zsh|fish)/.*/_?walctl(\\.fish)?)$")
    message(FATAL_ERROR "${file} does not belong into an installation")
  endif()
  file(READ "${INSTALLED}/${file}" text)
  string(FIND "${text}" "${INSTALLED}" place)
  if(NOT place EQUAL -1)
    message(FATAL_ERROR "${file} names the place where it was installed")
  endif()
endforeach()
file(RENAME "${INSTALLED}" "${PREFIX}")
