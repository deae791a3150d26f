//! History against a model of it.

mod any_history;
mod bench;
mod damage;
mod plots;
mod retention;
mod sample;
mod sealing;
