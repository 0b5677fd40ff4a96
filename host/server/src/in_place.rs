//! Futures that wake themselves.

use futures::task::AtomicWaker;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Polls a future again where it stands when it wakes itself, as hyper's connections do twice a request: tokio would put
/// the task behind all others, and wake another worker for that.
pub(crate) struct InPlace<F> {
    future: Pin<Box<F>>,
    wakes: Arc<Wakes>,
    waker: Waker,
}

/// How often it is polled in a row before others get their turn.
const MAX_POLLS: usize = 16;

#[derive(Default)]
struct Wakes {
    task: AtomicWaker,
    state: AtomicU8,
}

impl Wakes {
    const RESTS: u8 = 0;
    const IS_POLLED: u8 = 1;
    const IS_WOKEN: u8 = 2;

    /// Ends a poll. False when it was woken meanwhile.
    fn rests(&self) -> bool {
        self.state.compare_exchange(Self::IS_POLLED, Self::RESTS, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // While it is polled, whoever polls it sees to it.
        if self.state.swap(Self::IS_WOKEN, Ordering::AcqRel) == Self::RESTS {
            self.task.wake();
        }
    }
}

impl<F: Future> InPlace<F> {
    pub(crate) fn new(future: F) -> Self {
        let wakes = Arc::new(Wakes::default());
        Self { future: Box::pin(future), waker: Waker::from(wakes.clone()), wakes }
    }
}

impl<F: Future> Future for InPlace<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        this.wakes.task.register(context.waker());
        for _ in 0..MAX_POLLS {
            this.wakes.state.swap(Wakes::IS_POLLED, Ordering::AcqRel);
            let polled = this.future.as_mut().poll(&mut Context::from_waker(&this.waker));
            if polled.is_ready() || this.wakes.rests() {
                return polled;
            }
        }
        // It stays woken until it is polled again.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    /// How often it was woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A future that wakes itself so often, and says how often it was polled.
    fn wakes_itself(times: usize) -> impl Future<Output = usize> {
        let mut polls = 0;
        std::future::poll_fn(move |context| {
            polls += 1;
            if polls > times {
                return Poll::Ready(polls);
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    #[test]
    fn what_wakes_itself_is_polled_again_in_place_and_not_for_ever() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let mut context = Context::from_waker(&waker);
        let mut few = InPlace::new(wakes_itself(3));
        assert_eq!(Pin::new(&mut few).poll(&mut context), Poll::Ready(4));
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
        let mut many = InPlace::new(wakes_itself(MAX_POLLS + 1));
        assert_eq!(Pin::new(&mut many).poll(&mut context), Poll::Pending);
        assert_eq!(count.0.load(Ordering::SeqCst), 1, "others get their turn, and then it is polled again");
        assert_eq!(Pin::new(&mut many).poll(&mut context), Poll::Ready(MAX_POLLS + 2));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_from_elsewhere_is_lost() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<u32>(1);
        let sending = tokio::spawn(async move {
            for number in 0..100_000 {
                sender.send(number).await.unwrap();
            }
        });
        let receiving = tokio::spawn(InPlace::new(async move {
            let mut sum = 0_u64;
            while let Some(number) = receiver.recv().await {
                sum += u64::from(number);
            }
            sum
        }));
        let both = async { (sending.await.unwrap(), receiving.await.unwrap()).1 };
        let sum = tokio::time::timeout(Duration::from_secs(60), both).await.expect("it ends");
        assert_eq!(sum, (0..100_000_u64).sum::<u64>());
    }
}
