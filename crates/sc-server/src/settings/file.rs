//! Where the defaults of settings come from: a file, and the port that a platform sets.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Arg, Command};

/// Returns the file that the arguments or the environment name. It is read before the arguments are parsed.
pub fn config_file(arguments: &[OsString]) -> Option<PathBuf> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(file) = argument.to_str().and_then(|argument| argument.strip_prefix("--config=")) {
            return Some(file.into());
        }
    }
    std::env::var_os("SC_CONFIG").filter(|file| !file.is_empty()).map(PathBuf::from)
}

/// Makes the settings of a file the defaults of the command.
pub fn with_defaults_of(mut command: Command, file: &Path) -> anyhow::Result<Command> {
    let explain = || format!("cannot use --config (SC_CONFIG) {}", file.display());
    let text = fs::read_to_string(file).with_context(explain)?;
    let table: toml::Table = toml::from_str(&text).with_context(explain)?;
    for (name, value) in table {
        command = with_default(command, &name, &value).with_context(explain)?;
    }
    Ok(command)
}

fn with_default(command: Command, name: &str, value: &toml::Value) -> anyhow::Result<Command> {
    let settings = || command.get_arguments().filter(|arg| is_setting(arg));
    let Some(setting) = settings().find(|arg| arg.get_long() == Some(name)) else {
        let names: Vec<&str> = settings().filter_map(Arg::get_long).collect();
        bail!("no setting `{name}`: expected one of {}", names.join(", "));
    };
    let (id, takes_list) = (setting.get_id().clone(), setting.get_value_delimiter().is_some());
    let values: anyhow::Result<Vec<_>> = match value {
        toml::Value::Array(values) if takes_list => values.iter().map(plain).collect(),
        value => plain(value).map(|value| vec![value]),
    };
    let values = values.with_context(|| format!("`{name}`"))?;
    Ok(command.mut_arg(id, |arg| arg.default_values(values)))
}

fn is_setting(arg: &Arg) -> bool {
    !["config", "print-config"].contains(&arg.get_long().unwrap_or_default())
}

fn plain(value: &toml::Value) -> anyhow::Result<String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        other => bail!("expected a string or a whole number, got {}", other.type_str()),
    }
}

/// Takes `PORT` as the port unless a flag or `SC_PORT` says otherwise: Cloud Run, Heroku and `KServe` set it.
pub fn with_port(command: Command, port: Option<String>) -> Command {
    match port {
        Some(port) if !port.is_empty() => command.mut_arg("port", |arg| arg.default_value(port)),
        _ => command,
    }
}

#[cfg(test)]
pub mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::*;
    use crate::settings::Settings;
    use crate::settings::tests::parse;

    /// Settings of a file, and arguments.
    pub fn parse_with(file: &str, arguments: &[&str]) -> anyhow::Result<Settings> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("sc-server.toml");
        fs::write(&path, file)?;
        let command = with_defaults_of(Settings::command(), &path)?;
        let matches = command.try_get_matches_from([&["sc-server"], arguments].concat())?;
        Ok(Settings::from_arg_matches(&matches)?)
    }

    #[test]
    fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
        let settings =
            parse_with("port = 1\nqueue = 2\nallow-origin = [\"http://a\", \"http://b\"]", &["--port=3"])
                .unwrap();

        assert_eq!((settings.port, settings.queue), (3, 2));
        assert_eq!(settings.allow_origins, ["http://a", "http://b"].map(|origin| Some(origin.to_owned())));
        assert_eq!(settings.host, "127.0.0.1");
    }

    #[test]
    fn a_platform_may_set_the_port_unless_a_flag_does() {
        let port = |platform: Option<&str>, arguments: &[&str]| {
            let command = with_port(Settings::command(), platform.map(Into::into));
            let matches = command.try_get_matches_from([&["sc-server"], arguments].concat())?;
            Ok::<_, anyhow::Error>(Settings::from_arg_matches(&matches)?.port)
        };
        assert_eq!(port(Some("8080"), &[]).unwrap(), 8080);
        assert_eq!(port(Some("8080"), &["--port=81"]).unwrap(), 81);
        assert_eq!(port(Some(""), &[]).unwrap(), 8000);
        assert_eq!(port(None, &[]).unwrap(), 8000);
        let error = port(Some("http"), &[]).unwrap_err().to_string();
        assert!(error.contains("expected a port, 0 to 65535"), "{error}");
    }

    #[test]
    fn a_wrong_file_is_refused_with_the_name_of_the_setting() {
        for (file, expected) in [
            ("prt = 1", "no setting `prt`: expected one of host, port"),
            ("port = \"x\"", "expected a port, 0 to 65535"),
            ("port = [1, 2]", "`port`: expected a string or a whole number, got array"),
            ("allow-origin = [[1]]", "`allow-origin`: expected a string or a whole number, got array"),
            ("port", "cannot use --config"),
        ] {
            let error = format!("{:#}", parse_with(file, &[]).unwrap_err());
            assert!(error.contains(expected), "{file}: {error}");
        }
    }

    #[test]
    fn what_is_printed_gives_the_same_settings() {
        let arguments = ["--port=3", "--rate-limit=5", "--log-format=json", "--allow-origin=http://a"];
        let settings = Settings { config: Some("earlier.toml".into()), ..parse(&arguments).unwrap() };
        let printed = settings.to_toml().unwrap();

        assert_eq!(parse_with(&printed, &[]).unwrap().to_toml().unwrap(), printed);
    }
}
