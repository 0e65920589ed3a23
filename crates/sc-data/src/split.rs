//! Train, validation or test: a speaker is in exactly one.
