#!/bin/sh
# Every header compiles alone, public ones as C++ too. X-lists (rows only, included several times) say so by having
# no "#pragma once".
set -eu
src=$CEP_SRCDIR
cd "$CEP_BUILDDIR"
bad=0 n=0
for h in "$src"/include/cep/*.h "$src"/src/*/*.h "$src"/dsl/*.h; do
    [ -f "$h" ] || continue
    grep -q '^#pragma once' "$h" || continue
    n=$((n + 1))
    # shellcheck disable=SC2086 -- flags are words
    if ! $CC $CEP_CPPFLAGS -std=gnu17 -Wall -Wextra -Werror -Wno-pragma-once-outside-header -Wno-unused-function \
        -fsyntax-only -include "$h" -x c /dev/null; then
        echo "$h does not compile alone"
        bad=$((bad + 1))
    fi
done
for h in "$src"/include/cep/*.h; do
    # shellcheck disable=SC2086
    if ! $CXX -I"$src/include" -std=gnu++17 -Wall -Werror -fsyntax-only -include "$h" -x c++ /dev/null; then
        echo "$h does not compile alone as C++"
        bad=$((bad + 1))
    fi
done
echo "$n headers looked at"
[ $bad = 0 ]
