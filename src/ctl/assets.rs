//! Writes the shell completions and the man pages of `oathctl`.
//!
//! They go into `OUT_DIR`, where the program takes its completions from. With
//! `OATHD_ASSETS_DIR` set they go into that directory too, for packages.

#![allow(clippy::print_stdout, reason = "cargo reads standard output")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_complete::Shell;

#[allow(
    dead_code,
    reason = "the program reads what the build script describes"
)]
mod cli;
mod manual;
#[allow(dead_code, reason = "the command line reads dates alone")]
mod when;

fn main() -> io::Result<()> {
    let directory = |name| {
        println!("cargo::rerun-if-env-changed={name}");
        std::env::var_os(name).map(PathBuf::from)
    };
    for source in ["cli.rs", "cli", "when.rs", "manual.rs", "assets.rs"] {
        println!("cargo::rerun-if-changed={source}");
    }
    [directory("OUT_DIR"), directory("OATHD_ASSETS_DIR")]
        .iter()
        .flatten()
        .try_for_each(|directory| write(directory))
}

fn write(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut cli::Cli::command(), "oathctl", directory)?;
    }
    manual::write(cli::Cli::command(), directory)
}
