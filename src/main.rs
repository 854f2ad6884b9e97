//! `tailscale-mcp`: the server, and what an operator needs besides it.

fn main() -> std::process::ExitCode {
    tailscale_mcp::cli::main()
}
