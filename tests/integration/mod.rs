//! The whole house, from the outside.

