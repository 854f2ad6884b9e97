//! `tailscale-mcp`: the server, and what an operator needs besides it.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    tailscale_mcp::cli::main()
}
