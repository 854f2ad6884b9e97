//! Sets `cfg(has_captures)` if captures of real Tailscale answers are on this machine. They are not in the
//! repository; without them, the tests that need them are marked as ignored.

use std::{env, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TAILSTEWARD_POLICY_CAPTURES");
    println!("cargo::rustc-check-cfg=cfg(has_captures)");
    let named = env::var_os("TAILSTEWARD_POLICY_CAPTURES").is_some();
    if named || Path::new("../../../shared/captures/README.md").exists() {
        println!("cargo::rustc-cfg=has_captures");
    }
}
