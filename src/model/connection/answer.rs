//! The answer to a request, and the line that its body comes over.

use std::fmt::{self, Debug, Formatter};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::poll_fn;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::BoxError;
use super::line::Line;
use super::pool::Pool;

/// A head, and a body that is still to come.
pub(in crate::model) struct Answer {
    pub(in crate::model) status: StatusCode,
    pub(in crate::model) headers: HeaderMap,
    body: Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send + Sync>>,
}

/// What came over a line. Whoever lets go of it before its end ends the line.
struct Inbound {
    incoming: Incoming,
    /// None once the body is over.
    line: Option<Line>,
    home: Arc<Pool>,
}

impl Answer {
    /// An answer, wherever it comes from.
    pub(in crate::model) fn new<B>(response: Response<B>) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        let (head, body) = response.into_parts();
        Self { status: head.status, headers: head.headers, body: Box::pin(body) }
    }

    /// An answer on this line, which goes home to this pool.
    pub(super) fn on(line: Line, home: Arc<Pool>, response: Response<Incoming>) -> Self {
        Self::new(response.map(|incoming| Inbound { incoming, line: Some(line), home }))
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
        let Self { incoming, line, home } = &mut *self;
        let Some(open) = line else { return Poll::Ready(None) };
        let frame = open.poll_for(context, |context| Pin::new(&mut *incoming).poll_frame(context));
        match &frame {
            Poll::Ready(None) => line.take().into_iter().for_each(|line| home.lay_back(line)),
            Poll::Ready(Some(Err(_))) => *line = None,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        frame.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.line.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Debug for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}
