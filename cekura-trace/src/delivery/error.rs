//! The error with which a handle cannot be made. Invariant: it names settings and never repeats
//! what they were set to.

use std::fmt;

/// Why a handle could not be made.
pub struct Error(Box<Kind>);

enum Kind {
    AlreadyAttached,
    AlreadyInstalled,
    Configuration(Vec<Problem>),
    Start(Box<dyn std::error::Error + Send + Sync>),
}

/// One setting with a value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The variable, or the builder's method.
    pub(crate) setting: &'static str,
    /// What is wrong, or what the setting may be. It continues a sentence that begins with the setting's name.
    pub(crate) rule: &'static str,
}

impl Error {
    pub(crate) fn already_attached() -> Self {
        Self(Box::new(Kind::AlreadyAttached))
    }

    pub(crate) fn already_installed() -> Self {
        Self(Box::new(Kind::AlreadyInstalled))
    }

    pub(crate) fn configuration(problems: Vec<Problem>) -> Self {
        Self(Box::new(Kind::Configuration(problems)))
    }

    pub(crate) fn start(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(Box::new(Kind::Start(cause.into())))
    }

    /// The settings with values that cannot be used.
    pub(crate) fn problems(&self) -> &[Problem] {
        match &*self.0 {
            Kind::Configuration(problems) => problems,
            _ => &[],
        }
    }

    /// Whether the process already has a default handle.
    #[must_use]
    pub fn is_already_installed(&self) -> bool {
        matches!(*self.0, Kind::AlreadyInstalled)
    }

    /// Whether a setting has a value that cannot be used. The message names every such setting.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(*self.0, Kind::Configuration(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::AlreadyAttached => f.write_str(
                "this handle already has a tracer provider: call `attach` once, with the tracer provider whose exporters get the spans",
            ),
            Kind::AlreadyInstalled => f.write_str(
                "this process already has a default handle: shut that one down first, or make this one with `build` and \
                 name it with `#[cekura::conversation(client = …)]`",
            ),
            Kind::Configuration(problems) => {
                for (at, Problem { setting, rule }) in problems.iter().enumerate() {
                    let separator = if at == 0 { "" } else { "; " };
                    write!(f, "{separator}{setting} {rule}")?;
                }
                Ok(())
            }
            Kind::Start(_) => f.write_str("the delivery of spans could not be started"),
        }
    }
}

// What a `main` that returns the error prints: the sentence, and its cause.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Start(cause) => write!(f, "{self}: {cause}"),
            _ => write!(f, "{self}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.0 {
            Kind::Start(cause) => Some(&**cause),
            _ => None,
        }
    }
}
