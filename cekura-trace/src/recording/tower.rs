//! A tower layer that tells conversations of a request who has sent it. Invariant: request and response pass through unchanged.

use super::caller::Caller;
use super::w3c::LinkHeaders;
use http::Request;
use opentelemetry::Context as SpanContext;
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// Makes a [`LinkLayer`].
pub fn layer() -> LinkLayer {
    LinkLayer(())
}

/// Gives each conversation that a request begins a link to the span that the request names in `traceparent` and
/// `tracestate`, as [`link_headers`](crate::conversation) does; made by [`layer`].
#[derive(Clone, Debug)]
pub struct LinkLayer(());

/// What [`LinkLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct Link<S>(S);

pin_project! {
    /// The answer to a request, while its service works on it.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are polled"]
    pub struct LinkFuture<F> {
        #[pin]
        answer: F,
        caller: Option<SpanContext>,
    }
}

impl<S> Layer<S> for LinkLayer {
    type Service = Link<S>;

    fn layer(&self, service: S) -> Link<S> {
        Link(service)
    }
}

impl<B, S: Service<Request<B>>> Service<Request<B>> for Link<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = LinkFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> LinkFuture<S::Future> {
        let caller = request.headers().span_context().and_then(Caller::in_current);
        let _attached = caller.clone().map(SpanContext::attach);
        LinkFuture { answer: self.0.call(request), caller }
    }
}

impl<F: Future> Future for LinkFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _attached = this.caller.clone().map(SpanContext::attach);
        this.answer.poll(context)
    }
}
