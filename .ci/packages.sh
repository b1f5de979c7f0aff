# shellcheck shell=bash
# rtbridge: installs the Debian packages that are missing; sourced by the scripts beside it.
# SPDX-License-Identifier: Apache-2.0

say() { printf 'rtbridge: %s\n' "$*" >&2; }

# Whether dpkg has the package, installed and configured.
has_package() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Runs a command as root without ever asking for a password.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
    else
        say "this needs root, and sudo would ask for a password. Run it yourself, then try again:"
        say "    sudo $*"
        return 1
    fi
}

# Installs what is missing of the named packages; quiet and quick when nothing is. `apt-get update` runs only if the
# package lists do not know a name, or an address in them is gone.
need_packages() {
    local missing=() name
    if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        say "no apt-get here: this needs what Debian calls: $*"
        return 0
    fi
    for name in "$@"; do
        has_package "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    local install=(apt-get install -qq -y --no-install-recommends "${missing[@]}")
    if apt-get install -qq -s "${missing[@]}" >/dev/null 2>&1 && as_root "${install[@]}" >/dev/null; then
        return 0
    fi
    as_root apt-get update -qq >/dev/null && as_root "${install[@]}" >/dev/null
}
