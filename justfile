# What is run most; `just --list` shows it.

# Format all code
fmt:
    cargo fmt --all
# Lint all code as CI does
lint:
    cargo clippy --workspace --all-targets -- -D warnings
# Run all tests, or those whose name contains NAME
test *NAME:
    cargo test {{NAME}}
# Build the documentation; a warning fails
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
# Rewrite snapshots, docs/tools.md and docs/API_GUIDE.md, then check them
snapshots:
    -INSTA_UPDATE=always cargo test
    cargo test
# Rewrite the list of the public API
public-api:
    .ci/public-api --write
# Build what is shipped
dist:
    cargo build --locked --profile dist -p tailsteward
# Check the sandbox with Prism, schemathesis and the Go client
judges:
    .ci/judges
# The checks that need no build
quick:
    .ci/run quick
# All that CI checks
ci:
    .ci/run
