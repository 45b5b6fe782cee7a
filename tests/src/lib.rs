//! End to end, layering and style
