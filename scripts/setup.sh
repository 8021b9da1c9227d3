#!/usr/bin/env bash
# Creates the virtual environment, installs the project into it, and checks that the system libraries are there.
set -euo pipefail

venv=${1:-.venv}
cd "$(dirname "$0")/.."

fail() {
    echo "setup: $*" >&2
    exit 2
}

as_root_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "setup: installing $*" >&2
    apt-get update -qq >&2 || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

find_python() {
    local candidate
    for candidate in python3.11 python3 python; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

if ! [ -x "$venv/bin/python" ]; then
    python=$(find_python) || fail "Python 3.11 or newer is needed as python3.11 or python3; found $(python3 --version 2>&1 || true)"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')
        as_root_install "python$version-venv" ||
            fail "$python has no venv module: install the package python$version-venv (Debian, Ubuntu)"
    fi
    echo "setup: creating $venv with $("$python" --version)" >&2
    "$python" -m venv "$venv"
fi

echo "setup: installing the project and its extras (a few minutes the first time)" >&2
"$venv/bin/python" -m pip install -qq -c constraints/py311.txt -e ".[all,dev]"

# The raster wheels carry GDAL but take libexpat from the system.
if ! reason=$("$venv/bin/python" -c 'import rasterio' 2>&1); then
    case $reason in
    *libexpat*)
        as_root_install libexpat1 || fail "the system library libexpat is missing: install libexpat1 (Debian, Ubuntu) or expat"
        "$venv/bin/python" -c 'import rasterio' || fail "rasterio still cannot be imported"
        ;;
    *) fail "rasterio cannot be imported: ${reason##*$'\n'}" ;;
    esac
fi
echo "setup: ready; next: make demo, make test" >&2
