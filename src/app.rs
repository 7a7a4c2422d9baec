//! The composition root: the only file where adapters meet ports.
