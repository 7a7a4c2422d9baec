//! The answer to a request, which holds its connection until the body ends (ADR 26).

use std::fmt::{self, Debug, Formatter};
use std::io::{Error, ErrorKind};
use std::mem::replace;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::poll_fn;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::BoxError;
use super::pool::Pool;
use super::provider_connection::ProviderConnection;

pub(crate) struct ProviderResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send + Sync>>,
}

/// A body on a connection. Dropping it before its end closes the connection, which is how a request
/// is cancelled.
struct Inbound {
    incoming: Incoming,
    state: BodyState,
    home: Arc<Pool>,
}

enum BodyState {
    Open(Box<ProviderConnection>),
    Over,
    /// Every further read fails too: a broken body must not look like an ended one.
    Broken,
}

impl ProviderResponse {
    /// For recordings and tests, without a connection.
    pub(crate) fn new<B>(response: Response<B>) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        let (head, body) = response.into_parts();
        Self { status: head.status, headers: head.headers, body: Box::pin(body) }
    }

    /// An answer whose connection returns to this pool.
    pub(super) fn on(
        connection: ProviderConnection,
        home: Arc<Pool>,
        response: Response<Incoming>,
    ) -> Self {
        Self::new(response.map(|incoming| Inbound {
            incoming,
            state: BodyState::Open(Box::new(connection)),
            home,
        }))
    }

    /// The next piece of the body; none at its end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, BoxError> {
        loop {
            match poll_fn(|context| self.body.as_mut().poll_frame(context)).await {
                None => return Ok(None),
                Some(Err(error)) => return Err(error),
                // Trailers, which no provider that we know sends.
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { incoming, state, home } = &mut *self;
        let connection = match state {
            BodyState::Open(connection) => connection,
            BodyState::Over => return Poll::Ready(None),
            BodyState::Broken => {
                return Poll::Ready(Some(Err(Error::from(ErrorKind::ConnectionAborted).into())));
            }
        };
        let frame =
            connection.poll_for(context, |context| Pin::new(&mut *incoming).poll_frame(context));
        match &frame {
            Poll::Ready(None) => {
                if let BodyState::Open(connection) = replace(state, BodyState::Over) {
                    home.lay_back(*connection);
                }
            }
            Poll::Ready(Some(Err(_))) => *state = BodyState::Broken,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        frame.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, BodyState::Over)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Debug for ProviderResponse {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderResponse").field("status", &self.status).finish_non_exhaustive()
    }
}
