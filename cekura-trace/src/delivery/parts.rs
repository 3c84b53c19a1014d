//! What this build has. Invariant: a setting that needs what is not here is refused at the start.

pub(crate) const GRPC: bool = cfg!(feature = "grpc");
pub(crate) const HTTP: bool = cfg!(feature = "http");
pub(crate) const LOCAL: bool = cfg!(feature = "local");
/// The spool needs locks on files.
pub(crate) const SPOOL: bool = cfg!(unix);
