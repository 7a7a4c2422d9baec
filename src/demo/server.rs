//! Serves the routes of the offline model or the emulator.

use std::time::Duration;

use axum::Router;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[cfg(feature = "emulator")]
use super::emulation::{self, Emulation};
use super::plain;
use super::settings::{Mode, Settings};
use super::wire::connection::ConnectionHandle;
use super::wire::listener::CuttableListener;

/// How long open connections may take to end after `stop`.
const FAREWELL: Duration = Duration::from_millis(250);

/// The routes, for another server. Without a connection of ours to cut, a reset is a broken body.
pub fn router(settings: Settings) -> Router {
    routes(settings, CancellationToken::new())
}

/// Serves until `stop`, then breaks off open streams immediately.
///
/// # Cancel safety
/// Dropping the future stops accepting; open connections end with their clients.
pub fn serve(
    listener: TcpListener,
    settings: Settings,
    stop: CancellationToken,
) -> BoxFuture<'static, std::io::Result<()>> {
    // Boxed, so that it is compiled here and not again in each package that calls it (ADR 28).
    served(listener, settings, stop).boxed()
}

async fn served(
    listener: TcpListener,
    settings: Settings,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let service =
        routes(settings, stop.clone()).into_make_service_with_connect_info::<ConnectionHandle>();
    let server = axum::serve(CuttableListener::new(listener)?, service)
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    let too_late = async {
        stop.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        result = server => result,
        () = too_late => Ok(()),
    }
}

fn routes(settings: Settings, stop: CancellationToken) -> Router {
    let Settings { brain, mode, chunk_gap } = settings;
    match mode {
        Mode::Plain => plain::routes(brain, chunk_gap, stop),
        #[cfg(feature = "emulator")]
        Mode::Emulate(mut settings) => {
            let gap = &mut settings.knobs.pace.gap;
            *gap = if gap.is_zero() { chunk_gap } else { *gap };
            emulation::routes(Emulation::new(brain, settings, stop))
        }
    }
}
