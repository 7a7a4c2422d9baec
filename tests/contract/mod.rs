//! Our bytes against what others expect.
