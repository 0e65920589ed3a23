//! The clock that times the parts of an answer.

#[cfg(target_family = "wasm")]
pub use no_clock::Instant;
#[cfg(not(target_family = "wasm"))]
pub use std::time::Instant;

/// WebAssembly has no clock of its own: `std::time::Instant::now` panics there. Every duration is zero instead.
#[cfg(target_family = "wasm")]
mod no_clock {
    use std::time::Duration;

    #[derive(Clone, Copy)]
    pub struct Instant;

    impl Instant {
        pub fn now() -> Self {
            Self
        }

        pub fn elapsed(self) -> Duration {
            Duration::ZERO
        }
    }
}
