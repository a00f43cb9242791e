# SPDX-License-Identifier: MIT
# Installs the overlay port with vcpkg, where there is one, and builds the consumer against what it installed.
cmake_minimum_required(VERSION 3.20)

file(READ "${SOURCE_DIR}/cmake/vcpkg/ports/rewal/vcpkg.json" manifest)
string(JSON port_version GET "${manifest}" version-semver)
if(NOT port_version STREQUAL EXPECTED_VERSION)
  message(FATAL_ERROR "the vcpkg port says ${port_version}, the header ${EXPECTED_VERSION}")
endif()

file(STRINGS "${SOURCE_DIR}/cmake/rewal.wrap" wrap REGEX "^revision = v${EXPECTED_VERSION}$")
if(NOT wrap)
  message(FATAL_ERROR "cmake/rewal.wrap is not of version ${EXPECTED_VERSION}")
endif()

# The port for the registry is this one with another beginning.
execute_process(COMMAND "${CMAKE_COMMAND}" -D REPO=owner/rewal -D SHA512=0123 -D "OUTPUT=${WORK_DIR}/registry" -P
                        "${SOURCE_DIR}/cmake/vcpkg/registry.cmake" COMMAND_ERROR_IS_FATAL ANY)
file(READ "${WORK_DIR}/registry/portfile.cmake" registry)
file(READ "${WORK_DIR}/registry/vcpkg.json" manifest)
string(JSON homepage GET "${manifest}" homepage)
string(JSON port_version GET "${manifest}" version-semver)
if(NOT registry MATCHES "^vcpkg_from_github\\(.*REPO owner/rewal.*SHA512 0123.*vcpkg_cmake_install" OR registry MATCHES "CURRENT_PORT_DIR"
   OR NOT homepage STREQUAL "https://github.com/owner/rewal" OR NOT port_version STREQUAL EXPECTED_VERSION)
  message(FATAL_ERROR "the registry's port is\n${registry}\n${manifest}")
endif()

find_program(vcpkg vcpkg)
if(NOT vcpkg)
  message("SKIPPED: vcpkg is not on the path")
  return()
endif()

file(REMOVE_RECURSE "${WORK_DIR}")
execute_process(
  COMMAND
    "${vcpkg}" install rewal --classic --enforce-port-checks --binarysource=clear "--overlay-ports=${SOURCE_DIR}/cmake/vcpkg/ports"
    "--x-install-root=${WORK_DIR}/installed" "--x-buildtrees-root=${WORK_DIR}/buildtrees"
    "--x-packages-root=${WORK_DIR}/packages" COMMAND_ERROR_IS_FATAL ANY)
file(GLOB config "${WORK_DIR}/installed/*/share/rewal/rewalConfig.cmake")
get_filename_component(config_dir "${config}" DIRECTORY)
execute_process(
  COMMAND "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/find_package" -B "${WORK_DIR}/build" -G "${GENERATOR}"
          "-DCMAKE_CXX_COMPILER=${COMPILER}" "-Drewal_DIR=${config_dir}" "-DREWAL_EXPECTED_VERSION=${EXPECTED_VERSION}"
          COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${WORK_DIR}/build" COMMAND_ERROR_IS_FATAL ANY)
