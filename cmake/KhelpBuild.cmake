# How everything here is compiled, and the functions a folder's CMakeLists.txt is made of:
#
#   khelp_layer(core SOURCES hhook.cpp … DEPS sync base LIBS fmt::fmt TESTS hhook_test.cpp …)
#   khelp_test(system.replay SOURCES replay_test.cpp LABEL system)
#
# One call per folder, sources listed by name.
include_guard()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

set(KHELP_BIN_DIR ${PROJECT_BINARY_DIR}/bin)
set(KHELP_LIB_DIR ${PROJECT_BINARY_DIR}/lib)
set(KHELP_HELPER_DIR ${PROJECT_BINARY_DIR}/lib/khelp)
set(KHELP_TEST_DIR ${PROJECT_BINARY_DIR}/tests/bin)

# The layers that libkhelp.so is made of. The others stand above the contract and link it.
set(KHELP_LIBRARY_LAYERS base sync elf core utilities host)

# ---- flags for everything of ours ----

add_library(khelp_flags INTERFACE)
target_compile_options(khelp_flags INTERFACE
  -Wall -Wextra -Wshadow -Wcast-align -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor$<SEMICOLON>-Woverloaded-virtual>
  $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
if(KHELP_WERROR)
  target_compile_options(khelp_flags INTERFACE -Werror)
endif()
if(KHELP_ANALYSIS)
  target_compile_options(khelp_flags INTERFACE
    -Wthread-safety -Wthread-safety-beta -Werror=thread-safety -Werror=thread-safety-beta)
endif()
if(KHELP_SANITIZE)
  add_compile_options(-fsanitize=${KHELP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${KHELP_SANITIZE})
endif()
if(KHELP_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# The helpers of helpers/, which are installed; those of examples, tests and benchmarks are not.
add_custom_target(khelp_helpers)

# ---- folders that are there ----

function(khelp_add_folders)
  foreach(folder IN LISTS ARGN)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt)
      add_subdirectory(${folder})
    endif()
  endforeach()
endfunction()

# ---- optimised as a whole ----

# In a release the objects hold both machine code and what the compiler needs to begin again when
# all of them are linked: programs and helpers are made from the latter, tests from the former.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  set(KHELP_COMPILE_TOGETHER $<$<CONFIG:Release>:-flto> $<$<CONFIG:Release>:-ffat-lto-objects>)
  set(KHELP_LINK_TOGETHER $<$<CONFIG:Release>:-flto=auto>)
  set(KHELP_LINK_APART -fno-lto)
endif()

# ---- layers ----

# A layer's objects (target khelp_NAME) and one test program per TESTS file.
#
#   SOURCES  what it is made of            DEPS       layers it may use, closest first
#   LIBS     libraries it links            TESTS      x_test.cpp → the test NAME.x_test
#   LABEL    of its tests (unit)           TEST_LIBS  what only its tests link
function(khelp_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL" "SOURCES;DEPS;LIBS;TESTS;TEST_LIBS")
  _khelp_no_rest(khelp_layer ${name} "${arg_UNPARSED_ARGUMENTS}")
  if(arg_SOURCES)
    add_library(khelp_${name} OBJECT ${arg_SOURCES})
  else()
    add_library(khelp_${name} INTERFACE)
  endif()

  # Objects do not follow objects by themselves, so each layer knows all those it stands on.
  set(objects khelp_${name})
  foreach(dep IN LISTS arg_DEPS)
    if(NOT TARGET khelp_${dep})
      continue()
    endif()
    get_target_property(below khelp_${dep} KHELP_OBJECTS)
    list(APPEND objects ${below})
  endforeach()
  list(REMOVE_DUPLICATES objects)

  if(name IN_LIST KHELP_LIBRARY_LAYERS)
    set(library "")
  else()
    # One copy of the registries: above the contract, what is below comes from the shared library.
    foreach(below IN LISTS KHELP_LIBRARY_LAYERS)
      list(REMOVE_ITEM objects khelp_${below})
    endforeach()
    set(library khelp)
  endif()

  set(scope INTERFACE)
  if(arg_SOURCES)
    set(scope PUBLIC)
    target_link_libraries(khelp_${name} PRIVATE khelp_flags)
  endif()
  target_include_directories(khelp_${name} ${scope}
    ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(khelp_${name} ${scope} ${arg_LIBS} ${library} Threads::Threads)
  if(arg_SOURCES AND NOT library)
    target_compile_options(khelp_${name} PRIVATE -ftls-model=initial-exec)
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
      target_compile_options(khelp_${name} PRIVATE -fno-semantic-interposition)
    endif()
  endif()
  if(arg_SOURCES AND library)
    target_compile_options(khelp_${name} PRIVATE ${KHELP_COMPILE_TOGETHER})
  endif()
  set_target_properties(khelp_${name} PROPERTIES KHELP_OBJECTS "${objects}")

  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  foreach(source IN LISTS arg_TESTS)
    get_filename_component(stem ${source} NAME_WE)
    khelp_test(${name}.${stem} SOURCES ${source} LABEL ${arg_LABEL}
               LAYERS ${name} LIBS ${arg_TEST_LIBS})
  endforeach()
endfunction()

# The objects of layers, into a program or library.
function(khelp_link_layers target)
  set(objects "")
  foreach(layer IN LISTS ARGN)
    get_target_property(below khelp_${layer} KHELP_OBJECTS)
    list(APPEND objects ${below})
  endforeach()
  list(REMOVE_DUPLICATES objects)
  target_link_libraries(${target} PRIVATE ${objects})
endfunction()

# ---- programs and tests ----

# A program at build/bin, of layers above the contract.
function(khelp_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LAYERS;LIBS")
  _khelp_no_rest(khelp_program ${name} "${arg_UNPARSED_ARGUMENTS}")
  add_executable(khelp_program_${name} ${arg_SOURCES})
  target_link_libraries(khelp_program_${name} PRIVATE khelp_flags khelp ${arg_LIBS})
  target_compile_options(khelp_program_${name} PRIVATE ${KHELP_COMPILE_TOGETHER})
  target_link_options(khelp_program_${name} PRIVATE ${KHELP_LINK_TOGETHER})
  khelp_link_layers(khelp_program_${name} ${arg_LAYERS})
  set_target_properties(khelp_program_${name} PROPERTIES
    OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${KHELP_BIN_DIR}
    BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN/../lib")
  install(TARGETS khelp_program_${name} RUNTIME DESTINATION bin)
endfunction()

# Under a sanitizer it is the library that is slow, and the tests that take long to compile.
if(KHELP_SANITIZE)
  set(KHELP_TEST_OPTIONS -O0)
endif()

# GoogleTest's headers cost more than most tests: they are compiled once. In a program of its own,
# because what is precompiled is for one set of flags. (Clang wants all macros to be the same, too.)
if(KHELP_TESTS AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  add_executable(khelp_test_headers ${PROJECT_SOURCE_DIR}/tests/test_main.cpp)
  target_link_libraries(khelp_test_headers PRIVATE khelp_flags GTest::gtest GTest::gmock
    Threads::Threads)
  target_precompile_headers(khelp_test_headers PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
  target_compile_options(khelp_test_headers PRIVATE ${KHELP_TEST_OPTIONS})
  set_target_properties(khelp_test_headers PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${KHELP_TEST_DIR})
endif()

# A gtest program, registered with ctest as NAME (folder.file).
#
#   SOURCES  its files         LABEL    unit, system, stress, conformance, abi, package, upstream
#   LAYERS   layers whose objects it links; without any it links libkhelp.so like a user's program
#   LIBS     more libraries    DEPENDS  targets it needs at run time (helpers, the program)
#   TIMEOUT  seconds (300)     NO_MAIN  it has its own main()
#   SERIAL   runs with no other test beside it
#
# Its files see KHELP_SOURCE_DIR, KHELP_BIN_DIR and KHELP_HELPER_DIR as string macros.
function(khelp_test name)
  if(NOT KHELP_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_MAIN;SERIAL" "LABEL;TIMEOUT"
                        "SOURCES;LAYERS;LIBS;DEPENDS")
  _khelp_no_rest(khelp_test ${name} "${arg_UNPARSED_ARGUMENTS}")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${KHELP_TEST_DIR})
  target_compile_definitions(${name} PRIVATE
    KHELP_SOURCE_DIR="${PROJECT_SOURCE_DIR}" KHELP_BIN_DIR="${KHELP_BIN_DIR}"
    KHELP_HELPER_DIR="${KHELP_HELPER_DIR}")
  target_link_libraries(${name} PRIVATE khelp_flags ${arg_LIBS})
  target_compile_options(${name} PRIVATE ${KHELP_TEST_OPTIONS})
  target_link_options(${name} PRIVATE ${KHELP_LINK_APART})
  if(TARGET khelp_test_headers)
    target_precompile_headers(${name} REUSE_FROM khelp_test_headers)
  endif()
  if(arg_LAYERS)
    khelp_link_layers(${name} ${arg_LAYERS})
  else()
    target_link_libraries(${name} PRIVATE khelp)
  endif()
  if(arg_NO_MAIN)
    target_link_libraries(${name} PRIVATE GTest::gtest GTest::gmock)
  else()
    target_link_libraries(${name} PRIVATE khelp_test_main GTest::gtest GTest::gmock)
  endif()
  if(arg_DEPENDS)
    add_dependencies(${name} ${arg_DEPENDS})
  endif()
  add_test(NAME ${name} COMMAND ${name})
  khelp_test_properties(${name} ${arg_LABEL} ${arg_TIMEOUT})
  if(arg_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()

# What every registered test gets: label, time limit, environment; exit code 77 means skipped.
function(khelp_test_properties name label timeout)
  set(environment
    "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    # A fork holds every lock of the library, and this detector dies at the 65th; the order of locks
    # is checked by clang's analysis.
    "TSAN_OPTIONS=halt_on_error=1:detect_deadlocks=0")
  if(KHELP_TRACES_DIR)
    list(APPEND environment "KHELP_TRACES_DIR=${KHELP_TRACES_DIR}")
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${label}" TIMEOUT ${timeout}
    SKIP_RETURN_CODE 77 ENVIRONMENT "${environment}")
endfunction()

function(_khelp_no_rest function name rest)
  if(rest)
    message(FATAL_ERROR "${function}(${name}): unknown arguments: ${rest}")
  endif()
endfunction()
