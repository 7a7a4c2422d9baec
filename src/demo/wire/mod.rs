//! The wire format that Gemini and OpenAI share: reads requests, writes answers, sends bytes.

pub(super) mod body;

pub(super) mod completion;

pub(super) mod delivery;

mod door;

pub(super) mod ids;

pub(super) mod connection;

pub(super) mod listener;

pub(super) mod pace;

pub(super) mod phrases;

pub(super) mod problem;

pub(super) mod profile;

pub(super) mod reply;

pub(super) mod request;

pub(super) mod routes;

pub(super) mod sse;

pub(super) mod steps;

pub(super) mod usage;

pub(super) mod way;
