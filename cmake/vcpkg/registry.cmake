# SPDX-License-Identifier: MIT
# Writes the port for vcpkg's registry, which fetches a release: the overlay port with another beginning.
#   cmake -D REPO=<owner>/<name> -D SHA512=<of the release's archive> -D OUTPUT=<folder> -P cmake/vcpkg/registry.cmake
cmake_minimum_required(VERSION 3.20)

foreach(needed IN ITEMS REPO SHA512 OUTPUT)
  if(NOT ${needed})
    message(FATAL_ERROR "-D ${needed}=... is missing")
  endif()
endforeach()

set(port "${CMAKE_CURRENT_LIST_DIR}/ports/rewal")
file(READ "${port}/portfile.cmake" portfile)
string(FIND "${portfile}" "set(VCPKG_BUILD_TYPE" begin)
if(begin EQUAL -1)
  message(FATAL_ERROR "${port}/portfile.cmake has another form")
endif()
string(SUBSTRING "${portfile}" ${begin} -1 portfile)
string(CONCAT fetched "vcpkg_from_github(\n    OUT_SOURCE_PATH SOURCE_PATH\n    REPO ${REPO}\n    REF \"v\${VERSION}\"\n"
              "    SHA512 ${SHA512}\n    HEAD_REF main\n)\n\n")
file(WRITE "${OUTPUT}/portfile.cmake" "${fetched}${portfile}")

file(READ "${port}/vcpkg.json" manifest)
string(JSON manifest SET "${manifest}" homepage "\"https://github.com/${REPO}\"")
file(WRITE "${OUTPUT}/vcpkg.json" "${manifest}\n")
file(COPY "${port}/usage" DESTINATION "${OUTPUT}")
