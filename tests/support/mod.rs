//! What tests share.

pub(crate) mod app;

pub(crate) mod browser;

pub(crate) mod callers;

pub(crate) mod content;

pub(crate) mod doubles;

pub(crate) mod elsewhere;

pub(crate) mod endless;

pub(crate) mod faulty;

pub(crate) mod guarded;

pub(crate) mod issuer;

pub(crate) mod judges;

pub(crate) mod log;

pub(crate) mod mcp_server;

pub(crate) mod rendered;
pub(crate) mod scripted_http;

pub(crate) mod model_server;

pub(crate) mod names;

pub(crate) mod played;

pub(crate) mod postgres;

pub(crate) mod process;

pub(crate) mod proxy;

pub(crate) mod random;

pub(crate) mod watchdog;
