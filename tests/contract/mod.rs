//! Our bytes and our ports against what others expect.

