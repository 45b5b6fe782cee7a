//! The simulated world, on the executor of madsim.
