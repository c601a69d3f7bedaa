#!/bin/sh
# Every pattern in examples/patterns/ compiles without a warning, is laid out as `cepd fmt` would, passes its own
# tests, and runs over its own events.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$CEP_SRCDIR/examples/patterns/." "$work"
chmod -R u+w "$work"
cd "$work" || exit 1
passed=0 failed=0

# expect NAME COMMAND...
expect() {
    name=$1
    shift
    if "$@" >out 2>err; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
        cat out err
    fi
}
without_warning() {
    "$CEPD" check "$1" >check.out 2>check.err || { cat check.out check.err; return 1; }
    ! grep 'warning:' check.out check.err
}
formatted() {
    "$CEPD" fmt "$1" | diff -u "$1" -
}
for p in *.pattern; do
    expect "$p: check" without_warning "$p"
    expect "$p: fmt" formatted "$p"
    expect "$p: test" "$CEPD" test "$p"
    expect "$p: run" timeout 60 "$CEPD" run "$p"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
