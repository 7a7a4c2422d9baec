//! `orchestrator serve`: the whole server.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::signals::{Hangup, Hangups, Sign, Signs};
use crate::app::{App, Doors, ShutdownPlan};
use crate::config::{Config, Listen};

/// Open files to request from the system: one for a stream, one for its connection to the model,
/// and some more.
const OPEN_FILES: u64 = 65_536;

/// Files for everything else: the database, children, spare connections, and the reserve for when
/// files are used up (ADR 19).
const OTHER_FILES: u64 = 128;

/// Files for the private listener: its connections, and a reserve of its own (ADR 33).
const PRIVATE_FILES: u64 = 64;

/// Serves until a stop signal, then drains. A second signal ends it immediately.
pub(super) async fn serve(config: Config) -> anyhow::Result<()> {
    let (mut signs, mut hangups) = (Signs::listen()?, Hangups::listen()?);
    let others = OTHER_FILES + if config.admin.is_some() { PRIVATE_FILES } else { 0 };
    let requests = raise_open_files(config.chat.max_turns, others);
    let public = listen(&config.listen).await?;
    let private = listen_in_private(config.admin).await?;
    let (lame_duck, drain) = (config.lame_duck, config.drain);
    let app = App::build(config, public.local_addr()?).await?;
    let (tell, told) = oneshot::channel();
    let ending = async {
        // After Ctrl-C a person waits, and no load balancer has to learn of the end.
        let is_patient = told.await == Ok(Sign::Terminate);
        ShutdownPlan { lame_duck: if is_patient { lame_duck } else { Duration::ZERO }, drain }
    };
    let reload = app.reload();
    let closed = async {
        while hangups.next().await == Hangup::Reload {
            let reload = Arc::clone(&reload);
            // It logs what became of it.
            drop(spawn_blocking(move || reload.reload()).await);
        }
    };
    let twice = async {
        let first = tokio::select! {
            sign = signs.next() => sign,
            () = closed => Sign::Interrupt,
        };
        let _heard = tell.send(first);
        signs.next().await
    };
    tokio::select! {
        served = app.serve(Doors { public, private, requests }, ending) => served,
        _ = twice => bail!("A second signal came: running turns were cut off"),
    }
}

async fn listen(at: &Listen) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind((at.host.as_str(), at.port)).await;
    listener.map_err(|error| {
        let Listen { host, port } = at;
        anyhow!("Cannot listen on {host}:{port}: {} ({error})", advice(&error, host))
    })
}

async fn listen_in_private(at: Option<SocketAddr>) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = at else { return Ok(None) };
    let what = "Cannot listen on the address of ADMIN_ADDR; set it to a free one of this machine";
    let listener = TcpListener::bind(address).await.context(what)?;
    let address = Listen::from(listener.local_addr()?).url();
    tracing::info!("Health and reloads are served on {address}, without a key");
    Ok(Some(listener))
}

/// What the operator can do about it.
fn advice(error: &io::Error, host: &str) -> &'static str {
    let known = [
        (io::ErrorKind::AddrInUse, "another server is running there; set PORT to another port"),
        (io::ErrorKind::PermissionDenied, "this user may not; set PORT to 1024 or above"),
        (io::ErrorKind::AddrNotAvailable, "it is not this machine's; set HOST to one that it has"),
    ];
    if let Some((_, advice)) = known.into_iter().find(|(kind, _)| *kind == error.kind()) {
        return advice;
    }
    let is_name = host.parse::<IpAddr>().is_err();
    if is_name {
        "the name is not known; set HOST to an address of this machine"
    } else {
        "set HOST"
    }
}

/// Logs how many streams the machine can hold, and returns how many requests that leaves room for:
/// with more of them no turn could reach its model (ADR 19).
fn raise_open_files(max_turns: usize, others: u64) -> usize {
    let Ok(open_files) = rlimit::increase_nofile_limit(OPEN_FILES) else {
        tracing::warn!("The limit of open files could not be read");
        return usize::MAX;
    };
    // A stream needs one file here and one for its connection to the model.
    let fitting =
        usize::try_from(open_files.saturating_sub(others) / 2).unwrap_or(usize::MAX).max(1);
    tracing::info!(open_files, streams = fitting.min(max_turns), "Room for streams");
    fitting
}
