#!/bin/sh
# Turns secrets that are files into what programs expect, inside the process only, then becomes the command.
set -eu

if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    PREFECT_SERVER_DATABASE_PASSWORD="$(cat "${POSTGRES_PASSWORD_FILE}")"
    export PREFECT_SERVER_DATABASE_PASSWORD
fi

exec "$@"
