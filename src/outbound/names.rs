//! The port to name servers.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::lookup_host;

/// The addresses of a name, or why none is known.
pub type LookedUp = io::Result<Vec<IpAddr>>;

/// Who knows the addresses of a name.
pub trait Names: Debug + Send + Sync {
    fn look_up(&self, name: &str) -> BoxFuture<'static, LookedUp>;
}

/// The resolver of the machine.
#[derive(Debug)]
pub(crate) struct SystemNames;

impl Names for SystemNames {
    fn look_up(&self, name: &str) -> BoxFuture<'static, LookedUp> {
        let name = name.to_owned();
        async move { Ok(lookup_host((name, 0)).await?.map(|it| SocketAddr::ip(&it)).collect()) }
            .boxed()
    }
}
