//! A connection's bytes, and its answers, as they pass: what its place knows of how the client gets on.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::places::Seat;

/// A connection that tells its place what comes and goes.
pub(super) struct Watched {
    /// Shared with those who only look at it.
    stream: Arc<TcpStream>,
    seat: Arc<Seat>,
}

impl Watched {
    pub(super) fn new(stream: Arc<TcpStream>, seat: Arc<Seat>) -> Self {
        Self { stream, seat }
    }

    fn write(&self, cx: &mut Context<'_>, write: impl Fn(&TcpStream) -> io::Result<usize>) -> Poll<io::Result<usize>> {
        loop {
            let Poll::Ready(ready) = self.stream.poll_write_ready(cx) else {
                self.seat.went(None);
                return Poll::Pending;
            };
            ready?;
            match write(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => {
                    if let Ok(bytes) = &outcome {
                        self.seat.went(Some(*bytes));
                    }
                    return Poll::Ready(outcome);
                }
            }
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let outcome = loop {
            if let Poll::Ready(ready) = self.stream.poll_read_ready(cx) {
                ready?;
            } else {
                break Poll::Pending;
            }
            match self.stream.try_read(into.initialize_unfilled()) {
                Ok(bytes) => {
                    into.advance(bytes);
                    break Poll::Ready(Ok(bytes));
                }
                // It was ready, and somebody else was quicker, or it was wrong: the next look registers for news.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => break Poll::Ready(Err(error)),
            }
        };
        match &outcome {
            Poll::Ready(Ok(bytes)) if *bytes > 0 => self.seat.came(Some(*bytes)),
            Poll::Ready(_) => {}
            Poll::Pending => self.seat.came(None),
        }
        outcome.map_ok(drop)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, |stream| stream.try_write(from))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |stream| stream.try_write_vectored(from))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was written is the system's already.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match shutdown(&*self.stream, Shutdown::Write) {
            // The client was quicker.
            Ok(()) | Err(Errno::NOTCONN) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }
}

/// An answer's body that tells the place when it is over, in whatever way.
pub(super) struct Told<B> {
    body: B,
    seat: Arc<Seat>,
}

impl<B> Told<B> {
    pub(super) fn new(body: B, seat: Arc<Seat>) -> Self {
        Self { body, seat }
    }
}

impl<B> Drop for Told<B> {
    fn drop(&mut self) {
        self.seat.ends();
    }
}

impl<B: Body + Unpin> Body for Told<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
