//! Names and numbers every part of Thalweg shares
