//! `cargo sim`: the whole system under a deterministic simulator. Built plainly, this is a launcher that builds itself
//! anew with `--cfg madsim` and runs that; see README.md.

mod building;
#[cfg(not(madsim))]
mod launcher;

#[cfg(madsim)]
mod clients;
#[cfg(madsim)]
mod command_line;
#[cfg(madsim)]
mod crash_points;
#[cfg(madsim)]
mod fleet;
#[cfg(madsim)]
mod invariants;
#[cfg(madsim)]
mod machines;
#[cfg(madsim)]
mod plan;
#[cfg(madsim)]
mod profile;
#[cfg(madsim)]
mod report;
#[cfg(madsim)]
mod repro;
#[cfg(madsim)]
mod run;

/// A simulated world lives from small allocations: a tenth of its time.
#[cfg(madsim)]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    #[cfg(not(madsim))]
    return launcher::main();
    #[cfg(madsim)]
    command_line::main()
}
