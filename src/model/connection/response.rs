//! The answer to a request, and the connection that its body comes over.

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

/// A head, and a body that is still to come.
pub(in crate::model) struct ProviderResponse {
    pub(in crate::model) status: StatusCode,
    pub(in crate::model) headers: HeaderMap,
    body: Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send + Sync>>,
}

/// What came over a connection. Whoever lets go of it before its end ends the connection.
struct Inbound {
    incoming: Incoming,
    state: BodyState,
    home: Arc<Pool>,
}

enum BodyState {
    Open(Box<ProviderConnection>),
    Over,
    /// Whoever asks once more is told so again: it did not end.
    Broken,
}

impl ProviderResponse {
    /// An answer, wherever it comes from.
    pub(in crate::model) fn new<B>(response: Response<B>) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        let (head, body) = response.into_parts();
        Self { status: head.status, headers: head.headers, body: Box::pin(body) }
    }

    /// An answer on this connection, which goes home to this pool.
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

    /// The next piece of the body, until it is over.
    pub(in crate::model) async fn piece(&mut self) -> Result<Option<Bytes>, BoxError> {
        loop {
            match poll_fn(|context| self.body.as_mut().poll_frame(context)).await {
                None => return Ok(None),
                Some(Err(error)) => return Err(error),
                // Whatever is no data is said behind the end, and by nobody we know.
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
