//! When, by which version and on which machine a model was trained.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::thread::available_parallelism;

use serde::Serialize;
use time::OffsetDateTime;

/// When, by which version and on which machine a training ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Provenance {
    /// The day in UTC, as in `2026-11-27`.
    pub date: String,
    /// The version of `sc-train`.
    pub version: String,
    /// Processor cores that the program may use.
    pub cores: usize,
    /// The processor, or its architecture if the system does not name it.
    pub processor: String,
    /// The operating system.
    pub system: String,
}

impl Provenance {
    /// This day, this program and this machine.
    pub fn here() -> Self {
        Self {
            date: OffsetDateTime::now_utc().date().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cores: available_parallelism().map_or(1, usize::from),
            processor: fs::read_to_string("/proc/cpuinfo")
                .ok()
                .and_then(|text| model_name(&text))
                .unwrap_or_else(|| ARCH.to_owned()),
            system: OS.to_owned(),
        }
    }
}

/// The processor's name in `/proc/cpuinfo`; kernels for ARM give none.
fn model_name(cpuinfo: &str) -> Option<String> {
    let fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    let mut names = fields.filter(|(field, _)| field.trim() == "model name");
    names.next().map(|(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named_if_the_system_names_it() {
        let x86 =
            "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) CPU\ncores : 2\n";
        assert_eq!(model_name(x86).as_deref(), Some("Intel(R) Xeon(R) CPU"));
        assert_eq!(model_name("processor\t: 0\nBogoMIPS\t: 243.75\n"), None);
    }

    #[test]
    fn the_date_is_written_from_the_year_on() {
        let date = Provenance::here().date;
        let parts: Vec<usize> = date.split('-').map(str::len).collect();
        assert_eq!(parts, [4, 2, 2], "{date}");
    }
}
