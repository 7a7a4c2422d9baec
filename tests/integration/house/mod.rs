//! The house over HTTP: doubles behind the agent's ports, everything else real.

mod again;
mod allowances;
mod asking;
mod at_once;
mod bodies;
mod budget;
mod callers;
mod charged;
mod choosing;
mod day;
mod degraded;
mod form;
mod health;
mod hostile;
mod journal;
mod leaving;
mod lists;
mod readers;
mod refusals;
mod repeats;
mod replays;
mod replicas;
mod short_form;
mod streams;
mod threads;
mod titles;
