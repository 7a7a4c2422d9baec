//! Reads the file of `MCP_CONFIG` again while the server runs, and hands it to the servers (ADR 37).

use std::sync::Arc;

use crate::config::ServersFile;
use crate::domain::{FileFault, Reload, ReloadError, Reloaded};
use crate::mcp::{ServerFault, ServerList, ServerSettings, Servers};

pub struct ServersReload {
    pub servers: Arc<Servers>,
    /// None if variables name the servers.
    pub file: Option<ServersFile>,
    /// Whether callers are told apart.
    pub knows_callers: bool,
}

impl Reload for ServersReload {
    fn reload(&self) -> Result<Reloaded, ReloadError> {
        let Some(file) = &self.file else {
            tracing::warn!("There is nothing to reload: MCP_CONFIG names no file of servers");
            return Err(ReloadError::NoFile);
        };
        let mut warnings = Vec::new();
        let reloaded = self.servers.reload(|| {
            let list = without_faults(file)?;
            if self.knows_callers {
                warn_of_untold(&list.servers);
            }
            warnings = list.warnings;
            Ok(list.servers)
        });
        let reloaded = reloaded.map_err(refused)?;
        log(&reloaded, &warnings);
        Ok(Reloaded { warnings: told(warnings), ..reloaded })
    }
}

fn log(reloaded: &Reloaded, warnings: &[ServerFault]) {
    for warning in warnings {
        tracing::warn!("MCP_CONFIG: {warning}");
    }
    let Reloaded { kept, added, changed, removed, .. } = reloaded;
    tracing::info!(?kept, ?added, ?changed, ?removed, "MCP_CONFIG reloaded");
}

/// At the start a server with faults costs itself alone. Here the servers of before are better than
/// a part of the new ones.
fn without_faults(file: &ServersFile) -> Result<ServerList, Vec<ServerFault>> {
    let list = file.read_again().map_err(|fault| vec![fault])?;
    if list.faults.is_empty() { Ok(list) } else { Err(list.faults) }
}

fn refused(faults: Vec<ServerFault>) -> ReloadError {
    for fault in &faults {
        tracing::error!("MCP_CONFIG was not reloaded, nothing is changed: {fault}");
    }
    ReloadError::Faulty(told(faults))
}

fn told(faults: Vec<ServerFault>) -> Vec<FileFault> {
    let told = |fault: ServerFault| {
        let message = fault.to_string();
        FileFault { pointer: fault.pointer, message }
    };
    faults.into_iter().map(told).collect()
}

/// Callers are told apart here, but not by a server that does not hear of them.
pub fn warn_of_untold(servers: &[ServerSettings]) {
    let is_untold = |it: &&ServerSettings| !it.is_told_owners() && !it.acts_for_callers();
    for ServerSettings { name: server, .. } in servers.iter().filter(is_untold) {
        tracing::warn!(
            server,
            "Not told for whom it is called: all callers share what it keeps; \"tell_owner\": true in MCP_CONFIG tells it"
        );
    }
}
