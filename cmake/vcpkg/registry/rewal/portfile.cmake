# The port for vcpkg's registry: the sources of a release. SHA512 is that of the release's archive (see CONTRIBUTING.md).
vcpkg_from_github(
    OUT_SOURCE_PATH SOURCE_PATH
    REPO rewal/rewal
    REF "v${VERSION}"
    SHA512 0
    HEAD_REF main
)

set(VCPKG_BUILD_TYPE release) # header-only

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS FEATURES tool REWAL_BUILD_WALCTL)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DREWAL_BUILD_TESTS=OFF
        -DREWAL_BUILD_EXAMPLES=OFF
        -DREWAL_BUILD_BENCH=OFF
        -DREWAL_INSTALL=ON
        ${FEATURE_OPTIONS}
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/rewal)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib")
if("tool" IN_LIST FEATURES)
    vcpkg_copy_tools(TOOL_NAMES walctl AUTO_CLEAN)
endif()

file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
