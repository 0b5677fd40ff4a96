//! Waiting for the host.
//!
//! What `wasi:http` 0.2 waits for are pollables, which can only be waited for by blocking. So that several requests go
//! on at once, a future yields once to the others; after that it waits, but for the pollables of all of them.

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wasip2::io::poll::{self, Pollable};

thread_local! {
    /// What is waited for. A component has one thread.
    static WAITED_FOR: RefCell<Vec<Rc<Pollable>>> = const { RefCell::new(Vec::new()) };
}

/// Waits until the host says that something is ready.
pub(super) async fn ready(pollable: Pollable) {
    if pollable.ready() {
        return;
    }
    let pollable = Rc::new(pollable);
    WAITED_FOR.with_borrow_mut(|all| all.push(Rc::clone(&pollable)));
    Ready { pollable, yielded: false }.await;
}

struct Ready {
    pollable: Rc<Pollable>,
    yielded: bool,
}

impl Future for Ready {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.yielded && !self.pollable.ready() {
            // A copy: nothing of this module runs meanwhile, but the borrow need not last.
            let all = WAITED_FOR.with_borrow(Vec::clone);
            poll::poll(&all.iter().map(Rc::as_ref).collect::<Vec<_>>());
        }
        if self.pollable.ready() {
            return Poll::Ready(());
        }
        self.yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        WAITED_FOR.with_borrow_mut(|all| all.retain(|other| !Rc::ptr_eq(other, &self.pollable)));
    }
}

/// Drives a future of this module to its end, in a function that is not `async`.
///
/// Only for what [`http`](crate::http) has: tool calls have their own twins in [`blocking`](crate::blocking).
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        // Each turn waits on the host once, so this is no busy loop.
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
