# A Python environment for the scripts of this directory, which source this file after debian.sh: $python/bin/ has the
# packages of requirements.txt.
python=target/python

# Debian's Python lacks these modules.
python3 -c 'import ensurepip, venv' 2> /dev/null || install_packages python3 python3-venv
# Recreates an environment that is incomplete or whose interpreter is gone.
"$python/bin/python" -m pip --version > /dev/null 2>&1 || quietly python3 -m venv --clear "$python"
quietly "$python/bin/python" -m pip install --retries 3 --requirement .ci/requirements.txt
