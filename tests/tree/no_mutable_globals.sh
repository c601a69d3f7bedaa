#!/bin/sh
# No object has anything in .data or .bss: all state hangs off a context that is passed in. Tables of pointers are
# fine (.data.rel.ro), and so is one counter per thread in base_mem. Instrumented objects have globals of their own.
set -eu
if [ "$CEP_INSTRUMENTED" = yes ]; then
    echo "instrumented build: skipped"
    exit 77
fi
cd "$CEP_BUILDDIR"
find src dsl -path '*/.libs/*.o' 2>/dev/null | sort >"${TMPDIR:-/tmp}/objects.$$"
trap 'rm -f "${TMPDIR:-/tmp}/objects.$$"' EXIT
n=$(wc -l <"${TMPDIR:-/tmp}/objects.$$")
[ "$n" -gt 0 ] || { echo "no objects below $CEP_BUILDDIR"; exit 1; }
xargs size -A <"${TMPDIR:-/tmp}/objects.$$" | awk -v n="$n" '
    / :$/ || / *:$/ { object = $1 }
    $1 ~ /^\.(data|bss|tdata|tbss)$/ || $1 ~ /^\.(data|bss|tdata|tbss)\.[^r]/ {
        if ($2 > 0 && !(object ~ /base_mem/ && $1 ~ /^\.tbss/)) {
            print object ": " $1 " holds " $2 " bytes"
            bad++
        }
    }
    END { print n " objects looked at"; exit bad > 0 }'
