//! What the card does, seen from the other side of its APDUs.

mod access;
mod anything;
mod codes;
mod framing;
mod host;
mod profiles;
mod reader;
mod slots;
