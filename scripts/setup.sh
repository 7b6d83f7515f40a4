# Sourced by up and test: a virtual environment of First Bell's own, with what uv.lock names. POSIX shell.
# Usage: extras="agent collector ..."; . scripts/setup.sh

say() { printf '%s\n' "$*" >&2; }

find_python() {
    for name in "${FIRSTBELL_PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$name"
            return 0
        fi
    done
    say "First Bell needs Python 3.11 or newer, and found none. On Debian 12: apt install python3 python3-venv"
    return 1
}

make_environment() {
    python=$(find_python) || return 1
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            say "Installing python3-venv, which Debian packs apart ..."
            { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv; } >&2 || return 1
        else
            say "Python's venv module is missing. On Debian: sudo apt install python3-venv; then start again."
            return 1
        fi
    fi
    say "Making an environment in .venv ..."
    "$python" -m venv .venv
}

# One bundle of authorities for pip, uv and our own look at them: pip's own would not know a district's CA.
bundle=${PIP_CERT:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}
if [ -e "$bundle" ]; then export PIP_CERT="$bundle" SSL_CERT_FILE="$bundle"; fi

if [ ! -x .venv/bin/python ]; then make_environment || exit 1; fi
# What is installed: a sum over the lock, and the extras. More than is asked for is as good.
lock=$(cat uv.lock pyproject.toml | cksum | tr ' ' '-')
installed=$(cat .venv/firstbell-installed 2>/dev/null)
case "$installed" in "$lock "*) ;; *) installed="$lock " ;; esac
wanted=$installed
for extra in $extras; do
    case "$wanted " in *" $extra "*) ;; *) wanted="$wanted $extra" ;; esac
done
if [ "$wanted" != "$installed" ]; then
    .venv/bin/python scripts/check_tls.py || exit 1
    say "Installing packages (once) ..."
    uv_version=$(sed -n 's/^required-version = "==\(.*\)"$/\1/p' pyproject.toml)
    .venv/bin/python -m pip --disable-pip-version-check install --quiet "uv==$uv_version" >&2 || exit 1
    options=
    for extra in ${wanted#* }; do options="$options --extra $extra"; done
    # shellcheck disable=SC2086 # one word an option is meant
    UV_PROJECT_ENVIRONMENT=.venv .venv/bin/uv sync --quiet --frozen --inexact $options >&2 || exit 1
    printf '%s' "$wanted" > .venv/firstbell-installed
fi
