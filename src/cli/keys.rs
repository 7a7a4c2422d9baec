//! `orchestrator keys`: makes, lists and revokes API keys.

use std::fs;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::path::Path;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use jiff::{Timestamp, Unit};
use serde_json::Number;

use crate::auth::{KeyEntry, KeyFile, KeyLimits, add, mint, remove};

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Make a key and print it, once.
    New {
        /// Names the key in the list.
        name: String,
        /// Whose threads and todos the key reaches; the name of the key unless given.
        #[arg(long)]
        user: Option<String>,
        /// The organisation that the user belongs to.
        #[arg(long, default_value = "", hide_default_value = true)]
        tenant: String,
        /// What the key allows: chat, operate. Can be given more than once.
        #[arg(long = "scope", value_name = "SCOPE", default_value = "chat")]
        scopes: Vec<String>,
        #[command(flatten)]
        limits: Limits,
    },
    /// List all keys, without the keys themselves.
    List,
    /// Revoke a key; a running server refuses it a second later.
    Revoke {
        /// The name of the key, or its id.
        key: String,
    },
}

/// What is not given is as for everybody.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits (unless given, those for everybody)")]
pub(super) struct Limits {
    /// Turns that may begin within a minute.
    #[arg(long, value_name = "COUNT")]
    turns_per_minute: Option<u64>,
    /// Turns that may run or wait at the same time.
    #[arg(long, value_name = "COUNT")]
    turns_at_once: Option<u64>,
    /// Tokens of a day (UTC).
    #[arg(long, value_name = "COUNT")]
    tokens_per_day: Option<u64>,
    /// Dollars of a day (UTC), such as 0.50.
    #[arg(long, value_name = "DOLLARS")]
    cost_usd_per_day: Option<Number>,
}

pub(super) fn keys(command: Keys, path: &Path) -> anyhow::Result<()> {
    match command {
        Keys::New { name, user, tenant, scopes, limits } => {
            let user = user.unwrap_or_else(|| name.clone());
            let minted = mint().map_err(|_| anyhow!("The machine gave no random numbers"))?;
            let created = Some(Timestamp::now().round(Unit::Second)?);
            let (id, hash) = (minted.id, minted.hash);
            let limits = limits.into();
            add(path, KeyEntry { id, name, hash, tenant, user, scopes, created, limits })?;
            // The key alone, so that a script can take it.
            writeln!(stdout(), "{}", minted.text.expose())?;
            let place = std::path::absolute(path)?;
            tell(&format!(
                "Added to {}. The key is shown only now; send it as: authorization: Bearer KEY",
                place.display()
            ))
        }
        Keys::List => list(path),
        Keys::Revoke { key } => {
            let KeyEntry { name, .. } = remove(path, &key)?;
            tell(&format!("Revoked {name}"))
        }
    }
}

impl From<Limits> for KeyLimits {
    fn from(given: Limits) -> Self {
        let Limits { turns_per_minute, turns_at_once, tokens_per_day, cost_usd_per_day } = given;
        Self { turns_per_minute, turns_at_once, tokens_per_day, cost_usd_per_day }
    }
}

fn list(path: &Path) -> anyhow::Result<()> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return tell(&format!("There is no file {}", std::path::absolute(path)?.display()));
        }
        Err(error) => return Err(error).context("The file of keys cannot be read"),
    };
    let mut out = stdout().lock();
    writeln!(
        out,
        "{:<14}{:<24}{:<20}{:<24}{:<16}{:<22}LIMITS",
        "ID", "NAME", "TENANT", "USER", "SCOPES", "CREATED"
    )?;
    let file = KeyFile::read(&text).context("The file of keys has faults")?;
    for key in file.keys {
        let KeyEntry { id, name, tenant, user, scopes, created, limits, .. } = key;
        let created = created.map(|at| at.to_string()).unwrap_or_default();
        let scopes = scopes.join(",");
        let line =
            format!("{id:<14}{name:<24}{tenant:<20}{user:<24}{scopes:<16}{created:<22}{limits}");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn tell(what: &str) -> anyhow::Result<()> {
    Ok(writeln!(stderr(), "{what}")?)
}
