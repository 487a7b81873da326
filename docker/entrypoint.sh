#!/bin/sh
# Starts the STS on its volume: makes its state on an empty one, brings the database up to date, and serves.
#
#   STS_DEMO=yes     on an empty volume: demo users and relying parties too. Never in production.
#   STS_PORT=8443    on an empty volume: the port to listen on, on all addresses of the container.
#   STS_DATABASE_URL=postgresql://...    on an empty volume: use this empty database; later: the same one, elsewhere.
set -eu
umask 077

state=/var/lib/wstrust-sts
config=$state/sts.toml

if [ ! -e "$config" ]; then
    set -- init "$state" --port "${STS_PORT:-8443}"
    if [ "${STS_DEMO:-no}" = yes ]; then
        set -- "$@" --demo
    fi
    if [ -n "${STS_DATABASE_URL:-}" ]; then
        set -- "$@" --database-url-from STS_DATABASE_URL
    fi
    wstrust-sts "$@"
    # A container is reached from outside: init writes loopback.
    sed -i 's/^listen = "127\.0\.0\.1:/listen = "0.0.0.0:/' "$config"
fi

wstrust-sts db upgrade --config "$config"
exec wstrust-sts serve --config "$config"
