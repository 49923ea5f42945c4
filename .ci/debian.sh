# Installs Debian packages for the scripts in this directory, which source this file. The machine may have none of the packages
# and no package lists.

# Runs a command and prints its output only if it fails.
quietly() {
    local output
    if ! output=$("$@" 2>&1); then
        printf '%s\n' "$output" "error: failed: $*" >&2
        return 1
    fi
}

# Runs apt-get; waits for other package managers and retries failed downloads.
apt_get() {
    DEBIAN_FRONTEND=noninteractive quietly \
        apt-get --quiet --yes -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@"
}

# Updates once per script. Without it, packages that the mirror has replaced since the last update are not found.
update_package_lists() {
    test -n "${package_lists_updated-}" || apt_get update
    package_lists_updated=yes
}

# Installs packages without recommended ones.
install_packages() {
    update_package_lists
    apt_get install --no-install-recommends "$@"
}
