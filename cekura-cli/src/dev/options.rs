//! What `cekura dev` is told. Invariant: each option at most once.

use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, PartialEq)]
pub(super) struct Options {
    pub(super) port: u16,
    pub(super) grpc_port: u16,
    pub(super) data: PathBuf,
    pub(super) check: bool,
    /// How long content is kept, if not as long as its call.
    pub(super) keep_content: Option<Duration>,
}

/// # Errors
///
/// What cannot be understood.
pub(super) fn read(arguments: &[&str]) -> Result<Options, String> {
    let (mut port, mut grpc_port, mut data, mut check, mut keep) = (None, None, None, None, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (name, given) =
            argument.split_once('=').map_or((*argument, None), |(name, value)| (name, Some(value)));
        let mut value = || {
            let value = given.or_else(|| rest.next().copied()).filter(|value| !value.is_empty());
            value.ok_or_else(|| format!("{name} needs a value"))
        };
        let is_second = match name {
            "--port" => port.replace(number(name, value()?)?).is_some(),
            "--grpc-port" => grpc_port.replace(number(name, value()?)?).is_some(),
            "--data" => data.replace(PathBuf::from(value()?)).is_some(),
            "--keep-content" => keep.replace(time(name, value()?)?).is_some(),
            "--check" if given.is_none() => check.replace(true).is_some(),
            "--check" => return Err("--check takes no value".to_owned()),
            _ => {
                return Err(format!(
                    "there is no option `{argument}`: --port, --grpc-port, --data, --keep-content and --check are known"
                ));
            }
        };
        if is_second {
            return Err(format!("{name} is given twice"));
        }
    }
    let options = Options {
        port: port.unwrap_or(4318),
        grpc_port: grpc_port.unwrap_or(4317),
        data: data.unwrap_or_else(|| PathBuf::from("cekura-dev")),
        check: check.unwrap_or_default(),
        keep_content: keep,
    };
    if options.port == options.grpc_port && options.port != 0 {
        return Err("--port and --grpc-port are the same".to_owned());
    }
    Ok(options)
}

fn number(name: &str, text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("{name} is to be a port, a number up to 65535; 0 chooses a free one"))
}

/// A time such as `7d`, `12h` or `30m`.
fn time(name: &str, text: &str) -> Result<Duration, String> {
    let read = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let minutes = match unit {
            "d" => 24 * 60,
            "h" => 60,
            "m" => 1,
            _ => return None,
        };
        number.parse::<u32>().ok().map(|number| Duration::from_secs(60 * minutes * u64::from(number)))
    };
    read().ok_or_else(|| format!("{name} is to be a time such as 7d, 12h or 30m"))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn without_options_the_ports_are_those_of_opentelemetry() {
        let options = read(&[]).unwrap();
        assert_eq!((options.port, options.grpc_port, options.check), (4318, 4317, false));
    }
}
