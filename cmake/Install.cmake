# What `cmake --install` puts where: command, library, header, and how other builds find them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(TACIT_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/tacit)

install(TARGETS tacit EXPORT tacitTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/tacit.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES include/tacit/uses.h include/tacit/texts.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tacit)
if(TARGET tacit_command)
  # The command finds the library beside it wherever both are moved together.
  file(RELATIVE_PATH TACIT_BIN_TO_LIB /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
  set_target_properties(tacit_command PROPERTIES INSTALL_RPATH "\$ORIGIN/${TACIT_BIN_TO_LIB}")
  install(TARGETS tacit_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

install(EXPORT tacitTargets NAMESPACE tacit:: DESTINATION ${TACIT_PACKAGE_DIR})
configure_package_config_file(cmake/tacitConfig.cmake.in tacitConfig.cmake INSTALL_DESTINATION ${TACIT_PACKAGE_DIR})
write_basic_package_version_file(tacitConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tacitConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/tacitConfigVersion.cmake
        DESTINATION ${TACIT_PACKAGE_DIR})

# The prefix of tacit.pc is told from where it lies, so an installed tree can be moved.
file(RELATIVE_PATH TACIT_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" TACIT_PC_TO_PREFIX ${TACIT_PC_TO_PREFIX})
configure_file(cmake/tacit.pc.in tacit.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tacit.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
