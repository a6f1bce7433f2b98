# SPDX-License-Identifier: Apache-2.0
# Debian packages: `cmake --build build --target packages` writes them to build/packages. sextant-server, sextant,
# sextant-trainer and python3-sextant. Nothing of this belongs to `cmake --install`.
find_package(Protobuf REQUIRED)
set(_packaging "${CMAKE_CURRENT_LIST_DIR}")
set(_made "${PROJECT_BINARY_DIR}/packaging")
file(MAKE_DIRECTORY "${_made}/man" "${_made}/python")
string(TIMESTAMP _day "%Y-%m-%d" UTC)  # SOURCE_DATE_EPOCH, where it is set
string(TIMESTAMP _rfc2822 "%a, %d %b %Y %H:%M:%S +0000" UTC)

# Whoever builds packages for others puts an address there that is read.
set(SEXTANT_MAINTAINER "Sextant maintainers <sextant@example.org>" CACHE STRING "Maintainer of the Debian packages")
set(_maintainer "${SEXTANT_MAINTAINER}")
set(SEXTANT_PACKAGE_VERSION "${PROJECT_VERSION}" CACHE STRING "Version of the Debian packages")

# Man pages come from the programs themselves, as --help does.
add_custom_command(
  OUTPUT "${_made}/man.stamp"
  COMMAND "${CMAKE_COMMAND}" -E rm -rf "${_made}/man"
  COMMAND "${CMAKE_COMMAND}" -E make_directory "${_made}/man/man1" "${_made}/man/man8"
  COMMAND sextant __man "${_made}/man/man1" "${_day}"
  COMMAND sextantd --man-page "${_day}" > "${_made}/man/man8/sextantd.8"
  COMMAND sh -c "gzip -9n '${_made}'/man/man1/* '${_made}'/man/man8/*"
  COMMAND "${CMAKE_COMMAND}" -E touch "${_made}/man.stamp"
  DEPENDS sextant sextantd VERBATIM)
add_custom_target(man_pages DEPENDS "${_made}/man.stamp")

# The Python package with the messages of the API.
file(GLOB _api_protos CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/proto" "${PROJECT_SOURCE_DIR}/proto/sextant/v1/*.proto")
file(GLOB_RECURSE _python_files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/clients/python/sextant/*.py")
list(TRANSFORM _api_protos PREPEND "${PROJECT_SOURCE_DIR}/proto/" OUTPUT_VARIABLE _api_proto_paths)
add_custom_command(
  OUTPUT "${_made}/python.stamp"
  COMMAND "${CMAKE_COMMAND}" -E rm -rf "${_made}/python"
  COMMAND "${CMAKE_COMMAND}" -E copy_directory "${PROJECT_SOURCE_DIR}/clients/python/sextant" "${_made}/python/sextant"
  COMMAND sh -c "rm -rf '${_made}/python/sextant/v1' && find '${_made}/python' -name __pycache__ -prune -exec rm -rf {} +"
  COMMAND protobuf::protoc "--proto_path=${PROJECT_SOURCE_DIR}/proto" "--python_out=${_made}/python" ${_api_protos}
  COMMAND "${CMAKE_COMMAND}" -E touch "${_made}/python/sextant/v1/__init__.py" "${_made}/python.stamp"
  DEPENDS ${_api_proto_paths} ${_python_files} VERBATIM)
add_custom_target(python_package DEPENDS "${_made}/python.stamp")

foreach(_package sextant-server sextant sextant-trainer python3-sextant)
  file(CONFIGURE OUTPUT "${_made}/${_package}.changelog" CONTENT
"${_package} (${SEXTANT_PACKAGE_VERSION}) stable; urgency=medium

  * See CHANGELOG.md of the source.

 -- ${_maintainer}  ${_rfc2822}
")
  execute_process(COMMAND gzip -9nkf "${_made}/${_package}.changelog")
endforeach()

function(_sextant_documents component package)
  install(FILES "${_packaging}/debian/copyright" DESTINATION "/usr/share/doc/${package}"
    COMPONENT ${component} EXCLUDE_FROM_ALL)
  install(FILES "${_made}/${package}.changelog.gz" RENAME changelog.gz DESTINATION "/usr/share/doc/${package}"
    COMPONENT ${component} EXCLUDE_FROM_ALL)
endfunction()

install(TARGETS sextantd RUNTIME DESTINATION /usr/bin COMPONENT server EXCLUDE_FROM_ALL)
install(FILES "${_packaging}/sextantd.toml" DESTINATION /etc/sextant COMPONENT server EXCLUDE_FROM_ALL)
install(FILES "${_packaging}/sextantd.service" "${_packaging}/sextantd.socket" DESTINATION /lib/systemd/system
  COMPONENT server EXCLUDE_FROM_ALL)
install(DIRECTORY "${_made}/man/man8" DESTINATION /usr/share/man COMPONENT server EXCLUDE_FROM_ALL)
install(FILES "${_packaging}/grafana/sextant.json" "${_packaging}/prometheus/sextant-alerts.yml"
  DESTINATION /usr/share/doc/sextant-server/examples COMPONENT server EXCLUDE_FROM_ALL)
_sextant_documents(server sextant-server)

install(TARGETS sextant RUNTIME DESTINATION /usr/bin COMPONENT cli EXCLUDE_FROM_ALL)
install(DIRECTORY "${_made}/man/man1" DESTINATION /usr/share/man COMPONENT cli EXCLUDE_FROM_ALL)
_sextant_documents(cli sextant)

install(TARGETS sextant-train RUNTIME DESTINATION /usr/bin COMPONENT trainer EXCLUDE_FROM_ALL)
_sextant_documents(trainer sextant-trainer)

install(DIRECTORY "${_made}/python/sextant" DESTINATION /usr/lib/python3/dist-packages COMPONENT python EXCLUDE_FROM_ALL)
_sextant_documents(python python3-sextant)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")
set(CPACK_PACKAGE_NAME sextant)
set(CPACK_PACKAGE_VERSION "${SEXTANT_PACKAGE_VERSION}")
set(CPACK_PACKAGE_CONTACT "${_maintainer}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL server cli trainer python)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
# Files of one name, so that `apt install ./sextant_*.deb` takes what lies there.
foreach(_component SERVER CLI TRAINER PYTHON)
  string(TOLOWER "${_component}" _lower)
  set(_architecture "${CMAKE_SYSTEM_PROCESSOR}")
  execute_process(COMMAND dpkg --print-architecture OUTPUT_VARIABLE _architecture OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(_component STREQUAL "PYTHON")
    set(_architecture all)
  endif()
  set(CPACK_DEBIAN_${_component}_FILE_NAME "sextant_${SEXTANT_PACKAGE_VERSION}_${_lower}_${_architecture}.deb")
endforeach()
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_SERVER_PACKAGE_NAME sextant-server)
set(CPACK_DEBIAN_SERVER_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS "adduser, init-system-helpers (>= 1.52)")
set(CPACK_DEBIAN_SERVER_PACKAGE_SUGGESTS "sextant")
set(CPACK_COMPONENT_SERVER_DESCRIPTION
"service that fits scaling laws and predicts hyperparameters
Keeps the runs of training experiments in one SQLite file, fits scaling laws
to them and serves predictions of learning rate, batch size and loss over
gRPC, with intervals.")
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA "${_made}/server/postinst;${_made}/server/prerm;${_made}/server/postrm;${_made}/server/conffiles")

set(CPACK_DEBIAN_CLI_PACKAGE_NAME sextant)
set(CPACK_DEBIAN_CLI_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_CLI_PACKAGE_SUGGESTS "sextant-server")
set(CPACK_COMPONENT_CLI_DESCRIPTION
"scaling-law fits and hyperparameter predictions, command line
Imports the logs of training runs, fits scaling laws and predicts learning
rate, batch size and loss of runs too big to tune. Works on a local file, or
asks a sextantd.")

set(CPACK_DEBIAN_TRAINER_PACKAGE_NAME sextant-trainer)
set(CPACK_DEBIAN_TRAINER_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENT_TRAINER_DESCRIPTION
"trainer of small calibration runs for scaling laws
Makes the small transformer runs that scaling laws are calibrated with. On
CPUs it is a reference; with an NVIDIA GPU it runs many models at once.")

set(CPACK_DEBIAN_PYTHON_PACKAGE_NAME python3-sextant)
set(CPACK_DEBIAN_PYTHON_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS "python3 (>= 3.11), python3-grpcio (>= 1.51), python3-protobuf (>= 3.21)")
set(CPACK_COMPONENT_PYTHON_DESCRIPTION
"scaling-law fits and hyperparameter predictions, Python client
Logs runs from a training loop without waiting or raising, asks a sextantd
for fits and predictions, and reads studies as columns.")
set(CPACK_DEBIAN_PYTHON_PACKAGE_CONTROL_EXTRA "${_made}/python-scripts/postinst;${_made}/python-scripts/prerm")

# Maintainer scripts have fixed names.
foreach(_script postinst prerm postrm)
  configure_file("${_packaging}/debian/server.${_script}" "${_made}/server/${_script}" COPYONLY
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endforeach()
configure_file("${_packaging}/debian/server.conffiles" "${_made}/server/conffiles" COPYONLY
  FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
foreach(_script postinst prerm)
  configure_file("${_packaging}/debian/python.${_script}" "${_made}/python-scripts/${_script}" COPYONLY
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endforeach()

include(CPack)
add_custom_target(packages
  COMMAND "${CMAKE_CPACK_COMMAND}" --config "${PROJECT_BINARY_DIR}/CPackConfig.cmake"
  WORKING_DIRECTORY "${PROJECT_BINARY_DIR}" USES_TERMINAL VERBATIM)
add_dependencies(packages sextant sextantd sextant-train man_pages python_package)
