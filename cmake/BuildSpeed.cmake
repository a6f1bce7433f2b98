# SPDX-License-Identifier: Apache-2.0
# What keeps builds short: batches of files, one precompiled header for all that speaks gRPC, ccache with both.

# Most of what a file costs is headers and templates that its neighbours use too: the larger libraries are compiled in
# batches of files. To the compiler a batch is one file, so a name at file level is unique in such a library
# (tests/unity_test.py). Files with compile options of their own stay alone. OFF checks that each file includes what it
# uses.
option(SEXTANT_UNITY "Compile the larger libraries in batches of files" ON)

# sextant_compile_in_batches(TARGET [SIZE]): up to SIZE files of TARGET at a time.
function(sextant_compile_in_batches target)
  set(size 10)
  if(ARGC GREATER 1)
    set(size ${ARGV1})
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${SEXTANT_UNITY} UNITY_BUILD_BATCH_SIZE ${size})
  # For tests/unity_test.py: the folder, then its files.
  file(GENERATE OUTPUT "${PROJECT_BINARY_DIR}/batches/${target}.txt" CONTENT
    "$<TARGET_PROPERTY:${target},SOURCE_DIR>\n$<JOIN:$<TARGET_PROPERTY:${target},SOURCES>,\n>\n")
endfunction()

# ccache keeps files that use a precompiled header only when it is told that the header's times and macros do not matter.
function(_sextant_cache_precompiled target)
  if(SEXTANT_CCACHE)
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
    set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime;${SEXTANT_CCACHE}")
  endif()
endfunction()

# sextant_own_precompiled_header(TARGET HEADERS...): TARGET makes a precompiled header; others share the first.
# GCC lets targets share one whose warnings and level of optimisation differ; Clang does not.
function(sextant_own_precompiled_header target)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_precompile_headers(${target} PRIVATE ${ARGN})
    _sextant_cache_precompiled(${target})
    get_property(owner GLOBAL PROPERTY SEXTANT_PRECOMPILED_HEADER_OWNER)
    if(NOT owner)
      set_property(GLOBAL PROPERTY SEXTANT_PRECOMPILED_HEADER_OWNER ${target})
      set_property(GLOBAL PROPERTY SEXTANT_PRECOMPILED_HEADERS "${ARGN}")
    endif()
  endif()
endfunction()

# sextant_share_precompiled_header(TARGET [OWNER]): TARGET uses the shared precompiled header, or the one of OWNER, whose
# code is hardened as its own.
function(sextant_share_precompiled_header target)
  get_property(owner GLOBAL PROPERTY SEXTANT_PRECOMPILED_HEADER_OWNER)
  if(owner AND ARGC GREATER 1)
    set(owner ${ARGV1})
  endif()
  if(owner)
    target_precompile_headers(${target} REUSE_FROM ${owner})
    _sextant_cache_precompiled(${target})
  endif()
endfunction()
