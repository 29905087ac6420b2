# Helper modules for the loader's tests, in a folder of their own: they are not part of what is
# shipped.

set(loader_test_folder ${CMAKE_CURRENT_BINARY_DIR}/test_modules)
set(loader_test_modules)

# test_module(file definition…): test_modules/FILE.so from helper.cpp.
macro(test_module file)
  khelp_add_helper(test_module_${file} SOURCES test_modules/helper.cpp)
  target_compile_definitions(test_module_${file} PRIVATE ${ARGN})
  place_test_module(${file})
endmacro()

macro(place_test_module file)
  set_target_properties(test_module_${file} PROPERTIES
    OUTPUT_NAME ${file} LIBRARY_OUTPUT_DIRECTORY ${loader_test_folder})
  list(APPEND loader_test_modules test_module_${file})
endmacro()

test_module(counter NAME=counter VERSION=3 STEP_PARAM)
test_module(counter_again NAME=counter VERSION=4)
test_module(stateful NAME=stateful VERSION=1 STATE)
test_module(failing NAME=failing VERSION=1 FAIL_INIT=EIO NEEDS=counter MINIMUM=1 PREFERRED=3
            MAXIMUM=9)
test_module(throwing NAME=throwing VERSION=1 THROW_INIT)
test_module(user NAME=user VERSION=1 NEEDS=counter MINIMUM=1 PREFERRED=2 MAXIMUM=3)
test_module(user_of_user NAME=user_of_user VERSION=1 NEEDS=user MINIMUM=1 PREFERRED=1 MAXIMUM=1)
test_module(too_new NAME=too_new VERSION=1 NEEDS=counter MINIMUM=8 PREFERRED=8 MAXIMUM=9)
test_module(orphan NAME=orphan VERSION=1 NEEDS=nobody MINIMUM=1 PREFERRED=1 MAXIMUM=1)
test_module(ring_a NAME=ring_a VERSION=1 NEEDS=ring_b MINIMUM=1 PREFERRED=1 MAXIMUM=1)
test_module(ring_b NAME=ring_b VERSION=1 NEEDS=ring_a MINIMUM=1 PREFERRED=1 MAXIMUM=1)
test_module(other_layout NAME=other_layout VERSION=1 OTHER_LAYOUT)
test_module(nesting NAME=nesting VERSION=1 INIT_LOADS=counter)
test_module(thread_exit NAME=thread_exit VERSION=1 THREAD_EXIT)
test_module(throwaway NAME=throwaway VERSION=1)
test_module(constructing NAME=constructing VERSION=1 CONSTRUCTOR)
test_module(unmet NAME=unmet VERSION=1 CALLS=nobody_defines_this)
test_module(permanent NAME=permanent VERSION=1)
target_link_options(test_module_permanent PRIVATE -Wl,-z,nodelete)

# What a module may leave behind: LEAVES is a function of leaves.cpp.
foreach(leaves at_exit name key handler exit_function slot filter point zone listed instances argument thread
        static_objects data)
  khelp_add_helper(test_module_${leaves} SOURCES test_modules/leaves.cpp)
  string(TOUPPER LEAVES_${leaves} leaves_definition)
  target_compile_definitions(test_module_${leaves} PRIVATE LEAVES=${leaves} ${leaves_definition})
  place_test_module(${leaves})
endforeach()

# Linked with an ordinary library, of which the machine need not have the part for developers.
find_library(KHELP_LIBZ NAMES libz.so.1 NO_CACHE)
if(KHELP_LIBZ)
  test_module(uses_libz NAME=uses_libz VERSION=1)
  target_link_options(test_module_uses_libz PRIVATE -Wl,--no-as-needed ${KHELP_LIBZ})
  # The same, but the library it is linked with offers a version that the real one does not have.
  add_library(test_module_false_libz SHARED test_modules/false_libz.c)
  set_target_properties(test_module_false_libz PROPERTIES
    NO_SONAME ON OUTPUT_NAME false_libz LIBRARY_OUTPUT_DIRECTORY ${loader_test_folder}/false
    LINK_OPTIONS "LINKER:-soname,libz.so.1;LINKER:--version-script=${CMAKE_CURRENT_SOURCE_DIR}/test_modules/false_libz.map")
  test_module(uses_new_libz NAME=uses_new_libz VERSION=1 CALLS=of_the_future)
  add_dependencies(test_module_uses_new_libz test_module_false_libz)
  target_link_options(test_module_uses_new_libz PRIVATE
    -Wl,--no-as-needed $<TARGET_FILE:test_module_false_libz>)
endif()
if(NOT KHELP_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  test_module(sanitized NAME=sanitized VERSION=1)
  target_compile_options(test_module_sanitized PRIVATE -fsanitize=address)
  target_link_options(test_module_sanitized PRIVATE -fsanitize=address)
endif()

khelp_add_helper(test_module_pair SOURCES test_modules/pair.c FREEBSD)
place_test_module(pair)

# linked_module(folder file [USES file…] definition…): FOLDER/FILE.so from linked.c, linked with
# files of the first folder.
function(linked_module folder file)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "USES")
  list(TRANSFORM arg_USES PREPEND test_module_linked_)
  set(target test_module_${folder}_${file})
  khelp_add_helper(${target} SOURCES test_modules/linked.c FREEBSD USES ${arg_USES})
  target_compile_definitions(${target} PRIVATE ${arg_UNPARSED_ARGUMENTS})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${file} LIBRARY_OUTPUT_DIRECTORY ${loader_test_folder}/${folder})
  set(loader_test_modules ${loader_test_modules} ${target} PARENT_SCOPE)
endfunction()

linked_module(linked lower NAME=lower SAYS=40)
linked_module(again lower NAME=lower SAYS=50)
linked_module(impostor lower NAME=impostor SAYS=60)
linked_module(linked upper NAME=upper ASKS=lower NEEDS=lower USES lower)
linked_module(unlinked upper NAME=upper ASKS=lower NEEDS=lower)
linked_module(undeclared upper NAME=upper ASKS=lower USES lower)
linked_module(linked kept NAME=kept SAYS=70)
linked_module(linked user_of_kept NAME=user_of_kept ASKS=kept NEEDS=kept USES kept)
target_link_options(test_module_linked_user_of_kept PRIVATE -Wl,-z,nodelete)
