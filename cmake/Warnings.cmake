# One list for gcc and clang.
set(TACIT_WARNINGS
    -Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion -Wshadow -Wcast-qual -Wcast-align -Wstrict-prototypes
    -Wmissing-prototypes -Wundef -Wvla -Wformat=2 -Wwrite-strings -Wpointer-arith -Wswitch-enum -Wdouble-promotion)
if(TACIT_WERROR)
  list(APPEND TACIT_WARNINGS -Werror)
endif()
if(CMAKE_C_COMPILER_ID MATCHES Clang)
  # clang has no `omp simd` cost model message we care for, and reports loops it chose not to vectorise.
  list(APPEND TACIT_WARNINGS -Wno-pass-failed)
endif()
