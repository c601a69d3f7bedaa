#!/bin/sh
# Every pattern in examples/patterns/ compiles without a warning, is laid out as `cepd fmt` would, passes its own
# tests, and gives exactly the alerts in expected/ for its own events: on the standard output or, where its sink is a
# file, in alerts.ndjson. By hand: CEPD=build/cepd tests/cli/examples.sh
set -u
: "${CEP_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}"
case $CEPD in
/*) ;;
*) CEPD=$PWD/$CEPD ;;
esac
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
    # The keys of these examples are few: what is kept for each may be kept for ever.
    ! grep 'warning:' check.out check.err | grep -v 'keeps something for every key, for ever'
}
formatted() {
    "$CEPD" fmt "$1" >formatted && diff -u "$1" formatted
}
# The order of alerts of different keys is not promised.
gives_alerts() {
    rm -f alerts.ndjson
    timeout 60 "$CEPD" run "$1" >alerts || return 1
    [ ! -e alerts.ndjson ] || mv alerts.ndjson alerts
    LC_ALL=C sort "expected/${1%.pattern}".alerts.* >wanted
    LC_ALL=C sort alerts | diff -u wanted -
}
for p in *.pattern; do
    expect "$p: check" without_warning "$p"
    expect "$p: fmt" formatted "$p"
    expect "$p: test" "$CEPD" test "$p"
    expect "$p: run" gives_alerts "$p"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
