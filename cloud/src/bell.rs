//! Wakes the one task of a connection, and tells it what for.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Rings for one waiting task; a ring that nobody waits for is kept until somebody does. Without the lock and the list
/// of waiters of `Notify`: thousands are rung for one sample.
#[derive(Default)]
pub struct Bell {
    rung: AtomicBool,
    waiter: AtomicWaker,
}

impl Bell {
    /// Wakes the waiting task, now or as soon as it waits.
    pub fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.waiter.wake();
        }
    }

    /// Returns when it has been rung since it last returned. For one task only: the last one that waits is woken.
    pub async fn rung(&self) {
        poll_fn(|context| self.poll_rung(context)).await;
    }

    fn poll_rung(&self, context: &mut Context<'_>) -> Poll<()> {
        // First: a ring between the two lines would be missed.
        self.waiter.register(context.waker());
        if self.rung.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

/// Looks at something only when that itself has called, however often the task is woken for other reasons.
pub struct OnCall {
    bell: Arc<Bell>,
    waker: Waker,
}

impl Default for OnCall {
    fn default() -> Self {
        let bell = Arc::new(Bell::default());
        // The first look is for nothing.
        bell.ring();
        Self { waker: Waker::from(bell.clone()), bell }
    }
}

impl OnCall {
    /// Polls `what`, unless it is pending since the last time and has not called.
    pub fn poll<T>(
        &self,
        context: &mut Context<'_>,
        what: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if self.bell.poll_rung(context).is_pending() {
            return Poll::Pending;
        }
        let looked = what(&mut Context::from_waker(&self.waker));
        if looked.is_ready() {
            // There may be more, which will not call again.
            self.bell.ring();
        }
        looked
    }

    /// Waits for a future that is kept between two waits.
    pub async fn wait<F: Future>(&self, mut future: Pin<&mut F>) -> F::Output {
        poll_fn(|context| self.poll(context, |context| future.as_mut().poll(context))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn a_ring_is_kept_once_and_wakes_whoever_waits() {
        let bell = Arc::new(Bell::default());
        bell.ring();
        bell.ring();
        bell.rung().await;
        let waiting = tokio::time::timeout(Duration::from_millis(20), bell.rung()).await;
        assert!(waiting.is_err(), "two rings before the first wait are one");
        let other = bell.clone();
        let waiter = tokio::spawn(async move { other.rung().await });
        tokio::task::yield_now().await;
        bell.ring();
        tokio::time::timeout(Duration::from_secs(10), waiter).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_has_not_called_is_not_looked_at_again() {
        let (on_call, other, calling) = (OnCall::default(), Bell::default(), Bell::default());
        let looks = std::cell::Cell::new(0);
        let mut pinned = std::pin::pin!(async {
            poll_fn(|context| {
                looks.set(looks.get() + 1);
                calling.poll_rung(context)
            })
            .await;
        });
        for _ in 0..5 {
            other.ring();
            tokio::select! {
                biased;
                () = on_call.wait(pinned.as_mut()) => panic!("nobody has called"),
                () = other.rung() => {}
            }
        }
        assert_eq!(looks.get(), 1);
        calling.ring();
        tokio::time::timeout(Duration::from_secs(10), on_call.wait(pinned.as_mut())).await.unwrap();
    }
}
