//! Watches the built web UI, so that a release build embeds it anew when it changed. Runs nothing, writes nothing, and the
//! folder need not exist: without it the binary serves a page that says how to build the UI.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Debug builds read the folder while they run; watching it would only rebuild them for nothing.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=../../ui/dist");
    }
}
