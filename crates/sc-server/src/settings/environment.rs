//! The variables of the environment: which of them are settings, and which are mistakes.

use std::ffi::OsStr;

use anyhow::bail;
use clap::{
    Arg, Command,
    error::{ContextKind, ContextValue},
};

/// What the names of all variables begin with.
const PREFIX: &str = "SC_";

/// Variables of `sc-train`, of the images' scripts and of tests: one environment may serve all programs.
const OTHERS: [&str; 5] = ["SHARD", "OUTPUT", "CACHE", "ARCHIVES", "TRAIN"];

/// Refuses a variable that looks like a setting and is none. A server with a mistyped `SC_API_KEYS` would answer
/// everyone.
///
/// # Errors
/// If there is one. The error names the setting that was probably meant.
pub fn check(command: &Command, names: &[String]) -> anyhow::Result<()> {
    let settings: Vec<&str> = command.get_arguments().filter_map(variable).collect();
    let is_known = |name: &str| settings.contains(&name) || OTHERS.contains(&name);
    let unknown = names
        .iter()
        .filter(|name| !is_link(name, names))
        .filter_map(|name| name.strip_prefix(PREFIX))
        .find(|name| !is_known(name));
    match unknown.map(|name| (name, nearest(name, &settings))) {
        None => Ok(()),
        Some((name, Some(meant))) => bail!("no setting {PREFIX}{name}: did you mean {PREFIX}{meant}?"),
        Some((name, None)) => {
            let names: Vec<String> = settings.iter().map(|name| format!("{PREFIX}{name}")).collect();
            bail!("no setting {PREFIX}{name}: expected one of {}", names.join(", "))
        }
    }
}

/// Returns the names of the variables that are set.
pub fn names() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| !is_empty(name)).collect()
}

/// Makes the command pass over variables that are empty.
pub fn without_empty(command: Command) -> Command {
    command.mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(None::<&str>) } else { arg })
}

/// Returns true for a variable that is as good as not set: `${X:-}` in a compose file makes such.
fn is_empty(name: impl AsRef<OsStr>) -> bool {
    std::env::var_os(name).is_some_and(|value| value.is_empty())
}

/// Returns the name of an argument's variable, behind the prefix.
fn variable(arg: &Arg) -> Option<&str> {
    arg.get_env()?.to_str()?.strip_prefix(PREFIX)
}

/// Returns true for a variable that Kubernetes sets for a service whose name begins with `sc-`.
fn is_link(name: &str, names: &[String]) -> bool {
    let services = names.iter().filter_map(|name| name.strip_suffix("_SERVICE_HOST"));
    services
        .filter_map(|service| name.strip_prefix(service))
        .any(|rest| rest.starts_with("_SERVICE_") || rest == "_PORT" || rest.starts_with("_PORT_"))
}

/// Returns the variable whose name is most like a wrong one, as clap finds it among flags.
fn nearest(wrong: &str, settings: &[&str]) -> Option<String> {
    let flags = settings.iter().map(|&name| Arg::new(name.to_owned()).long(name.to_owned()));
    let error = Command::new("").args(flags).try_get_matches_from(["", &format!("--{wrong}")]).err()?;
    match error.get(ContextKind::SuggestedArg)? {
        ContextValue::String(flag) => Some(flag.trim_start_matches('-').to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::settings::Settings;

    fn check_all(names: &[&str]) -> Result<(), String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        check(&Settings::command(), &names).map_err(|error| error.to_string())
    }

    #[test]
    fn a_variable_that_is_no_setting_is_refused_with_the_nearest_one() {
        for (name, meant) in [
            ("SC_API_KEY", "SC_API_KEYS"),
            ("SC_ALLOW_ORIGIN", "SC_ALLOW_ORIGINS"),
            ("SC_RATELIMIT", "SC_RATE_LIMIT"),
            ("SC_WORKER", "SC_WORKERS"),
        ] {
            let expected = format!("no setting {name}: did you mean {meant}?");
            assert_eq!(check_all(&["PATH", name]), Err(expected));
        }
        let error = check_all(&["SC_XYZ"]).unwrap_err();
        assert!(error.starts_with("no setting SC_XYZ: expected one of SC_CONFIG, SC_HOST, "), "{error}");
    }

    #[test]
    fn variables_of_the_other_programs_and_of_kubernetes_are_no_mistakes() {
        let ours = ["SC_PORT", "SC_API_KEYS", "SC_SHARD", "SC_OUTPUT", "SC_CACHE", "SC_ARCHIVES", "SCALE"];
        let links = ["SC_A_SERVICE_HOST", "SC_A_SERVICE_PORT_HTTP", "SC_A_PORT", "SC_A_PORT_80_TCP_ADDR"];
        assert_eq!(check_all(&[&ours[..], &links].concat()), Ok(()));
        assert!(check_all(&links[1..]).is_err(), "these belong to no service");
    }
}
