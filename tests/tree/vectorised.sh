#!/bin/sh
# The loops of src/expr/expr_kern_loops.c that say VEC are vectorised by gcc in the builds for x86-64-v2 and v3, those
# that say VEC3 in the latter. gcc reports the line where a loop stands, or where the macro that has it is used.
set -eu
if [ "$CEP_KERN_LEVELS" != yes ] || [ "$CEP_INSTRUMENTED" = yes ]; then
    echo "no builds for x86-64-v2 and v3, or an instrumented build: skipped"
    exit 77
fi
if $CC -dM -E -x c /dev/null | grep -q __clang__; then
    echo "gcc's reports are what is read: skipped"
    exit 77
fi
file=$CEP_SRCDIR/src/expr/expr_kern_loops.c
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$CEP_BUILDDIR"

# built LEVEL MARK: every line with the mark is among those reported for the level
built() {
    # shellcheck disable=SC2086 -- flags are words
    $CC $CEP_CPPFLAGS -std=gnu17 -O2 $CEP_KERN_CFLAGS -march="$1" -fopt-info-vec-optimized -c "$file" -o "$work/o" \
        2>"$work/report"
    sed -n 's/^[^:]*expr_kern_loops\.c:\([0-9]*\):.*loop vectorized.*/\1/p' "$work/report" | sort -u >"$work/done"
    grep -nE "/\* ($2) \*/" "$file" | cut -d: -f1 | sort -u >"$work/wanted"
    wanted=$(wc -l <"$work/wanted")
    [ "$wanted" -ge 30 ] || { echo "only $wanted loops are marked"; exit 1; }
    comm -13 "$work/done" "$work/wanted" >"$work/missing"
    while read -r line; do
        echo "$1: line $line is not vectorised: $(sed -n "${line}p" "$file")"
    done <"$work/missing"
    echo "$1: $wanted loops looked at"
    [ ! -s "$work/missing" ]
}
bad=0
built x86-64-v2 VEC || bad=1
built x86-64-v3 'VEC|VEC3' || bad=1
exit $bad
