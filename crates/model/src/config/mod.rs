//! Every config key of broker and topic: name, type, default, range, meaning.
