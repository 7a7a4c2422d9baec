//! What tests share.

