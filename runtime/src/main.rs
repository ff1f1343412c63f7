//! The `packwork` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    packwork::cli::main()
}
