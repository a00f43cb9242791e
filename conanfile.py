# SPDX-License-Identifier: MIT
"""Conan 2: `conan create .`; a program then requires "rewal/<version>" and links rewal::rewal."""
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load
from conan.tools.layout import basic_layout


class RewalConan(ConanFile):
    name = "rewal"
    description = "Embedded write-ahead log, header-only C++20"
    license = "MIT"
    topics = ("write-ahead-log", "wal", "durability", "embedded", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    exports_sources = "include/*", "LICENSE"
    no_copy_source = True

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, "include", "rewal", "version.hpp"))
        self.version = re.search(r'REWAL_VERSION "([^"]+)"', text).group(1)

    def layout(self):
        basic_layout(self)

    def validate(self):
        check_min_cppstd(self, 20)

    def package_id(self):
        self.info.clear()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "rewal")
        self.cpp_info.set_property("cmake_target_name", "rewal::rewal")
        self.cpp_info.set_property("pkg_config_name", "rewal")
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread"]
