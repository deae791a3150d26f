//! Named GPIO outputs, driven through the protection: off is the safe state of each.
//!
//! ```text
//! sampler ──verdict──> stage ──levels──> gpio (rppal)
//! command ──wishes───>   │ policy: pure
//! ```
//!
//! No code of a killed process runs: `ems-edge outputs-safe` ([`make_safe`]) is what the service manager starts then.

mod gpio;
mod handle;
mod plan;
mod policy;
mod record;
mod stage;

pub use gpio::GpioError;
pub use handle::Handle;
pub use plan::{Output, Plan, Role};
pub use policy::{Forbidden, Permission, Policy, Target};
pub use record::{make_safe, recorded};
pub use stage::{Outputs, Situation};
