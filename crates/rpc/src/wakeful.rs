//! A future that is polled again at once when it woke itself.
//!
//! To the runtime a task that wakes itself gives way to others: it wakes another thread for them, and mostly the two swap
//! the task. Connections do with each request that has a body, for hyper asks for it from the task that reads it; so does
//! whoever waits for one of some futures by `FuturesUnordered`. With nothing else to do that is two processors woken for
//! nothing.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::task::AtomicWaker;

/// Polls in a row, after which others have their turn.
const POLLS: usize = 8;

/// Polls `F` again while it wakes itself, a few times.
#[derive(Debug)]
pub struct Wakeful<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// What the future wakes.
#[derive(Debug, Default)]
struct Bell {
    task: AtomicWaker,
    polling: AtomicBool,
    rung: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // In one order with those of `poll`: it sees that the bell rang, or is over and the task is woken.
        self.rung.store(true, Ordering::SeqCst);
        if !self.polling.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

impl<F> Wakeful<F> {
    /// `future`, to be spawned as a task.
    pub fn new(future: F) -> Self {
        let bell = Arc::new(Bell::default());
        Self {
            future: Box::pin(future),
            waker: Waker::from(bell.clone()),
            bell,
        }
    }
}

impl<F: Future> Future for Wakeful<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self {
            future,
            bell,
            waker,
        } = &mut *self;
        bell.task.register(context.waker());
        for _ in 0..POLLS {
            bell.rung.store(false, Ordering::SeqCst);
            bell.polling.store(true, Ordering::SeqCst);
            let polled = future.as_mut().poll(&mut Context::from_waker(waker));
            bell.polling.store(false, Ordering::SeqCst);
            if polled.is_ready() || !bell.rung.load(Ordering::SeqCst) {
                return polled;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::atomic::AtomicUsize, thread};

    use tokio::sync::oneshot;

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A future that wakes itself `times` times.
    fn restless(mut times: usize) -> impl Future<Output = ()> {
        poll_fn(move |context| match times.checked_sub(1) {
            None => Poll::Ready(()),
            Some(left) => {
                times = left;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        })
    }

    fn polled_once(times: usize) -> (Poll<()>, usize) {
        let counter = Arc::new(Counter::default());
        let waker = Waker::from(counter.clone());
        let mut future = Wakeful::new(restless(times));
        let polled = Pin::new(&mut future).poll(&mut Context::from_waker(&waker));
        (polled, counter.0.load(Ordering::SeqCst))
    }

    #[test]
    fn what_wakes_itself_goes_on_without_the_runtime() {
        assert_eq!(polled_once(POLLS - 1), (Poll::Ready(()), 0));
    }

    #[test]
    fn what_goes_on_waking_itself_gives_way() {
        assert_eq!(polled_once(POLLS), (Poll::Pending, 1));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_wake_of_another_thread_is_lost() {
        for _ in 0..2_000 {
            let (ring, rung) = oneshot::channel();
            let waiting = tokio::spawn(Wakeful::new(rung));
            thread::spawn(move || ring.send(()));
            waiting.await.unwrap().unwrap();
        }
    }
}
