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
test_module(unmet NAME=unmet VERSION=1 CALLS=nobody_defines_this)
test_module(permanent NAME=permanent VERSION=1)
target_link_options(test_module_permanent PRIVATE -Wl,-z,nodelete)

khelp_add_helper(test_module_pair SOURCES test_modules/pair.c FREEBSD)
place_test_module(pair)
