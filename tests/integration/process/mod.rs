//! The real program: its own model, its own todo server, its own files.

mod approvals;
mod caller_sign_in;
mod canaries;
mod commands;
mod connections;
mod first_minute;
mod floods;
mod keys;
mod logs;
mod models;
mod pace;
mod plugs;
mod private;
mod proxies;
mod reload;
mod replicas;
mod sign_in;
mod tools;
