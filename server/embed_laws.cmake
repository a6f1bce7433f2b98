# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT: the files of FOLDER/*.toml as C++ text, so that the binary needs no data folder.
file(GLOB laws "${FOLDER}/*.toml")
list(SORT laws)
set(code "// Made by server/embed_laws.cmake from data/laws.\n#include \"server/embedded_laws.h\"\n\n")
string(APPEND code "namespace sextant::server {\n\nconst std::vector<EmbeddedLaw>& EmbeddedLaws() {\n")
string(APPEND code "  static const std::vector<EmbeddedLaw> laws = {\n")
foreach(law ${laws})
  get_filename_component(name "${law}" NAME)
  file(READ "${law}" text)
  string(APPEND code "      {\"${name}\", R\"~law~(${text})~law~\"},\n")
endforeach()
string(APPEND code "  };\n  return laws;\n}\n\n}  // namespace sextant::server\n")
file(WRITE "${OUTPUT}" "${code}")
