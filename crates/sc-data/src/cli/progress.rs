//! Shows progress: a bar on a terminal, a line at each tenth elsewhere.

use std::io::{IsTerminal, Write, stderr};

use indicatif::{DecimalBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use sc_data::{FetchEvent, FetchStep};

const TEMPLATE: &str = "{msg:11} [{bar:30}] {percent:>3} %  {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left";
/// Distance between two lines, without a terminal.
const PERCENT_PER_LINE: u64 = 10;

/// Shows a fetch's events on standard error.
#[derive(Default)]
pub struct Progress {
    current: Option<(FetchStep, ProgressBar)>,
    /// The percentage of the next line.
    next_line: u64,
}

impl Progress {
    /// Shows one event.
    pub fn show(&mut self, event: FetchEvent) {
        match event {
            FetchEvent::Note(note) => match &self.current {
                Some((_, bar)) => bar.suspend(|| say(&note)),
                None => say(&note),
            },
            FetchEvent::Progress { step, done, total } => self.advance(step, done, total),
        }
    }

    fn advance(&mut self, step: FetchStep, done: u64, total: Option<u64>) {
        let bar = match self.current.take() {
            Some((current, bar)) if current == step && done >= bar.position() => bar,
            _ => self.start(step, done, total),
        };
        bar.set_position(done);
        if !stderr().is_terminal() {
            self.print_line(&bar, total);
        }
        self.current = Some((step, bar));
    }

    /// Starts the bar of a new step, or of a step that starts over.
    fn start(&mut self, step: FetchStep, done: u64, total: Option<u64>) -> ProgressBar {
        self.next_line = next_step(percent(done, total));
        let name = match step {
            FetchStep::Downloading => "downloading",
            FetchStep::Checking => "checking",
            FetchStep::Unpacking => "unpacking",
        };
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr()).with_message(name);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_position(done);
        bar.reset_eta(); // an earlier run's bytes say nothing of this run's speed
        bar
    }

    fn print_line(&mut self, bar: &ProgressBar, total: Option<u64>) {
        let percent = percent(bar.position(), total);
        if percent < self.next_line {
            return;
        }
        self.next_line = next_step(percent);
        let (name, done) = (bar.message(), DecimalBytes(bar.position()));
        let (rate, left) = (DecimalBytes(bar.per_sec() as u64), HumanDuration(bar.eta()));
        say(&format!("{name}: {percent} %, {done}, {rate}/s, {left} left"));
    }
}

/// Writes a line to standard error. It is lost where nobody reads it any more: no fetch ends for that.
fn say(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}

/// Returns 0 if the server did not say how many bytes there are.
fn percent(done: u64, total: Option<u64>) -> u64 {
    total.and_then(|total| (done * 100).checked_div(total)).unwrap_or(0)
}

fn next_step(percent: u64) -> u64 {
    (percent / PERCENT_PER_LINE + 1) * PERCENT_PER_LINE
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((_, bar)) = &self.current {
            bar.finish_and_clear();
        }
    }
}
