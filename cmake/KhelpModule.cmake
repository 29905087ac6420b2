# khelp_add_helper(NAME SOURCES file… [FREEBSD] [LIBS library…] [USES helper…]): a helper module,
# NAME.so.
#
# USES names helpers whose functions it calls: it is linked with their files, and must say that it
# depends on their modules. They need not be declared before it; their functions must be exported
# (KHELP_API), because all else of a helper is hidden.
#
# FREEBSD compiles GNU C against the FreeBSD include root, so that modules written for that kernel
# build unchanged. The same file serves this tree and, installed, every user's.
include_guard()

function(khelp_add_helper name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "FREEBSD" "" "SOURCES;LIBS;USES")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
    message(FATAL_ERROR
      "khelp_add_helper(${name} SOURCES file… [FREEBSD] [LIBS library…] [USES helper…])")
  endif()
  add_library(${name} MODULE ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX ".so"
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    # libkhelp.so is in the process already; a module with a search path of its own is refused.
    BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "")
  # A unique symbol would pin the module in memory for ever (only g++ makes them).
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  if(arg_FREEBSD)
    set_target_properties(${name} PROPERTIES C_STANDARD 11 C_EXTENSIONS ON)
    target_link_libraries(${name} PRIVATE khelp::freebsd)
  else()
    target_compile_features(${name} PRIVATE cxx_std_20)
    target_link_libraries(${name} PRIVATE khelp::khelp)
  endif()
  target_link_libraries(${name} PRIVATE ${arg_LIBS})
  # The name by which those that use it find it in the process; and by its build id, which g++ does not
  # always ask for, debuggers and profilers tell it from another version.
  target_link_options(${name} PRIVATE LINKER:-soname,$<TARGET_FILE_NAME:${name}> LINKER:--build-id)
  foreach(used ${arg_USES})
    add_dependencies(${name} ${used})
    # -Wl keeps CMake from looking for it: helpers are nobody's libraries to it.
    target_link_libraries(${name} PRIVATE -Wl,$<TARGET_FILE:${used}>)
    set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS $<TARGET_FILE:${used}>)
  endforeach()
  if(TARGET khelp_helpers)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${KHELP_HELPER_DIR})
    if(CMAKE_CURRENT_SOURCE_DIR MATCHES "^${PROJECT_SOURCE_DIR}/helpers/")
      add_dependencies(khelp_helpers ${name})
    endif()
  endif()
endfunction()
