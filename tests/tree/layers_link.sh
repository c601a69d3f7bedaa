#!/bin/sh
# Each layer links with what is below it and nothing else: every object of the libraries named is pulled in, and no
# symbol may stay open. The runtime and the connectors do without dsl, and dsl does without them; a coordinator and its workers
# compile the same text.
set -eu
if [ "$CEP_INSTRUMENTED" = yes ]; then
    echo "instrumented build: skipped"
    exit 77
fi
cd "$CEP_BUILDDIR"
out=$(mktemp)
trap 'rm -f "$out"' EXIT
bad=0

# links NAME LIBRARY...
links() {
    name=$1
    shift
    archives=
    for lib; do
        archives="$archives .libs/lib$lib.a"
    done
    # shellcheck disable=SC2086 -- words are wanted
    if ! $CC -shared -pthread -o "$out" -Wl,--no-undefined -Wl,--whole-archive $archives -Wl,--no-whole-archive \
        $CEP_EXTERNAL_LIBS; then
        echo "$name does not link with: $*"
        bad=1
    fi
}
links base base
links event base evt
links expr base evt expr
links plan base evt expr plan
links state base evt expr plan sto
links time base evt expr plan sto clk
links nfa base evt expr plan sto clk nfa
links connect base evt expr plan sto clk con
links runtime base evt expr plan nfa clk sto con rt
links dsl base evt expr plan dsl
links embed base evt expr plan nfa clk sto con rt dsl emb
links cluster base evt expr plan dsl nfa clk sto con rt clu
exit $bad
