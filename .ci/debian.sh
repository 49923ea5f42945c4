# Debian packages for the scripts of this directory, which source this file. They start from a machine that may have none
# of them, nor package lists.

# Runs a command and prints what it printed only if it fails.
quietly() {
    local output
    if ! output=$("$@" 2>&1); then
        printf '%s\n' "$output" "error: failed: $*" >&2
        return 1
    fi
}

# Runs apt-get, which waits for another package manager to finish and retries a download that fails.
apt_get() {
    DEBIAN_FRONTEND=noninteractive quietly \
        apt-get --quiet --yes -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@"
}

# Without this, packages that the mirror has replaced since the last update are not found.
update_package_lists() {
    test -n "${package_lists_are_new-}" || apt_get update
    package_lists_are_new=yes
}

# Installs packages without those that they only recommend.
install_packages() {
    update_package_lists
    apt_get install --no-install-recommends "$@"
}
