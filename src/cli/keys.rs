//! `orchestrator keys`: makes, lists and revokes API keys.

use std::fs;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::path::Path;

use anyhow::{Context, anyhow};
use clap::Subcommand;
use jiff::{Timestamp, Unit};

use crate::auth::{KeyEntry, KeyFile, add, mint, remove};

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
    },
    /// List all keys, without the keys themselves.
    List,
    /// Revoke a key; a running server refuses it a second later.
    Revoke {
        /// The name of the key, or its id.
        key: String,
    },
}

pub(super) fn keys(command: Keys, path: &Path) -> anyhow::Result<()> {
    match command {
        Keys::New { name, user, tenant, scopes } => {
            let user = user.unwrap_or_else(|| name.clone());
            let minted = mint().map_err(|_| anyhow!("The machine gave no random numbers"))?;
            let created = Some(Timestamp::now().round(Unit::Second)?);
            let (id, hash) = (minted.id, minted.hash);
            add(path, KeyEntry { id, name, hash, tenant, user, scopes, created })?;
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
        "{:<14}{:<24}{:<20}{:<24}{:<16}CREATED",
        "ID", "NAME", "TENANT", "USER", "SCOPES"
    )?;
    let file = KeyFile::read(&text).context("The file of keys has faults")?;
    for key in file.keys {
        let KeyEntry { id, name, tenant, user, scopes, created, .. } = key;
        let created = created.map(|at| at.to_string()).unwrap_or_default();
        let scopes = scopes.join(",");
        writeln!(out, "{id:<14}{name:<24}{tenant:<20}{user:<24}{scopes:<16}{created}")?;
    }
    Ok(())
}

fn tell(what: &str) -> anyhow::Result<()> {
    Ok(writeln!(stderr(), "{what}")?)
}
