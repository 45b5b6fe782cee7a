//! Histories, workloads and checkers
