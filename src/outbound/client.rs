//! What connections are made through: names are looked up once for each connection, their addresses
//! are checked, and it goes to one of those.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{error, vec};

use futures::FutureExt;
use futures::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::proxy::matcher::Intercept;
use reqwest::dns::{Addrs, Resolve, Resolving};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Client, ClientBuilder, StatusCode, Url};
use tower::Service;

use super::names::{Names, SystemNames};
use super::policy::{ReachableNetworks, allowed};
use super::urls::{is_here, proxy_of};

/// Enough for an address with and without a slash at its end.
const MAX_REDIRECTS: usize = 5;

type BoxError = Box<dyn error::Error + Send + Sync>;

/// The addresses to which a connection may be made.
type Checked = Result<vec::IntoIter<SocketAddr>, BoxError>;

/// The operator's rules for all ways out. Clones share the source of names.
#[derive(Clone, Debug)]
pub struct Outbound {
    networks: ReachableNetworks,
    names: Arc<dyn Names>,
}

impl Outbound {
    pub fn to(networks: ReachableNetworks) -> Self {
        Self { networks, names: Arc::new(SystemNames) }
    }

    /// The same rules, with addresses from somewhere else.
    #[must_use]
    pub fn with_names(self, names: Arc<dyn Names>) -> Self {
        Self { names, ..self }
    }

    /// The proxy to this URL. Where addresses must be checked there is none: a proxy looks up names
    /// by itself.
    pub fn proxy_of(&self, url: &Url) -> Option<Intercept> {
        if self.networks == ReachableNetworks::Public { None } else { proxy_of(url) }
    }

    /// A client for this URL, which follows no redirect.
    pub fn client(&self, url: &Url) -> ClientBuilder {
        // Building any client of reqwest panics without a provider. If another part of the process
        // installed one first, that is fine.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder().dns_resolver(self.clone()).redirect(Policy::none());
        let goes_straight = is_here(url) || self.networks == ReachableNetworks::Public;
        if goes_straight { client.no_proxy() } else { client }
    }

    /// One allowed address is enough: a name may have some in a private network beside others.
    fn look_up(&self, host: &str) -> BoxFuture<'static, Checked> {
        let (found, host, networks) = (self.names.look_up(host), host.to_owned(), self.networks);
        async move {
            let mut refusal = None;
            let mut fine = Vec::new();
            for address in found.await? {
                match allowed(address, &host, networks) {
                    Ok(()) => fine.push(SocketAddr::new(address, 0)),
                    Err(why) => refusal = Some(why),
                }
            }
            match refusal {
                Some(refusal) if fine.is_empty() => Err(refusal.into()),
                None if fine.is_empty() => Err(io::Error::from(io::ErrorKind::NotFound).into()),
                Some(_) | None => Ok(fine.into_iter()),
            }
        }
        .boxed()
    }
}

impl Default for Outbound {
    fn default() -> Self {
        Self::to(ReachableNetworks::default())
    }
}

/// For the clients of reqwest. Addresses in a URL are not looked up.
impl Resolve for Outbound {
    fn resolve(&self, name: reqwest::dns::Name) -> Resolving {
        self.look_up(name.as_str()).map(|found| Ok(Box::new(found?) as Addrs)).boxed()
    }
}

/// For connections of our own. Addresses in a URL are not looked up.
impl Service<Name> for Outbound {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Checked>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        self.look_up(name.as_str())
    }
}

/// Follows redirects within one origin: another one would get our headers, which may contain a key.
/// 301 to 303 would drop the body.
pub fn within_origin() -> Policy {
    Policy::custom(follow)
}

fn follow(attempt: Attempt<'_>) -> Action {
    let keeps_body =
        matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let first = attempt.previous().first();
    let same_origin = first.is_some_and(|first| first.origin() == attempt.url().origin());
    if keeps_body && same_origin && attempt.previous().len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}
