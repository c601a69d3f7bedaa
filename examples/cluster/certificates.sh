#!/bin/sh
# certificates.sh HOST...: an authority, and a key and a certificate for each host, in folders named by them. Each host's folder becomes its
# /etc/cepd/tls.
set -eu
[ $# -gt 0 ] || { echo "usage: certificates.sh HOST..." >&2; exit 1; }
umask 077
[ -f ca.key ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=cepd authority" \
    -keyout ca.key -out ca.pem
for host; do
    mkdir -p "$host"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$host" -keyout "$host/key.pem" -out "$host/request.pem"
    case $host in
    *:*) kind=IP ;;
    *[!0-9.]*) kind=DNS ;;
    *) kind=IP ;;
    esac
    printf 'subjectAltName=%s:%s\n' "$kind" "$host" >"$host/extensions"
    openssl x509 -req -in "$host/request.pem" -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -extfile "$host/extensions" \
        -out "$host/cert.pem"
    cp ca.pem "$host/ca.pem"
    rm -f "$host/request.pem" "$host/extensions"
done
