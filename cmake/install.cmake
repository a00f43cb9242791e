# SPDX-License-Identifier: MIT
# Install rules: headers, the CMake package and the pkg-config file, all of them independent of the architecture and
# free to be moved with their prefix.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(rewal_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/rewal")
set(rewal_pkgconfig_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")

install(DIRECTORY include/rewal DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
install(TARGETS rewal EXPORT rewal INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT rewal NAMESPACE rewal:: FILE rewalTargets.cmake DESTINATION "${rewal_package_dir}")

# The Common Package Specification, which other build systems read too.
if(CMAKE_VERSION VERSION_GREATER_EQUAL 4.3)
  install(PACKAGE_INFO rewal EXPORT rewal VERSION ${PROJECT_VERSION} DEFAULT_TARGETS rewal LICENSE MIT
          DESTINATION "${CMAKE_INSTALL_DATADIR}/cps")
endif()

configure_package_config_file(cmake/rewalConfig.cmake.in rewalConfig.cmake
                              INSTALL_DESTINATION "${rewal_package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(rewalConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/rewalConfig.cmake" "${PROJECT_BINARY_DIR}/rewalConfigVersion.cmake"
        DESTINATION "${rewal_package_dir}")

# Compiled in the project that asks for rewal::instances, with its flags.
install(FILES cmake/instances.cpp DESTINATION "${rewal_package_dir}")

# The prefix is found from the place of the .pc file, so that an installed tree can be moved.
file(RELATIVE_PATH rewal_pc_to_prefix "/prefix/${rewal_pkgconfig_dir}" "/prefix")
string(REGEX REPLACE "/$" "" rewal_pc_to_prefix "${rewal_pc_to_prefix}")
configure_file(cmake/rewal.pc.in rewal.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/rewal.pc" DESTINATION "${rewal_pkgconfig_dir}")
