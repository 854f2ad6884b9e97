//! `tailsteward`: the server, and what an operator needs besides it.

fn main() -> std::process::ExitCode {
    tailsteward::cli::main()
}
