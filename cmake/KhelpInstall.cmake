# What `cmake --install` puts where: the library, its headers, the program, the helpers, and what
# pkg-config and find_package(khelp) need to build against them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/khelp)
set(KHELP_INSTALLED_HELPERS ${CMAKE_INSTALL_LIBDIR}/khelp)

install(DIRECTORY include/khelp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY src/personality/freebsd/include/
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/khelp/freebsd)
install(DIRECTORY src/personality/netbsd/include/
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/khelp/netbsd)
install(DIRECTORY src/personality/darwin/include/
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/khelp/darwin)
install(TARGETS khelp khelp_darwin khelp_freebsd_module khelp_netbsd EXPORT khelpTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})

foreach(section 1 3 4 9)
  install(DIRECTORY man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section}
          FILES_MATCHING PATTERN "*.${section}")
endforeach()

get_target_property(helpers khelp_helpers MANUALLY_ADDED_DEPENDENCIES)
install(TARGETS ${helpers} LIBRARY DESTINATION ${KHELP_INSTALLED_HELPERS})

configure_package_config_file(cmake/khelpConfig.cmake.in ${PROJECT_BINARY_DIR}/khelpConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/khelpConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(EXPORT khelpTargets NAMESPACE khelp:: DESTINATION ${package_dir})
install(FILES cmake/KhelpModule.cmake ${PROJECT_BINARY_DIR}/khelpConfig.cmake
              ${PROJECT_BINARY_DIR}/khelpConfigVersion.cmake
        DESTINATION ${package_dir})

# The package may be moved: its paths are relative to the file.
file(RELATIVE_PATH KHELP_INCLUDE_FROM_LIB ${CMAKE_INSTALL_FULL_LIBDIR}
     ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(cmake/khelp.pc.in ${PROJECT_BINARY_DIR}/khelp.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/khelp.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
