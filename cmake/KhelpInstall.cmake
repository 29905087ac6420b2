# What `cmake --install` puts where.
include(GNUInstallDirs)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/khelp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
