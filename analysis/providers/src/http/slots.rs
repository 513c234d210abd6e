//! How many calls are under way to one server.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::target::Destination;

/// Lets so many calls through to each destination; others wait in the order in which they came.
pub(super) struct Slots {
    each: NonZeroUsize,
    busy: Mutex<BTreeMap<Destination, Arc<Semaphore>>>,
}

impl Slots {
    pub(super) fn new(each: NonZeroUsize) -> Self {
        Self { each, busy: Mutex::default() }
    }

    /// Waits for a slot, which is held until it is dropped.
    pub(super) async fn take(&self, destination: Destination) -> Option<OwnedSemaphorePermit> {
        let slots = {
            let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever holds or waits for a slot holds the semaphore: what nobody holds can go, so
            // that a template cannot fill the map with names.
            busy.retain(|_, slots| Arc::strong_count(slots) > 1);
            let new = || Arc::new(Semaphore::new(self.each.get()));
            Arc::clone(busy.entry(destination).or_insert_with(new))
        };
        // An error means that the semaphore was closed, which nobody does.
        slots.acquire_owned().await.ok()
    }

    #[cfg(test)]
    fn destinations(&self) -> usize {
        self.busy.lock().unwrap().len()
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    use url::Url;

    use super::*;

    fn destination(url: &str) -> Destination {
        Destination::of(&Url::parse(url).unwrap())
    }

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn the_next_one_waits_until_one_is_done() {
        let slots = Slots::new(NonZeroUsize::new(2).unwrap());
        let first = slots.take(destination("http://a/")).await;
        let _second = slots.take(destination("http://a:80/other")).await;
        let mut third = Box::pin(slots.take(destination("http://a/")));
        assert!(poll(third.as_mut()).is_pending());
        for other in ["https://a/", "http://a:81/", "http://b/"] {
            assert!(poll(Box::pin(slots.take(destination(other))).as_mut()).is_ready(), "{other}");
        }
        drop(first);
        assert!(poll(third.as_mut()).is_ready());
    }

    #[tokio::test]
    async fn nothing_is_kept_of_who_is_done() {
        let slots = Slots::new(NonZeroUsize::MIN);
        for port in 1..100 {
            drop(slots.take(destination(&format!("http://a:{port}/"))).await);
        }
        assert_eq!(slots.destinations(), 1);
    }
}
