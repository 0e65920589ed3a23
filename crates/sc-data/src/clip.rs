//! What a clip's file name says.
