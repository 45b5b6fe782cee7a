//! The broker: connections, one file an API, drivers for the machines
