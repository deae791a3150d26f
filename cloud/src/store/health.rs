//! Whether the store takes writes.

use std::sync::Mutex;

use tracing::{error, info};

use super::StoreError;
use crate::sync::Locked;

/// The outcome of the last commit.
#[derive(Default)]
pub(super) struct Health(Mutex<Option<String>>);

impl Health {
    /// Notes a commit; says so when that is news.
    pub(super) fn note(&self, result: &Result<(), StoreError>) {
        let mut trouble = self.0.locked();
        match (result, trouble.as_ref()) {
            (Ok(()), Some(_)) => {
                info!("the database takes writes again");
                *trouble = None;
            }
            (Err(error), None) => {
                error!(%error, "nothing is stored or acknowledged until the database takes writes again");
                *trouble = Some(error.to_string());
            }
            (Err(error), Some(_)) => *trouble = Some(error.to_string()),
            (Ok(()), None) => {}
        }
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.0.locked().clone()
    }
}
