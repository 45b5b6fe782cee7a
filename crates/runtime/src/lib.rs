//! Time, tasks, sockets, disks and dice: tokio or the simulator
