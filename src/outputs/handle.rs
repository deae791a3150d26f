//! The commands' way to the outputs: a wish goes to the stage, and its answer comes back.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::plan::Plan;
use super::policy::{Forbidden, Target};

/// The commands' way to the outputs.
#[derive(Debug, Clone)]
pub struct Handle(Result<(Rc<Plan>, mpsc::Sender<Wish>), Rc<str>>);

/// What an operator wants, and where the answer goes.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) what: What,
    pub(super) answer: oneshot::Sender<Result<(), Forbidden>>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    Mode(Target),
    /// The output at `place` of the plan, for `time` where one is given.
    Output {
        place: usize,
        is_on: bool,
        time: Option<Duration>,
    },
}

/// Wishes that wait; the commands are fewer.
const WISHES: usize = 4;

impl Handle {
    /// The way to a stage that takes the wishes.
    pub(super) fn to(plan: Rc<Plan>) -> (Self, mpsc::Receiver<Wish>) {
        let (sender, wishes) = mpsc::channel(WISHES);
        (Self(Ok((plan, sender))), wishes)
    }

    /// Without outputs: why.
    pub fn without(why: &str) -> Self {
        Self(Err(why.into()))
    }

    /// What there is to be driven.
    ///
    /// # Errors
    /// Why nothing is, in a sentence.
    pub fn plan(&self) -> Result<&Plan, &str> {
        self.0.as_ref().map(|(plan, _)| plan.as_ref()).map_err(AsRef::as_ref)
    }

    /// Whether anything can be driven.
    pub fn is_there(&self) -> bool {
        self.0.is_ok()
    }

    /// Takes another mode.
    ///
    /// # Errors
    /// Why not.
    pub async fn set_mode(&self, target: Target) -> Result<(), Forbidden> {
        self.wish(What::Mode(target)).await
    }

    /// Switches the output at that place of the plan.
    ///
    /// # Errors
    /// Why not.
    pub async fn set_output(
        &self,
        place: usize,
        is_on: bool,
        time: Option<Duration>,
    ) -> Result<(), Forbidden> {
        self.wish(What::Output { place, is_on, time }).await
    }

    async fn wish(&self, what: What) -> Result<(), Forbidden> {
        let (answer, granted) = oneshot::channel();
        let Ok((_, wishes)) = &self.0 else { return Err(Forbidden::NoOutput) };
        if wishes.send(Wish { what, answer }).await.is_err() {
            return Err(Forbidden::Stopping);
        }
        granted.await.unwrap_or(Err(Forbidden::Stopping))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wish_that_nobody_takes_any_more_says_that_the_daemon_stops() {
        let plan = Rc::new(Plan::parse("load:17").unwrap());
        let (handle, wishes) = Handle::to(plan);
        drop(wishes);
        assert_eq!(handle.set_mode(Target::Auto).await, Err(Forbidden::Stopping));
        assert_eq!(handle.set_output(0, true, None).await, Err(Forbidden::Stopping));
    }
}
