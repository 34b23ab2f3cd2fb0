//! The words of the core as the words on the wire.

use easel_core::{ErrorKind, MessageChange, OnDependencyFailure, Outcome, Status, Transition, WaitingFor};
use easel_wire as wire;

/// Where a job stands.
pub fn status(status: Status) -> wire::Status {
    match status {
        Status::Pending => wire::Status::Pending,
        Status::Queued => wire::Status::Queued,
        Status::Processing => wire::Status::Processing,
        Status::Complete => wire::Status::Complete,
        Status::Error => wire::Status::Error,
        Status::Cancelled => wire::Status::Cancelled,
    }
}

pub(super) fn outcome(outcome: Outcome) -> wire::Outcome {
    match outcome {
        Outcome::Complete => wire::Outcome::Complete,
        Outcome::Error => wire::Outcome::Error,
        Outcome::Timeout => wire::Outcome::Timeout,
        Outcome::Stalled => wire::Outcome::Stalled,
        Outcome::Trapped => wire::Outcome::Trapped,
        Outcome::Cancelled => wire::Outcome::Cancelled,
        Outcome::Lost => wire::Outcome::Lost,
        Outcome::Interrupted => wire::Outcome::Interrupted,
        Outcome::Unavailable => wire::Outcome::Unavailable,
    }
}

pub(super) fn error_kind(kind: ErrorKind) -> wire::ErrorKind {
    match kind {
        ErrorKind::Invalid => wire::ErrorKind::Invalid,
        ErrorKind::Unavailable => wire::ErrorKind::Unavailable,
        ErrorKind::OutOfMemory => wire::ErrorKind::OutOfMemory,
        ErrorKind::Failed => wire::ErrorKind::Failed,
        ErrorKind::Timeout => wire::ErrorKind::Timeout,
        ErrorKind::Stalled => wire::ErrorKind::Stalled,
        ErrorKind::Trapped => wire::ErrorKind::Trapped,
        ErrorKind::Lost => wire::ErrorKind::Lost,
        ErrorKind::Dependency => wire::ErrorKind::Dependency,
        ErrorKind::Cancelled => wire::ErrorKind::Cancelled,
    }
}

pub(super) fn waiting_for(reason: WaitingFor) -> wire::Waiting {
    match reason {
        WaitingFor::Turn => wire::Waiting::Turn,
        WaitingFor::Paused => wire::Waiting::Paused,
        WaitingFor::Device => wire::Waiting::Device,
        WaitingFor::Backend => wire::Waiting::Backend,
        WaitingFor::Dependency => wire::Waiting::Dependency,
        WaitingFor::Time => wire::Waiting::Time,
        WaitingFor::Retry => wire::Waiting::Retry,
    }
}

pub(super) fn on_dependency_failure(rule: OnDependencyFailure) -> wire::OnDependencyFailure {
    match rule {
        OnDependencyFailure::Fail => wire::OnDependencyFailure::Fail,
        OnDependencyFailure::Run => wire::OnDependencyFailure::Run,
    }
}

pub(super) fn transition(event: Transition) -> wire::JobEvent {
    match event {
        Transition::Queued => wire::JobEvent::Queued,
        Transition::Pending => wire::JobEvent::Pending,
        Transition::Started => wire::JobEvent::Started,
        Transition::Cancelling => wire::JobEvent::Cancelling,
        Transition::Completed => wire::JobEvent::Completed,
        Transition::Failed => wire::JobEvent::Failed,
        Transition::Cancelled => wire::JobEvent::Cancelled,
        Transition::Retrying => wire::JobEvent::Retrying,
        Transition::Interrupted => wire::JobEvent::Interrupted,
        Transition::Moved => wire::JobEvent::Moved,
        Transition::Deleted => wire::JobEvent::Deleted,
    }
}

pub(super) fn change(event: MessageChange) -> wire::MessageEvent {
    match event {
        MessageChange::Created => wire::MessageEvent::Created,
        MessageChange::Changed => wire::MessageEvent::Changed,
        MessageChange::Deleted => wire::MessageEvent::Deleted,
    }
}
