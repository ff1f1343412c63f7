//! The `packwork` binary.

use std::process::ExitCode;

/// Answering is much allocating, on several threads at once.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    packwork::cli::main()
}
