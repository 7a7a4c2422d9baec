//! A transport whose requests and answers are counted, both ways (ADR 39).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{ClientNotification, JsonRpcMessage, ServerNotification};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::time::timeout;

use super::meter::Meter;

/// How long the end of a session may take, such as telling the server of it.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

pub(crate) struct Watched<T> {
    inner: T,
    meter: Arc<Meter>,
}

impl<T> Watched<T> {
    pub(crate) const fn new(inner: T, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Watched<T> {
    type Error = T::Error;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let (mut on_its_way, mut asked) = (None, None);
        match &message {
            JsonRpcMessage::Request(request) => {
                self.meter.asks(request.id.clone());
                asked = Some(request.id.clone());
            }
            JsonRpcMessage::Response(answer) => {
                on_its_way = Some(self.meter.answers(Some(&answer.id)));
            }
            JsonRpcMessage::Error(answer) => {
                on_its_way = Some(self.meter.answers(answer.id.as_ref()));
            }
            JsonRpcMessage::Notification(told) => {
                if let ClientNotification::CancelledNotification(told) = &told.notification
                    && let Some(id) = &told.params.request_id
                {
                    self.meter.gives_up(id);
                }
            }
        }
        let (sending, meter) = (self.inner.send(message), Arc::clone(&self.meter));
        async move {
            let sent = sending.await;
            drop(on_its_way);
            if let (Some(id), Err(_)) = (asked, &sent) {
                meter.forget(&id);
            }
            sent
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let message = tokio::select! {
            biased;
            () = self.meter.flooded() => None,
            message = self.inner.receive() => message,
        }?;
        match &message {
            JsonRpcMessage::Request(request) => self.meter.is_asked(request.id.clone()),
            JsonRpcMessage::Response(answer) => self.meter.forget(&answer.id),
            JsonRpcMessage::Error(answer) => {
                answer.id.iter().for_each(|id| self.meter.forget(id));
            }
            JsonRpcMessage::Notification(told) => {
                if let ServerNotification::CancelledNotification(told) = &told.notification
                    && let Some(id) = &told.params.request_id
                {
                    self.meter.is_let_off(id);
                }
            }
        }
        Some(message)
    }

    /// rmcp ends the session's calls after this, so a server that floods us must not hold it up.
    async fn close(&mut self) -> Result<(), Self::Error> {
        timeout(CLOSE_TIMEOUT, self.inner.close()).await.unwrap_or(Ok(()))
    }
}
