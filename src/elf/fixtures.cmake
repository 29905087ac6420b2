# Small shared objects for the ELF reader's tests, each with one property. They are made by the
# compiler directly: the flags of this build (sanitizers, hardening) would blur what is tested.

set(elf_fixture_source ${CMAKE_CURRENT_SOURCE_DIR}/fixtures)
set(elf_fixture_folder ${CMAKE_CURRENT_BINARY_DIR}/fixtures)
file(MAKE_DIRECTORY ${elf_fixture_folder})
set(elf_fixtures)

# elf_fixture(name source flag...): fixtures/name, from one source file.
macro(elf_fixture name source)
  if("${source}" MATCHES "cpp$")
    set(elf_fixture_compiler ${CMAKE_CXX_COMPILER})
  else()
    set(elf_fixture_compiler ${CMAKE_C_COMPILER})
  endif()
  add_custom_command(
    OUTPUT ${elf_fixture_folder}/${name}
    COMMAND ${elf_fixture_compiler} -O1 -fPIC ${ARGN} ${elf_fixture_source}/${source} -o
            ${elf_fixture_folder}/${name}
    DEPENDS ${elf_fixture_source}/${source} ${elf_fixture_needs}
    VERBATIM)
  list(APPEND elf_fixtures ${elf_fixture_folder}/${name})
endmacro()

# Newer linkers warn of what one of the fixtures is made to have.
include(CheckLinkerFlag)
check_linker_flag(C -Wl,--no-warn-rwx-segments KHELP_LINKER_WARNS_OF_RWX)
set(elf_fixture_quiet $<$<BOOL:${KHELP_LINKER_WARNS_OF_RWX}>:-Wl,--no-warn-rwx-segments>)

set(elf_fixture_needs)
elf_fixture(plain.so plain.c -shared -Wl,--build-id)
elf_fixture(both_hashes.so plain.c -shared -Wl,--hash-style=both)
elf_fixture(old_hash.so plain.c -shared -Wl,--hash-style=sysv)
elf_fixture(packed.so plain.c -shared -Wl,-z,pack-relative-relocs)
elf_fixture(versioned.so plain.c -shared -Wl,--default-symver -Wl,-soname,versioned.so)
elf_fixture(executable_stack.so plain.c -shared -Wl,-z,execstack)
elf_fixture(no_delete.so plain.c -shared -Wl,-z,nodelete)
elf_fixture(no_open.so plain.c -shared -Wl,-z,nodlopen)
elf_fixture(run_path.so plain.c -shared -Wl,--enable-new-dtags,-rpath,/nowhere)
elf_fixture(old_run_path.so plain.c -shared -Wl,--disable-new-dtags,-rpath,/nowhere)
elf_fixture(audit.so plain.c -shared -Wl,--audit,spy.so)
elf_fixture(filter.so plain.c -shared -Wl,-F,other.so)
elf_fixture(auxiliary.so plain.c -shared -Wl,-f,other.so)
elf_fixture(false_name.so plain.c -shared -Wl,-soname,libm.so.6)
elf_fixture(writable_code.so plain.c -shared -nostdlib -nostartfiles -Wl,--omagic
            -Wl,-z,max-page-size=4096 ${elf_fixture_quiet})
elf_fixture(linker_set.so linker_set.c -shared)
elf_fixture(ifunc.so ifunc.c -shared)
elf_fixture(small_static_tls.so static_tls.c -shared -DBYTES=64)
elf_fixture(large_static_tls.so static_tls.c -shared -DBYTES=65536)
elf_fixture(text_relocation.so text_relocation.s -shared -nostdlib -Wl,-z,notext)
elf_fixture(go.so go_note.s -shared)
elf_fixture(thread_exit.so thread_exit.cpp -shared)
foreach(function on_exit pthread_create sysv_signal timer_create)
  elf_fixture(calls_${function}.so caller.c -shared -DFUNCTION=${function})
endforeach()
elf_fixture(asks_for_threads.so caller.c -shared -DFUNCTION=__pthread_key_create -DWEAK)
elf_fixture(program program.c -pie)
elf_fixture(object.o plain.c -c)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  elf_fixture(unique.so unique.cpp -shared -fgnu-unique)
  elf_fixture(not_unique.so unique.cpp -shared -fno-gnu-unique)
endif()
find_program(KHELP_LLD ld.lld)
if(KHELP_LLD AND CMAKE_C_COMPILER_ID STREQUAL "Clang")
  elf_fixture(lld.so plain.c -shared -fuse-ld=lld)
endif()

elf_fixture(libstranger.so plain.c -shared -Wl,-soname,libstranger.so)
set(elf_fixture_needs ${elf_fixture_folder}/libstranger.so)
elf_fixture(needs_stranger.so program.c -shared -Wl,--no-as-needed
            ${elf_fixture_folder}/libstranger.so)
set(elf_fixture_needs)

elf_fixture(libpath.so plain.c -shared -Wl,-soname,/nowhere/libpath.so)
set(elf_fixture_needs ${elf_fixture_folder}/libpath.so)
elf_fixture(needs_path.so program.c -shared -Wl,--no-as-needed ${elf_fixture_folder}/libpath.so)
set(elf_fixture_needs)

elf_fixture(overlooked.so overlooked.c -shared)
elf_fixture(overlooked_user.so overlooked.c -shared -DUSES)
elf_fixture(libmusl.so plain.c -shared -Wl,-soname,libc.musl-x86_64.so.1)
set(elf_fixture_needs ${elf_fixture_folder}/libmusl.so)
elf_fixture(needs_musl.so program.c -shared -Wl,--no-as-needed ${elf_fixture_folder}/libmusl.so)
set(elf_fixture_needs)

add_custom_command(
  OUTPUT ${elf_fixture_folder}/debug_only.so
  COMMAND ${CMAKE_OBJCOPY} --only-keep-debug ${elf_fixture_folder}/plain.so
          ${elf_fixture_folder}/debug_only.so
  DEPENDS ${elf_fixture_folder}/plain.so
  VERBATIM)
list(APPEND elf_fixtures ${elf_fixture_folder}/debug_only.so)

add_custom_target(elf_fixtures DEPENDS ${elf_fixtures})
