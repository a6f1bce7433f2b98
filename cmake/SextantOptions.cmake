# SPDX-License-Identifier: Apache-2.0
# Compiler settings and helpers shared by every folder.

option(SEXTANT_BUILD_TESTS "Build the tests" ON)
option(SEXTANT_BUILD_FUZZERS "Build the libFuzzer targets (needs clang)" OFF)
set(SEXTANT_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize: 'address,undefined' or 'thread'")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# -O2 is what Debian's own libraries are built with; assertions stay off only in Release.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
# For one's own rebuilds: assertions on, and the passes left out that cost most and save least.
set(CMAKE_CXX_FLAGS_DEV "-O1")

find_program(SEXTANT_CCACHE ccache)
if(SEXTANT_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER "${SEXTANT_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${SEXTANT_CCACHE}")
endif()

include(BuildSpeed)

# Warnings are errors in our own code. Generated code is built without this target.
add_library(sextant_warnings INTERFACE)
target_compile_options(sextant_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wshadow;-Wnon-virtual-dtor;-Woverloaded-virtual;-Werror>)

if(SEXTANT_SANITIZE)
  add_compile_options("$<$<COMPILE_LANGUAGE:C,CXX>:-fsanitize=${SEXTANT_SANITIZE};-fno-omit-frame-pointer;-g1>")
  add_link_options("-fsanitize=${SEXTANT_SANITIZE}")
endif()

# Tables of functions that cannot be written once a program runs. Debian's compilers make position-independent programs.
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)

# Builds that only test know also when a container is used beyond its end.
if(SEXTANT_SANITIZE OR SEXTANT_BUILD_FUZZERS)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()

# sextant_harden(): for folders that read what strangers send, which is all but the numerics of fitting/. An overrun
# buffer, an index beyond the end or an empty optional ends the program, before it is somebody else's. The tests of these
# folders run on the same code. Sanitizers do more, and do not go with FORTIFY. tests/hardening_test.py looks at what came
# of it.
macro(sextant_harden)
  if(NOT SEXTANT_SANITIZE AND NOT SEXTANT_BUILD_FUZZERS)
    add_compile_options("$<$<COMPILE_LANGUAGE:C,CXX>:-fstack-protector-strong>"
      "$<$<AND:$<COMPILE_LANGUAGE:C,CXX>,$<CONFIG:Release,RelWithDebInfo>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>"
      "$<$<COMPILE_LANGUAGE:CXX>:-D_GLIBCXX_ASSERTIONS>")
  endif()
endmacro()

# sextant_add_library(NAME SOURCES... [LINK libs...]): a static library of our own code.
# Headers are included by their path from the project root.
function(sextant_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PUBLIC ${ARG_LINK} PRIVATE sextant_warnings)
endfunction()

# sextant_add_test(NAME SOURCES... [LINK libs...]): one GoogleTest binary for a folder of tests.
function(sextant_add_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LINK" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}/test_include")
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main sextant_warnings)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT ${ARG_TIMEOUT})
endfunction()
