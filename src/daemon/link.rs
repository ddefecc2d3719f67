//! How the program `oathd` is linked.

#[expect(clippy::print_stdout, reason = "this is how cargo is told")]
fn main() {
    println!("cargo::rerun-if-changed=link.rs");
    // Each start reads all relocations, and an idle oathd keeps their pages: packed (DT_RELR, glibc
    // 2.36), 190 kB of them are 2.
    println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
}
