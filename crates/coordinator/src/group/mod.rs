//! Consumer groups: who is in them, who owns which partitions, and how far each has come.
