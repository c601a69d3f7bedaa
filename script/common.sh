# Sourced by the other scripts: where things are, and one way to configure and build.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
jobs=$(nproc 2>/dev/null || echo 2)

say() {
    printf '== %s\n' "$*"
}

# quietly LOG COMMAND...: shows the output only when the command fails.
quietly() {
    log=$1
    shift
    if ! "$@" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        echo "failed: $* (whole output in $log)" >&2
        return 1
    fi
}

autotools() {
    if [ ! -x configure ] || [ ! -f Makefile.in ] || [ configure.ac -nt configure ]; then
        say "generating configure"
        quietly build/autoreconf.log autoreconf -fi
    fi
}

# configured DIR FLAG...: configures DIR unless it was configured with these very flags.
configured() {
    dir=$1
    shift
    mkdir -p "$dir"
    if [ ! -f "$dir/Makefile" ] || [ "$(cat "$dir/flags" 2>/dev/null || true)" != "$*" ]; then
        say "configuring $dir"
        rm -f "$dir/flags"
        (cd "$dir" && quietly configure.log "$root/configure" "$@") || return 1
        echo "$*" >"$dir/flags"
    fi
}
