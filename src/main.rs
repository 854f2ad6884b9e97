//! `tailsteward`: the MCP server, and commands for administrators.

fn main() -> std::process::ExitCode {
    tailsteward::cli::main()
}
