//! Says when the dashboard is missing, and embeds it anew when it changes.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The folder may come later: its parent exists.
    println!("cargo::rerun-if-changed=../dashboard/dist");
    if !Path::new("../dashboard/dist/index.html").exists() {
        println!("cargo::warning=the dashboard is not built (make dashboard): ems-cloud will have no page");
    }
}
