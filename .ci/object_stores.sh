# Installs the object stores of the tests and the readers of their buckets, for the scripts of this directory, which source this
# file after debian.sh and python.sh. Warm, it takes two seconds. The tests start the stores themselves, on free loopback ports.
stores=$PWD/target/object_stores

# Not the environment of the other scripts: the extension of DuckDB needs another version of it.
"$stores/python/bin/python" -m pip --version > /dev/null 2>&1 || quietly python3 -m venv --clear "$stores/python"
quietly "$stores/python/bin/python" -m pip install --retries 3 --requirement .ci/object-store-requirements.txt
"$stores/python/bin/ruff" check --quiet --no-cache tests/object_stores
"$stores/python/bin/ruff" format --check --quiet --no-cache tests/object_stores

# Node.js has certificates of its own; those of the system may have more.
export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
command -v npm > /dev/null || install_packages nodejs npm
azurite=azurite@3.37.0
# Renamed once it is complete, so that an interrupted installation is repeated.
if ! test -d "$stores/$azurite"; then
    rm -rf "$stores/azurite.download"
    quietly npm install --prefix "$stores/azurite.download" --no-audit --no-fund --omit=dev --ignore-scripts "$azurite"
    mv "$stores/azurite.download" "$stores/$azurite"
fi

export IM_PROFILES_TEST_WEED=$stores/python/bin/weed
export IM_PROFILES_TEST_AZURITE=$stores/$azurite/node_modules/azurite/dist/src/blob/main.js
export IM_PROFILES_TEST_STORE_PYTHON=$stores/python/bin/python
# Without it, tests skip what is not installed.
export IM_PROFILES_TEST_STORES_REQUIRED=yes
