//! Bodies that are trusted with neither their length nor their pace.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::Error;

/// Ends with an error when nothing came for too long.
pub(super) struct Steady {
    incoming: Incoming,
    patience: Duration,
    limit: Pin<Box<Sleep>>,
}

impl Steady {
    pub(super) fn new(incoming: Incoming, patience: Duration) -> Self {
        Self { incoming, patience, limit: Box::pin(tokio::time::sleep(patience)) }
    }
}

impl Body for Steady {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(context) {
            this.limit.as_mut().reset(Instant::now() + this.patience);
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        ready!(this.limit.as_mut().poll(context));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// A body of which the beginning was read ahead. If that was all of it, its length is known.
pub(super) struct Ahead<B> {
    frames: VecDeque<Frame<Bytes>>,
    rest: Option<B>,
}

impl<B: Body<Data = Bytes, Error = Error> + Unpin> Ahead<B> {
    /// Nothing is read ahead.
    pub(super) fn none(body: B) -> Self {
        Self { frames: VecDeque::new(), rest: Some(body) }
    }

    /// Reads to the end of the body, or until there are `most` bytes, or for so long.
    pub(super) async fn read(body: B, most: usize, wait: Duration) -> Result<Self, Error> {
        let mut ahead = Self::none(body);
        let end = tokio::time::sleep(wait);
        tokio::pin!(end);
        let mut bytes = 0;
        while let Some(body) = ahead.rest.as_mut().filter(|_| bytes < most) {
            let frame = tokio::select! {
                biased;
                frame = body.frame() => frame,
                () = &mut end => break,
            };
            match frame.transpose()? {
                Some(frame) => {
                    bytes += frame.data_ref().map_or(0, Bytes::len);
                    ahead.frames.push_back(frame);
                }
                None => ahead.rest = None,
            }
        }
        Ok(ahead)
    }
}

impl<B: Body<Data = Bytes, Error = Error> + Unpin> Body for Ahead<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(frame) = self.frames.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        self.rest.as_mut().map_or(Poll::Ready(None), |rest| Pin::new(rest).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            // What comes after the data comes in chunks only.
            None if self.frames.iter().all(Frame::is_data) => {
                let lengths = self.frames.iter().filter_map(Frame::data_ref).map(|data| data.len() as u64);
                SizeHint::with_exact(lengths.sum())
            }
            Some(rest) if self.frames.is_empty() => rest.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

/// Ends with an error when more came than may.
pub(super) struct Bounded<B> {
    body: B,
    left: u64,
    error: fn(Option<u64>) -> Error,
}

impl<B> Bounded<B> {
    pub(super) fn new(body: B, most: u64, error: fn(Option<u64>) -> Error) -> Self {
        Self { body, left: most, error }
    }
}

impl<B: Body<Data = Bytes, Error = Error> + Unpin> Body for Bounded<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let length = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
            _ => 0,
        };
        match self.left.checked_sub(length) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Some(Err((self.error)(None)))),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    fn body(pieces: usize) -> impl Body<Data = Bytes, Error = Error> + Unpin {
        StreamBody::new(futures_util::stream::iter(
            (0..pieces).map(|_| Ok(Frame::data(Bytes::from_static(b"ten bytes.")))),
        ))
    }

    #[tokio::test]
    async fn a_body_passes_up_to_its_limit_and_not_beyond() {
        let whole = Bounded::new(body(3), 30, Error::HttpResponseBodySize).collect().await.unwrap();
        assert_eq!(whole.to_bytes().len(), 30);

        let error = Bounded::new(body(4), 30, Error::HttpResponseBodySize).collect().await.unwrap_err();
        assert!(matches!(error, Error::HttpResponseBodySize(None)), "{error}");
    }
}
