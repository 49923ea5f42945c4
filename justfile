# The commands of a working day; `just` lists them.

# List the recipes
default:
    @just --list

# Build the program in debug mode
build:
    cargo build

# Run the tests, or those whose name contains FILTER: just test readme::
test FILTER='':
    cargo test {{ FILTER }}

# Check format and lints
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings

# Run everything that decides whether a change lands
ci:
    .ci/run

# Load snapshots into the systems of docs/warehouses/
loaders:
    .ci/loaders

# Run the examples of docs/engines.md
engines:
    .ci/engines

# Build the Spark package and run its tests, or those that pytest selects: just spark -k limit
spark *ARGUMENTS:
    .ci/spark {{ ARGUMENTS }}

# Compare whole exports with the least their steps cost; just bench parts, just bench parquet_settings
bench NAME='export':
    cargo bench --bench {{ NAME }}

# Fuzz a target, decode or lists, for one minute
fuzz TARGET='decode':
    RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none {{ TARGET }} -- -max_total_time=60

# Export the sample job: no account, key or network needed
sample:
    cargo run --release -- export jobs/sample.toml
